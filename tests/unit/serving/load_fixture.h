// A server whose calls a test can hold, for what happens to the others meanwhile.
#pragma once

#include "tests/support/tcp_client.h"
#include "tests/unit/serving/hold_engine.h"
#include "tests/unit/serving/server_fixture.h"

namespace clops::serving {

struct LoadTest : ServerTest {
  void TearDown() override {
    holding->let_go();
    ServerTest::TearDown();
  }
  crds::ServingVariant variant(const std::string& name, int weight, std::shared_ptr<Holding> held = {}) {
    more_factories.push_back(std::make_unique<HoldFactory>("hold-" + name, held ? held : holding));
    crds::ModelRef ref{.model_version = "mv-" + name, .version = "1", .uri = "file://" + (folder / name).string()};
    EXPECT_TRUE(write_file_atomic(folder / name, name));
    ref.digest = sha256(name);
    ref.format = "hold-" + name;
    return {.name = name, .weight = weight, .model = ref};
  }
  // Models m and other, each of one variant, whose limits are given.
  void start_two(const crds::VariantLimits& limits) {
    crds::ServingVariant m = variant("a", 100);
    m.limits = limits;
    start_ready(
        {.generation = 1,
         .models = {model_of("m", {{m, crds::kBuckets}}), model_of("other", {{variant("b", 100), crds::kBuckets}})}});
  }
  static std::string body(float value, const std::string& parameters = "") {
    return R"({"inputs":[{"name":"x","datatype":"FP32","shape":[1,1],"data":[)" + std::to_string(value) + "]}]" +
           parameters + "}";
  }
  static std::string request(const std::string& model, const std::string& body, const std::string& headers = "") {
    return "POST " + infer_path(model) + " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" + headers +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }
  struct Asked {
    explicit Asked(int port, const std::string& bytes) : client(port) { EXPECT_TRUE(client.send_all(bytes)); }
    // Status 0: none has come in that time.
    RawAnswer answer_or_nothing(std::chrono::milliseconds time) const {
      pollfd wait{.fd = client.fd(), .events = POLLIN};
      if (::poll(&wait, 1, static_cast<int>(time.count())) != 1) return {};
      return split_answer(const_cast<test::TcpClient&>(client).read_to_end());
    }
    RawAnswer answer() { return split_answer(client.read_to_end()); }
    test::TcpClient client;
  };
  [[nodiscard]] std::unique_ptr<Asked> ask(const std::string& bytes) const {
    return std::make_unique<Asked>(server->port(), bytes);
  }
  // A call is being computed and stays so.
  [[nodiscard]] std::unique_ptr<Asked> hold(const std::string& model, int calls = 1) {
    auto asked = ask(request(model, body(kHold)));
    EXPECT_TRUE(eventually([&] { return holding->inside.load() == calls; }));
    return asked;
  }
  [[nodiscard]] bool passes(std::chrono::milliseconds time) const {  // until so much time is over
    const TimePoint end = clock.now() + time;
    return eventually([&] { return clock.now() >= end; });
  }
  uint64_t metric(const std::string& line) {  // "name{labels}"
    const std::string text = send("GET", "/metrics", "", {}, true).body;
    const size_t at = text.find("\n" + line + " ");
    if (at == std::string::npos) {
      ADD_FAILURE() << "no metric " << line;
      return 0;
    }
    return std::stoull(text.substr(at + line.size() + 2));
  }
  uint64_t refused(const std::string& reason) {
    return metric(R"(clops_refused_total{model="m",version="1",variant="a",reason=")" + reason + "\"}");
  }

  std::shared_ptr<Holding> holding = std::make_shared<Holding>();
};

}  // namespace clops::serving
