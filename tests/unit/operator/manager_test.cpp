// The manager on one thread: informers, holds, election and gate against an API that the test plays.
#include "operator/manager/manager.h"

#include <gtest/gtest.h>

#include "operator/election/elector.h"
#include "tests/unit/operator/fakes.h"

namespace clops::op {
namespace {

using namespace std::chrono_literals;

const ResourceType kThings{.group = "", .version = "v1", .kind = "Thing", .plural = "things"};
const ResourceType kParts{.group = "", .version = "v1", .kind = "Part", .plural = "parts"};

Json thing(const std::string& name, int rv, int generation = 1) {
  return {{"apiVersion", "v1"},
          {"kind", "Thing"},
          {"metadata",
           {{"name", name},
            {"namespace", "n"},
            {"uid", "u-" + name},
            {"resourceVersion", std::to_string(rv)},
            {"generation", generation}}}};
}
Json part(const std::string& name, int rv, const std::string& owner) {
  Json out = thing(name, rv);
  out["kind"] = "Part";
  out["metadata"]["ownerReferences"] = Json::array(
      {{{"apiVersion", "v1"}, {"kind", "Thing"}, {"name", owner}, {"uid", "u-" + owner}, {"controller", true}}});
  return out;
}
std::string frame(const char* type, const Json& object) {
  return dump_json({{"type", type}, {"object", object}}) + "\n";
}
HttpResponse list_of(std::vector<Json> items, int rv) {
  return json(200, {{"metadata", {{"resourceVersion", std::to_string(rv)}}}, {"items", items}});
}

struct Recording final : Reconciler {
  Outcome reconcile(const ObjectKey& key, Context& context) override {
    seen.push_back(key.name);
    return act ? act(key, context) : Done{};
  }
  std::vector<std::string> seen;
  std::function<Outcome(const ObjectKey&, Context&)> act;
};

class ManagerTest : public testing::Test {
 protected:
  void start(const std::string& lease_ns = "") {
    ManagerOptions options{.identity = "me", .lease_namespace = lease_ns};
    manager = std::make_unique<Manager>(
        ManagerDeps{executor, clock, random, *log, *client, client.get()}, options,
        std::vector<InformerSpec>{{.type = kThings}, {.type = kParts}},
        std::vector<ControllerSpec>{
            {.name = "things", .primary = kThings, .owned = {kParts}, .reconciler = &reconciler}});
    ASSERT_TRUE(manager->start());
    executor.run();
  }
  ManagerTest() {
    http.answer = [this](const HttpRequest& request) -> Result<HttpResponse> {
      if (request.method == "GET" && request.url.find("/things") != std::string::npos) return list_of(things, 100);
      if (request.method == "GET" && request.url.find("/parts") != std::string::npos)
        return list_of({}, parts_revision);
      return write ? write(request) : refusal(500, "unexpected");
    };
  }
  HandClock clock;
  HandExecutor executor{clock};
  HalfRandom random;
  std::unique_ptr<Log> log = make_null_log();
  FakeHttp http;
  std::unique_ptr<kube::Client> client = kube::make_client({.server = "http://api", .limits = {}}, http, clock);
  std::vector<Json> things;
  int parts_revision = 100;
  std::function<Result<HttpResponse>(const HttpRequest&)> write;
  Recording reconciler;
  std::unique_ptr<Manager> manager;
};

TEST_F(ManagerTest, looks_at_everything_once_and_then_at_what_changes) {
  things = {thing("a", 1), thing("b", 2)};
  start();
  EXPECT_TRUE(manager->synced());
  EXPECT_EQ(reconciler.seen, (std::vector<std::string>{"a", "b"}));
  http.feed("/things", frame("ADDED", thing("c", 101)) + frame("BOOKMARK", thing("", 102)));
  executor.run();
  http.feed("/things", frame("MODIFIED", thing("a", 103, 1)));
  executor.run();
  EXPECT_EQ(reconciler.seen, (std::vector<std::string>{"a", "b", "c"})) << "a change of status only is no work";
  http.feed("/things", frame("MODIFIED", thing("a", 104, 2)));
  http.feed("/parts", frame("ADDED", part("p", 105, "b")));
  executor.run();
  http.feed("/things", frame("DELETED", thing("c", 106)));
  executor.run();
  EXPECT_EQ(reconciler.seen, (std::vector<std::string>{"a", "b", "c", "a", "b", "c"}));
  EXPECT_TRUE(manager->idle());
}

TEST_F(ManagerTest, a_key_waits_until_the_cache_has_seen_what_was_written_for_it) {
  things = {thing("a", 1)};
  write = [](const HttpRequest&) { return json(200, part("p", 110, "a")); };
  bool wrote = false;
  reconciler.act = [&](const ObjectKey& key, Context& context) -> Outcome {
    if (wrote) return Done{};
    wrote = true;
    EXPECT_TRUE(context.client.apply(kParts, part("p", 0, key.name), {.field_manager = "m"}));
    return Done{};
  };
  start();
  ASSERT_EQ(reconciler.seen.size(), 1u);
  http.feed("/things", frame("MODIFIED", thing("a", 111, 2)));
  executor.run();
  EXPECT_EQ(reconciler.seen.size(), 1u) << "its own write is not in the cache yet";
  EXPECT_FALSE(manager->idle());
  http.feed("/parts", frame("ADDED", part("p", 110, "a")));
  executor.run();
  EXPECT_EQ(reconciler.seen.size(), 2u);
  EXPECT_TRUE(manager->idle());
}

TEST_F(ManagerTest, the_wait_for_the_cache_has_a_limit) {
  things = {thing("a", 1)};
  write = [](const HttpRequest&) { return json(200, part("p", 999, "a")); };
  bool wrote = false;
  reconciler.act = [&](const ObjectKey& key, Context& context) -> Outcome {
    if (!std::exchange(wrote, true)) (void)context.client.apply(kParts, part("p", 0, key.name), {.field_manager = "m"});
    return Done{};
  };
  start();
  http.feed("/things", frame("MODIFIED", thing("a", 111, 2)));
  executor.run_for(9s);
  EXPECT_EQ(reconciler.seen.size(), 1u);
  executor.run_for(2s);
  EXPECT_EQ(reconciler.seen.size(), 2u);
}

TEST_F(ManagerTest, what_was_written_and_went_while_nobody_watched_is_looked_at_again) {
  things = {thing("a", 1)};
  write = [](const HttpRequest&) { return json(200, part("p", 120, "a")); };
  bool wrote = false;
  reconciler.act = [&](const ObjectKey& key, Context& context) -> Outcome {
    if (!std::exchange(wrote, true)) (void)context.client.apply(kParts, part("p", 0, key.name), {.field_manager = "m"});
    return Done{};
  };
  start();
  executor.run_for(20s);
  ASSERT_EQ(reconciler.seen.size(), 1u);
  // The part was made and deleted; a list, at a later revision, has no word of it.
  http.feed("/parts", R"({"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}})"
                      "\n");
  parts_revision = 150;
  executor.run_for(10s);
  EXPECT_EQ(reconciler.seen.size(), 2u);
}

