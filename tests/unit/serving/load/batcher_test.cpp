// Calls that are ready together are computed as one, over sockets: a call is held, so that others wait, and let go.
#include <future>

#include "serving/load/batcher.h"
#include "serving/monitoring/counters.h"
#include "tests/support/http2_frames.h"
#include "tests/unit/serving/load_fixture.h"

namespace clops::serving {
namespace {

using namespace std::chrono_literals;

struct BatcherTest : LoadTest {
  struct Kept {  // one connection, several requests
    explicit Kept(int port) : client(port) {}
    RawAnswer answer() {
      while (true) {
        const size_t head = text.find("\r\n\r\n");
        if (head != std::string::npos) {
          const size_t size = std::stoull(text.substr(text.find("Content-Length: ") + 16));
          if (text.size() >= head + 4 + size) {
            const RawAnswer out = split_answer(text.substr(0, head + 4 + size));
            text.erase(0, head + 4 + size);
            return out;
          }
        }
        const std::string more = client.read_some();
        if (more.empty()) return split_answer(text);
        text += more;
      }
    }
    test::TcpClient client;
    std::string text;
  };
  static std::string ask_for(float value, const std::string& more = "") {
    std::string out = request("m", body(value, more));
    return out.erase(out.find("Connection: close\r\n"), 19);
  }
  static float value_of(const RawAnswer& answer) { return answer.json().at("outputs")[0].at("data")[0].get<float>(); }

  void start(std::optional<crds::Batcher> batcher = {}) {
    threads = 1;
    holding->busy = 50us;
    auto config =
        crds::ServingConfig{.generation = 1, .models = {model_of("m", {{variant("a", 100), crds::kBuckets}})}};
    config.models[0].batcher = batcher;
    start_ready(config);
    for (int i = 0; i < 12; ++i) open.push_back(std::make_unique<Kept>(server->port()));
    holding->rows_most.store(0);  // loading tries some rows
    // What a call takes alone is noted at most once in a millisecond.
    for (int i = 0; i < 8; ++i) {
      for (const auto& one : open) {
        ASSERT_TRUE(one->client.send_all(ask_for(1)));
        ASSERT_EQ(one->answer().status, 200);
      }
      ASSERT_TRUE(passes(2ms));
    }
    ASSERT_EQ(holding->rows_most.load(), 1U);  // none waited for another
  }
  // All of these are ready when the thread looks.
  void send_at_once(const std::vector<std::string>& requests) {
    const auto held = hold("m");
    for (size_t i = 0; i < requests.size(); ++i) ASSERT_TRUE(open[i]->client.send_all(requests[i]));
    holding->let_go();
    EXPECT_EQ(held->answer().status, 400);
  }

