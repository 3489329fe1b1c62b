// What a server under load refuses, over sockets: a call is held, so that time passes and others wait, and let go.
#include "tests/unit/serving/load_fixture.h"

namespace clops::serving {
namespace {

using namespace std::chrono_literals;

TEST_F(LoadTest, calls_that_waited_too_long_are_refused_and_health_is_not) {
  threads = 1;
  queue_delay = 20ms;
  start_two({});
  const int warm = holding->computed.load();
  const auto held = hold("m");
  std::vector<std::unique_ptr<Asked>> waiting;
  for (int i = 0; i < 20; ++i) waiting.push_back(ask(request("m", body(1))));
  const auto health = ask("GET /v2/health/ready HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(passes(400ms));  // of which half counts: beyond five delays there is no rush
  holding->let_go();
  for (const auto& asked : waiting) {
    const RawAnswer answer = asked->answer();
    EXPECT_EQ(answer.status, 503) << answer.body;
    EXPECT_EQ(answer.header("Retry-After"), "1");
    EXPECT_NE(answer.body.find("waited too long"), std::string::npos) << answer.body;
  }
  EXPECT_EQ(health->answer().status, 200);
  EXPECT_EQ(held->answer().status, 400);
  EXPECT_EQ(holding->computed.load(), warm);
  EXPECT_EQ(refused("queue"), 20U);
  // Nothing waits any more; on a machine that is busy with something else the first may be late all the same.
  EXPECT_TRUE(eventually([&] { return ask(request("m", body(1)))->answer().status == 200; }));
}

// Refusing them would cost what they do: they are computed, however late.
TEST_F(LoadTest, calls_that_cost_next_to_nothing_are_not_refused_for_their_age) {
  threads = 1;
  queue_delay = 1ms;
  cheap_call = 1s;
  start_two({});
  const auto held = hold("m");
  std::vector<std::unique_ptr<Asked>> waiting;
  for (int i = 0; i < 5; ++i) waiting.push_back(ask(request("m", body(1))));
  EXPECT_TRUE(passes(100ms));
  holding->let_go();
  for (const auto& asked : waiting) EXPECT_EQ(asked->answer().status, 200);
}

TEST_F(LoadTest, a_variants_own_delay_counts_before_the_servers) {
  threads = 1;
  queue_delay = 20ms;
  start_two({.max_queue_delay_ms = 60'000});
  const auto held = hold("m");
  const auto patient = ask(request("m", body(1))), other = ask(request("other", body(1)));
  EXPECT_TRUE(passes(400ms));
  holding->let_go();
  EXPECT_EQ(patient->answer().status, 200);
  EXPECT_EQ(other->answer().status, 503);
}

TEST_F(LoadTest, what_can_no_longer_be_answered_in_time_is_not_computed) {
  threads = 1;
  start_two({});
  const auto held = hold("m");
  const auto late = ask(request("m", body(1), "x-envoy-expected-rq-timeout-ms: 50\r\n"));
  const auto late_by_parameter = ask(request("m", body(1, R"(,"parameters":{"timeout":50000})")));
  const auto patient = ask(request("m", body(1), "x-envoy-expected-rq-timeout-ms: 60000\r\n"));
  const auto whenever = ask(request("m", body(1, R"(,"parameters":{"timeout":0})")));
  EXPECT_TRUE(passes(300ms));
  holding->let_go();
  EXPECT_EQ(late->answer().status, 504);
  EXPECT_EQ(late_by_parameter->answer().status, 504);
  EXPECT_EQ(patient->answer().status, 200);
  EXPECT_EQ(whenever->answer().status, 200);
  EXPECT_EQ(refused("deadline"), 2U);
  const RawAnswer wrong = ask(request("m", body(1), "x-envoy-expected-rq-timeout-ms: soon\r\n"))->answer();
  EXPECT_EQ(wrong.status, 400);
  EXPECT_NE(wrong.body.find("x-envoy-expected-rq-timeout-ms"), std::string::npos);
  EXPECT_EQ(ask(request("m", body(1, R"(,"parameters":{"timeout":-1})")))->answer().status, 400);
}

// Two threads, of which a held call has one: the same variant is refused on the other, another model is not.
TEST_F(LoadTest, a_variant_leaves_threads_to_the_others) {
  start_two({.max_concurrent = 1});
  const auto held = hold("m");
  ASSERT_TRUE(eventually([&] {  // a connection may come to the held thread: it is answered when that goes on
    const RawAnswer answer = ask(request("m", body(1)))->answer_or_nothing(500ms);
    return answer.status == 503 && answer.header("Retry-After") == "1";
  }));
  ASSERT_TRUE(eventually([&] { return ask(request("other", body(1)))->answer_or_nothing(500ms).status == 200; }));
  EXPECT_GE(refused("concurrency"), 1U);
  holding->let_go();
  EXPECT_EQ(held->answer().status, 400);
  EXPECT_EQ(ask(request("m", body(1)))->answer().status, 200);
}

TEST_F(LoadTest, a_variant_is_not_asked_more_than_its_rate) {
  start_two({.max_requests_per_second = 1});
  EXPECT_EQ(ask(request("m", body(1)))->answer().status, 200);
  int answered = 0, refusals = 0;
  const TimePoint begin = clock.now();
  for (int i = 0; i < 50; ++i) {
    const RawAnswer answer = ask(request("m", body(1)))->answer();
    (answer.status == 200 ? answered : refusals) += 1;
    EXPECT_TRUE(answer.status == 200 || answer.status == 503) << answer.status;
  }
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(clock.now() - begin).count();
  EXPECT_LE(answered, seconds + 1);
  EXPECT_EQ(refused("rate"), static_cast<uint64_t>(refusals));
  EXPECT_EQ(ask(request("other", body(1)))->answer().status, 200);
  // A new configuration does not forget what has come.
  crds::ServingVariant m = variant("a", 100);
  m.limits = {.max_requests_per_second = 1};
  EXPECT_EQ(push({.generation = 2, .models = {model_of("m", {{m, crds::kBuckets}})}}).status, 200);
}

}  // namespace
}  // namespace clops::serving