TEST_F(ManagerTest, failures_come_back_and_terminal_ones_do_not) {
  things = {thing("a", 1)};
  reconciler.act = [&](const ObjectKey&, Context&) -> Outcome {
    return Failed{{Code::Unavailable, "x"}, reconciler.seen.size() >= 4};
  };
  start();
  executor.run_for(1h);
  EXPECT_EQ(reconciler.seen.size(), 4u);
  reconciler.act = [&](const ObjectKey&, Context&) -> Outcome {
    if (reconciler.seen.size() < 7) return After{10min};
    return Done{};
  };
  manager->enqueue("things", {"n", "a"});
  executor.run_for(1h);
  EXPECT_EQ(reconciler.seen.size(), 7u);
  reconciler.act = [](const ObjectKey&, Context&) -> Outcome { throw std::runtime_error("defect"); };
  manager->enqueue("things", {"n", "a"});
  executor.run();
  EXPECT_GE(reconciler.seen.size(), 8u);
  EXPECT_NE(manager->serve({.method = "GET", .url = "/metrics", .headers = {}, .body = ""})
                .body.find("outcome=\"failed\"} 4"),
            std::string::npos)
      << manager->serve({.method = "GET", .url = "/metrics", .headers = {}, .body = ""}).body;
}

TEST_F(ManagerTest, a_watch_that_breaks_misses_nothing) {
  start();
  http.end("/things", fail(Code::Unavailable, "reset"));
  executor.run_for(3s);
  ASSERT_NE(http.find("/things"), nullptr);
  EXPECT_NE(http.find("/things")->request.url.find("resourceVersion=100"), std::string::npos) << "from where it was";
  http.end("/things", {}, 410, R"({"kind":"Status","code":410,"reason":"Expired","message":"too old"})");
  things = {thing("new", 150)};
  executor.run_for(3s);
  EXPECT_EQ(reconciler.seen, (std::vector<std::string>{"new"}));
  http.feed("/things", R"({"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}})"
                       "\n");
  things = {};
  executor.run_for(10s);
  EXPECT_EQ(reconciler.seen, (std::vector<std::string>{"new", "new"})) << "its deletion was only in the list";
  http.feed("/things", "not json\n");
  executor.run_for(60s);
  EXPECT_NE(http.find("/things"), nullptr);
}