  std::vector<std::unique_ptr<Kept>> open;
};

TEST_F(BatcherTest, calls_that_are_ready_together_are_computed_as_one_and_each_gets_its_own_answer) {
  start();
  std::vector<std::string> requests;
  for (int i = 0; i < 12; ++i)
    requests.push_back(ask_for(static_cast<float>(i), R"(,"id":"call )" + std::to_string(i) + "\""));
  send_at_once(requests);
  for (size_t i = 0; i < requests.size(); ++i) {
    const RawAnswer answer = open[i]->answer();
    ASSERT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(value_of(answer), static_cast<float>(i));
    EXPECT_EQ(answer.json().at("id"), "call " + std::to_string(i));
    EXPECT_EQ(answer.json().at("outputs")[0].at("shape"), Json::parse("[1,1]"));
  }
  EXPECT_GE(holding->rows_most.load(), 8U);
  const std::string labels = R"({model="m",version="1",variant="a"})";
  EXPECT_GE(metric("clops_batch_calls_count" + labels), 1U);
  EXPECT_GE(metric("clops_batch_calls_sum" + labels), 8U);
  EXPECT_EQ(metric("nv_inference_pending_request_count" + labels), 0U);
  EXPECT_LT(metric("nv_inference_exec_count" + labels), metric("nv_inference_request_success" + labels));
}

TEST_F(BatcherTest, a_row_that_fails_fails_its_own_call_alone) {
  start();
  std::vector<std::string> requests(12, ask_for(7));
  requests[5] = ask_for(kRefused);
  send_at_once(requests);
  for (size_t i = 0; i < requests.size(); ++i) EXPECT_EQ(open[i]->answer().status, i == 5 ? 400 : 200) << i;
}

TEST_F(BatcherTest, a_model_that_does_not_answer_row_by_row_is_asked_for_each_call_alone_ever_after) {
  holding->sums = true;
  start();
  for (int times = 0; times < 2; ++times) {
    holding->held.store(true);
    send_at_once(std::vector<std::string>(12, ask_for(7)));
    for (const auto& one : open) EXPECT_EQ(value_of(one->answer()), 7);
    EXPECT_EQ(holding->rows_most.exchange(0) > 1, times == 0);
  }
}

TEST_F(BatcherTest, calls_of_other_widths_and_those_to_come_behind_on_the_same_connection_are_answered_in_order) {
  start();
  std::vector<std::string> requests;
  for (int i = 0; i < 12; ++i) {
    const auto n = static_cast<float>(i);
    requests.push_back(ask_for(n) + ask_for(n + 100) + "GET /v2/health/live HTTP/1.1\r\nHost: h\r\n\r\n" +
                       ask_for(n + 200));
  }
  send_at_once(requests);
  for (size_t i = 0; i < requests.size(); ++i) {
    EXPECT_EQ(value_of(open[i]->answer()), static_cast<float>(i));
    EXPECT_EQ(value_of(open[i]->answer()), static_cast<float>(i + 100));
    EXPECT_EQ(open[i]->answer().body, R"({"live":true})");
    EXPECT_EQ(value_of(open[i]->answer()), static_cast<float>(i + 200));
  }
}

TEST_F(BatcherTest, a_batch_has_as_many_rows_as_are_declared_and_one_is_none) {
  start(crds::Batcher{.max_batch_size = 4});
  send_at_once(std::vector<std::string>(12, ask_for(3)));
  for (const auto& one : open) EXPECT_EQ(one->answer().status, 200);
  EXPECT_EQ(holding->rows_most.load(), 4U);
}

TEST_F(BatcherTest, where_one_row_is_the_most_each_call_is_computed_alone) {
  start(crds::Batcher{.max_batch_size = 1});
  send_at_once(std::vector<std::string>(12, ask_for(3)));
  for (const auto& one : open) EXPECT_EQ(one->answer().status, 200);
  EXPECT_EQ(holding->rows_most.load(), 1U);
}

struct ManualClock final : Clock {
  TimePoint time{1h};
  TimePoint now() const override { return time; }
  WallTime wall() const override { return {}; }
};

TEST(Batcher, what_can_no_longer_be_answered_when_its_turn_comes_is_not_computed) {
  ManualClock clock;
  Batcher batcher(clock);
  const auto holding = std::make_shared<Holding>();
  const HoldEngine engine(holding);
  VariantCounters counters;
  const auto batch = make_variant_batch(engine.info(), std::nullopt);
  ASSERT_NE(batch, nullptr);
  Scratch scratch;
  Target target{.engine = &engine, .scratch = &scratch, .counters = &counters, .batch = batch.get()};
  for (int i = 0; i < 4; ++i) batcher.ran_alone(target, 1ms);
  std::vector<int64_t> tickets;
  for (int i = 0; i < 3; ++i) {
    Inference inference;
    inference.request.begin(engine.info());
    inference.request.inputs[0].reset(Datatype::Fp32, {1, 1});
    inference.request.inputs[0].as<float>()[0] = static_cast<float>(i);
    inference.request.given[0] = 1;
    inference.request.finish(engine.info());
    CallInfo call{.wire = "rest", .model = "m", .may_wait = true, .alone = false};
    if (i == 1) call.deadline = clock.now() + 2ms;
    CallEnd end{.target = &target};
    ASSERT_TRUE(batcher.wants(call, target, inference.request));
    tickets.push_back(batcher.put(call, end, inference, "\"id\""));
  }
  EXPECT_FALSE(batcher.due());
  clock.time += 4ms;
  EXPECT_FALSE(batcher.due());
  clock.time += 1ms;
  EXPECT_TRUE(batcher.due());  // as long as a call may be kept
  batcher.compute();
  EXPECT_FALSE(batcher.due());
  EXPECT_EQ(holding->rows_most.load(), 2U);
  for (size_t i = 0; i < tickets.size(); ++i) {
    PendingCall& call = batcher.at(tickets[i]);
    EXPECT_EQ(call.id, "\"id\"");
    EXPECT_EQ(call.call.model, "m");
    EXPECT_EQ(static_cast<bool>(call.done), i != 1);
    if (i == 1) {
      EXPECT_EQ(call.done.error().code, Code::DeadlineExceeded);
    } else {
      EXPECT_EQ(call.inference.outputs(target)[0].as<float>()[0], static_cast<float>(i));
    }
    EXPECT_EQ(batcher.unclaimed().size(), tickets.size() - i);
    batcher.release(tickets[i]);
  }
  EXPECT_FALSE(batcher.pending());
}

TEST_F(BatcherTest, clients_that_leave_meanwhile_take_nothing_with_them) {
  start();
  const auto held = hold("m");
  for (const auto& one : open) ASSERT_TRUE(one->client.send_all(ask_for(5)));
  for (size_t i = 0; i < open.size(); i += 2) open[i].reset();
  holding->let_go();
  EXPECT_EQ(held->answer().status, 400);
  for (const auto& one : open)
    if (one != nullptr) {
      EXPECT_EQ(value_of(one->answer()), 5);
    }
  EXPECT_EQ(ask(request("m", body(6)))->answer().status, 200);
  const std::string labels = R"({model="m",version="1",variant="a"})";
  EXPECT_TRUE(eventually([&] { return metric("nv_inference_pending_request_count" + labels) == 0; }));
}

// A table that changes between two batches takes nothing from either.
TEST_F(BatcherTest, configurations_change_under_load_and_no_call_fails) {
  start();
  std::atomic<bool> stop{false};
  std::vector<std::future<int>> clients;
  for (const auto& one : open) {
    clients.push_back(std::async(std::launch::async, [&stop, kept = one.get()] {
      int wrong = 0;
      for (int call = 0; !stop.load(); ++call) {
        const auto value = static_cast<float>(call % 500);  // never kHold
        if (!kept->client.send_all(ask_for(value))) return wrong + 1;
        const RawAnswer answer = kept->answer();
        wrong += answer.status == 200 && value_of(answer) == value ? 0 : 1;
      }
      return wrong;
    }));
  }
  auto config = crds::ServingConfig{.generation = 1, .models = {model_of("m", {{variant("a", 100), crds::kBuckets}})}};
  int64_t& generation = config.generation;
  EXPECT_TRUE(eventually([&] {  // some were computed together, and many tables came by
    config.models[0].batcher = crds::Batcher{.max_batch_size = 2 + static_cast<int>(++generation) % 16};
    EXPECT_EQ(push(config).status, 200);
    return generation >= 40 && holding->rows_most.load() > 1;
  }));
  stop.store(true);
  for (auto& client : clients) EXPECT_EQ(client.get(), 0);
}

std::string varint_field(uint32_t field, const std::string& bytes) {
  return std::string(1, static_cast<char>(field << 3 | 2)) + std::string(1, static_cast<char>(bytes.size())) + bytes;
}

// ModelInferRequest of one value, as the protocol's numbers have it.
std::string infer_message(const std::string& id, float value) {
  std::string raw(reinterpret_cast<const char*>(&value), sizeof value);
  const std::string tensor = varint_field(1, "x") + varint_field(2, "FP32") + varint_field(3, std::string("\1\1", 2));
  return varint_field(1, "m") + varint_field(3, id) + varint_field(5, tensor) + varint_field(7, raw);
}

TEST_F(BatcherTest, grpc_calls_of_one_connection_are_computed_as_one) {
  start();
  test::TcpClient client(server->port());
  std::string bytes = test::hello();
  constexpr uint32_t kCalls = 10;
  for (uint32_t i = 0; i < kCalls; ++i) {
    const uint32_t stream = 2 * i + 1;
    bytes += test::call_headers(stream, "/inference.GRPCInferenceService/ModelInfer");
    bytes += test::data(stream, test::grpc_message(infer_message("call " + std::to_string(i), static_cast<float>(i))));
  }
  const auto held = hold("m");
  ASSERT_TRUE(client.send_all(bytes));
  holding->let_go();
  EXPECT_EQ(held->answer().status, 400);
  test::FrameReader reader;
  std::map<uint32_t, std::string> data, status;
  while (status.size() < kCalls) {
    const std::string more = client.read_some();
    ASSERT_FALSE(more.empty());
    for (const test::Frame& frame : reader.read(more)) {
      if (frame.type == test::kData) data[frame.stream] += frame.payload;
      if (frame.type == test::kHeaders && frame.ends()) status[frame.stream] = frame.headers.at("grpc-status");
    }
  }
  for (uint32_t i = 0; i < kCalls; ++i) {
    EXPECT_EQ(status[2 * i + 1], "0");
    const auto value = static_cast<float>(i);
    const std::string& message = data[2 * i + 1];
    EXPECT_NE(message.find("call " + std::to_string(i)), std::string::npos);
    EXPECT_TRUE(message.ends_with(std::string_view(reinterpret_cast<const char*>(&value), sizeof value))) << i;
  }
  EXPECT_GE(holding->rows_most.load(), 8U);
}

}  // namespace
}  // namespace clops::serving
