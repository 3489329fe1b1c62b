// A whole server on free ports of loopback, and ways to ask it: shared by the tests that go over real sockets.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>

#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "registry/inspection.h"
#include "serving/engines/forest.h"
#include "serving/server.h"
#include "tests/support/eventually.h"
#include "tests/unit/formats/golden.h"

namespace clops::serving {

namespace fs = std::filesystem;

inline crds::ModelRef ref_of(const std::string& version, const fs::path& path) {
  const auto document = parse_json(registry::inspect_path(path));
  return {.model_version = "mv-" + version,
          .version = version,
          .uri = "file://" + path.string(),
          .digest = sha256(*read_file(path)),
          .format = string_at(*document, {"format"})};
}

inline crds::ServingModel model_of(const std::string& name,
                                   const std::vector<std::pair<crds::ServingVariant, uint32_t>>& variants) {
  crds::ServingModel model{.name = name, .salt = "uid", .stable = variants.front().first.name};
  uint32_t at = 0;
  for (const auto& [variant, buckets] : variants) {
    model.variants.push_back(variant);
    if (buckets > 0) model.buckets.push_back({at, at + buckets, variant.name});
    at += buckets;
  }
  return model;
}

struct RawAnswer {
  int status = 0;
  std::string head, body;
  [[nodiscard]] std::optional<std::string> header(const std::string& name) const {
    const size_t at = head.find("\r\n" + name + ": ");
    if (at == std::string::npos) return std::nullopt;
    const size_t from = at + name.size() + 4;
    return head.substr(from, head.find("\r\n", from) - from);
  }
  [[nodiscard]] Json json() const {
    auto parsed = parse_json(body);
    EXPECT_TRUE(parsed) << body.substr(0, 500);
    return parsed ? *parsed : Json();
  }
};
inline RawAnswer split_answer(const std::string& text) {
  RawAnswer out;
  const size_t end = text.find("\r\n\r\n");
  if (end == std::string::npos || !text.starts_with("HTTP/1.1 ")) {
    ADD_FAILURE() << "no answer: " << text.substr(0, 200);
    return out;
  }
  out.head = text.substr(0, end + 2);
  out.body = text.substr(end + 4);
  out.status = std::stoi(text.substr(9));
  return out;
}
inline std::string exchange(int port, std::string_view bytes) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{.sin_family = AF_INET, .sin_port = htons(static_cast<uint16_t>(port))};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string out;
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) break;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    char buffer[16384];
    for (ssize_t got = 0; (got = ::recv(socket, buffer, sizeof buffer, 0)) > 0;)
      out.append(buffer, static_cast<size_t>(got));
  }
  ::close(socket);
  return out;
}

struct ServerTest : testing::Test {
  void SetUp() override {
    folder = fs::path(testing::TempDir()) / ("clops_server_" + std::to_string(::getpid()) +
                                             testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::create_directories(folder);
    key_file = folder / "key";
    ASSERT_TRUE(write_file_atomic(key_file, "sesame\n"));
    auto made = make_curl_client({});
    ASSERT_TRUE(made);
    http = std::move(*made);
  }
  void TearDown() override {
    server.reset();
    fs::remove_all(folder);
  }
  void start(std::optional<crds::ServingConfig> config = {}) {
    std::vector<std::unique_ptr<EngineFactory>> factories;
    factories.push_back(make_forest_engine_factory());
    for (auto& factory : more_factories) factories.push_back(std::move(factory));
    ServerOptions options{
        .port = 0, .admin_port = 0, .threads = threads, .body_bytes_max = 1u << 20, .push_key_file = key_file.string()};
    options.cache_folder = (folder / "cache").string();
    options.pod_name = "pod-1";
    options.drain_delay = std::chrono::milliseconds(50);
    options.connection_age = connection_age;
    if (threads_now) {
      options.threads = 0;
      options.threads_now = threads_now;
      options.threads_most = 4;
    }
    options.model_control = model_control;
    options.queue_delay = queue_delay;
    options.cheap_call = cheap_call;
    options.telemetry = telemetry;
    options.credentials = credentials;
    options.sources = {.allow_file_uris = true, .claims = {}, .http = nullptr};
    auto made = InferenceServer::start(std::move(options), clock, *log, std::move(factories), std::move(config));
    ASSERT_TRUE(made) << made.error().message;
    server = std::move(*made);
  }
  void start_ready(const crds::ServingConfig& config) {
    start(config);
    ASSERT_TRUE(eventually([&] { return server->state().ready; }));
  }
  HttpResponse send(const std::string& method, const std::string& path, std::string body = "", Headers headers = {},
                    bool admin = false) {
    if (!body.empty()) headers.set("Content-Type", "application/json");
    const int port = admin ? server->admin_port() : server->port();
    auto answer = http->send({.method = method,
                              .url = "http://127.0.0.1:" + std::to_string(port) + path,
                              .headers = std::move(headers),
                              .body = std::move(body)},
                             {});
    if (answer) return *answer;
    ADD_FAILURE() << method << " " << path << ": " << answer.error().message;
    return {};
  }
  HttpResponse push(const crds::ServingConfig& config, const std::string& key = "sesame") {
    Headers headers;
    headers.set("Authorization", "Bearer " + key);
    return send("PUT", "/clops/v1/config", crds::encode(config), headers, true);
  }
  static std::string infer_path(const std::string& model) { return "/v2/models/" + model + "/infer"; }
  fs::path sample(const std::string& name) { return golden::root() / "samples/models" / name; }
  crds::ServingConfig two(int64_t generation) {
    return {.generation = generation,
            .models = {model_of(
                "breast-cancer",
                {{{.name = "champion", .weight = 90, .model = ref_of("1", sample("breast-cancer/1/model.ubj"))}, 9000},
                 {{.name = "challenger", .weight = 10, .model = ref_of("2", sample("breast-cancer/2/model.json"))},
                  1000}})}};
  }

  // One exchange over a connection of its own, byte for byte; the answer is read to the connection's end.
  std::string raw(const std::string& bytes) const { return exchange(server->port(), bytes); }
  // The same for a POST, whose body may be anything; `headers` are whole lines.
  RawAnswer post(const std::string& path, const std::string& body, const std::string& headers = "") const {
    return split_answer(raw("POST " + path + " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" + headers +
                            "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body));
  }

  fs::path folder, key_file;
  std::vector<std::unique_ptr<EngineFactory>> more_factories;
  std::chrono::milliseconds connection_age{0};
  std::function<int()> threads_now;
  bool model_control = false;
  int threads = 2;
  std::chrono::microseconds cheap_call{0};
  std::chrono::milliseconds queue_delay{0};  // a machine that is busy with other tests has no call refused
  TelemetryOptions telemetry;
  CredentialOptions credentials;
  SystemClock clock;
  std::unique_ptr<Log> log = make_null_log();
  std::unique_ptr<HttpClient> http;
  std::unique_ptr<InferenceServer> server;
};

}  // namespace clops::serving