TEST_F(ManagerTest, a_silent_watch_is_opened_again) {
  start();
  const size_t before = http.watches.size();
  executor.run_for(5min);
  EXPECT_GT(http.watches.size(), before);
}

TEST_F(ManagerTest, health_tells_what_is_missing) {
  http.answer = [](const HttpRequest&) { return refusal(503, "ServiceUnavailable"); };
  start();
  EXPECT_EQ(manager->serve({.method = "GET", .url = "/healthz", .headers = {}, .body = ""}).status, 200);
  const HttpResponse ready = manager->serve({.method = "GET", .url = "/readyz", .headers = {}, .body = ""});
  EXPECT_EQ(ready.status, 503);
  EXPECT_NE(ready.body.find("parts"), std::string::npos);
  EXPECT_EQ(manager->serve({.method = "GET", .url = "/none", .headers = {}, .body = ""}).status, 404);
  EXPECT_EQ(manager->serve({.method = "POST", .url = "/healthz", .headers = {}, .body = ""}).status, 405);
}

TEST_F(ManagerTest, a_type_without_an_informer_is_refused_at_the_start) {
  Manager wrong({executor, clock, random, *log, *client, nullptr}, {}, {{.type = kThings}},
                {{.name = "x", .primary = kThings, .owned = {kParts}, .reconciler = &reconciler}});
  const Status status = wrong.start();
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().message.find("parts"), std::string::npos);
}

// The API side of one Lease.
struct LeaseApi {
  Result<HttpResponse> operator()(const HttpRequest& request) {
    if (down) return fail(Code::Unavailable, "partition");
    if (request.method == "GET") return lease.is_null() ? refusal(404, "NotFound") : json(200, lease);
    const Json sent = *parse_json(request.body);
    if (request.method == "POST" && !lease.is_null()) return refusal(409, "AlreadyExists");
    if (request.method == "PUT" &&
        (lease.is_null() || sent["metadata"]["resourceVersion"] != lease["metadata"]["resourceVersion"]))
      return refusal(409, "Conflict");
    ++writes;
    lease = sent;
    lease["metadata"]["resourceVersion"] = std::to_string(++rv);
    return json(200, lease);
  }
  void hold(const std::string& who) {
    lease["spec"]["holderIdentity"] = who;
    lease["spec"]["renewTime"] = "t" + std::to_string(++rv);
    lease["metadata"] = {{"name", "l"}, {"namespace", "n"}, {"resourceVersion", std::to_string(rv)}};
  }
  Json lease;
  int rv = 1, writes = 0;
  bool down = false;
};

class ElectorTest : public testing::Test {
 protected:
  ElectorTest() {
    http.answer = [this](const HttpRequest& request) { return api(request); };
  }
  void stand() {
    elector = std::make_unique<election::Elector>(election::Elector::Deps{executor, clock, random, *log, *client, gate},
                                                  election::Elector::Options{"n", "l", "me", {}},
                                                  [this](bool now) { told += now ? "+" : "-"; });
    elector->start();
    executor.run();
  }
  bool open() const { return gate.is_open(clock.now()); }
  HandClock clock;
  HandExecutor executor{clock};
  HalfRandom random;
  std::unique_ptr<Log> log = make_null_log();
  FakeHttp http;
  LeaseApi api;
  std::unique_ptr<kube::Client> client = kube::make_client({.server = "http://api", .limits = {}}, http, clock);
  election::WriteGate gate;
  std::string told;
  std::unique_ptr<election::Elector> elector;
};

TEST_F(ElectorTest, takes_a_free_lease_and_renews_it_with_one_request_each_time) {
  stand();
  EXPECT_TRUE(open());
  EXPECT_EQ(told, "+");
  const size_t before = http.requests.size();
  executor.run_for(20s);
  EXPECT_TRUE(open());
  EXPECT_EQ(http.requests.size() - before, 10u);
  EXPECT_EQ(told, "+");
}

TEST_F(ElectorTest, waits_for_a_holder_that_renews_and_takes_over_from_one_that_is_silent) {
  api.hold("other");
  stand();
  for (int i = 0; i < 10; ++i) {
    executor.run_for(5s);
    EXPECT_FALSE(open());
    api.hold("other");
  }
  executor.run_for(14s);
  EXPECT_FALSE(open());
  executor.run_for(5s);
  EXPECT_TRUE(open());
  EXPECT_EQ(int_at(api.lease, {"spec", "leaseTransitions"}), 1);
}

TEST_F(ElectorTest, a_partition_closes_the_gate_before_the_lease_runs_out_and_opens_it_when_over) {
  stand();
  api.down = true;
  executor.run_for(9s);
  EXPECT_TRUE(open()) << "failed renewals alone are no reason yet";
  executor.run_for(2s);
  EXPECT_FALSE(open());
  EXPECT_EQ(told, "+-");
  api.down = false;
  executor.run_for(5s);
  EXPECT_TRUE(open());
  EXPECT_EQ(told, "+-+");
}

TEST_F(ElectorTest, an_executor_that_hangs_closes_the_gate_too) {
  stand();
  clock.at += 10s;  // and no task ran
  EXPECT_FALSE(open());
}

TEST_F(ElectorTest, steps_down_when_another_name_is_in_the_lease) {
  stand();
  api.hold("thief");
  executor.run_for(5s);
  EXPECT_FALSE(open());
  EXPECT_EQ(told, "+-");
}

TEST_F(ElectorTest, gives_the_lease_back) {
  stand();
  elector->release();
  EXPECT_FALSE(open());
  EXPECT_EQ(string_at(api.lease, {"spec", "holderIdentity"}, "?"), "");
  const int writes = api.writes;
  executor.run_for(1min);
  EXPECT_EQ(api.writes, writes) << "and does not stand again";
}

TEST_F(ElectorTest, the_gate_refuses_writes_and_lets_reads_pass) {
  election::GatedClient gated(*client, gate, clock);
  const ResourceType things = kThings;
  http.answer = [](const HttpRequest&) { return json(200, thing("a", 1)); };
  EXPECT_TRUE(gated.get(things, {"n", "a"}));
  const auto refused = gated.apply(things, thing("a", 1), {.field_manager = "m"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::Conflict);
  gate.open_until(clock.now() + 1s);
  EXPECT_TRUE(gated.apply(things, thing("a", 1), {.field_manager = "m"}));
  clock.at += 1s;
  EXPECT_FALSE(gated.remove(things, {"n", "a"}));
}

class RecorderTest : public ElectorTest {
 protected:
  RecorderTest() {
    http.answer = [](const HttpRequest& request) {
      return json(request.method == "POST" ? 201 : 200, *parse_json(request.body));
    };
    recorder = make_event_recorder({executor, clock, random, *log, *client},
                                   {.component = "test", .instance = "me", .waiting_max = 40});
  }
  void record(const std::string& message, const std::string& uid = "u") {
    recorder->record({kThings, {"n", "a"}, uid, "1"}, EventType::Warning, "Why", message);
  }
  std::unique_ptr<EventRecorder> recorder;
};

TEST_F(RecorderTest, the_same_again_counts_up_and_later_is_new) {
  record("m");
  record("m");
  executor.run();
  ASSERT_EQ(http.requests.size(), 2u);
  EXPECT_EQ(http.requests[0].method, "POST");
  EXPECT_EQ(string_at(*parse_json(http.requests[0].body), {"involvedObject", "name"}), "a");
  EXPECT_EQ(http.requests[1].method, "PATCH");
  EXPECT_EQ(int_at(*parse_json(http.requests[1].body), {"count"}), 2);
  clock.at += 11min;
  record("m");
  executor.run();
  EXPECT_EQ(http.requests.back().method, "POST");
}

TEST_F(RecorderTest, an_object_that_talks_too_much_is_cut_and_others_are_not) {
  for (int i = 0; i < 40; ++i) record("m" + std::to_string(i));
  executor.run();
  EXPECT_EQ(http.requests.size(), 25u);
  record("other", "u2");
  executor.run();
  EXPECT_EQ(http.requests.size(), 26u);
}

TEST_F(RecorderTest, what_waits_is_bounded_and_what_fails_is_tried_a_few_times) {
  for (int i = 0; i < 100; ++i) record("m", "u" + std::to_string(i));
  executor.run();
  EXPECT_EQ(http.requests.size(), 40u);
  http.requests.clear();
  http.answer = [](const HttpRequest&) { return refusal(503, "ServiceUnavailable"); };
  record("x", "v");
  executor.run_for(1h);
  EXPECT_EQ(http.requests.size(), 5u);
  http.requests.clear();
  http.answer = [](const HttpRequest&) { return refusal(403, "Forbidden"); };
  record("y", "w");
  executor.run_for(1h);
  EXPECT_EQ(http.requests.size(), 1u);
}

}  // namespace
}  // namespace clops::op
