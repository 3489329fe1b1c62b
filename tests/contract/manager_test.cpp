// Informers, election and the manager as a whole, on a thread pool and against the API.
#include <gtest/gtest.h>

#include "operator/cache/informer.h"
#include "operator/manager/manager.h"
#include "tests/contract/server.h"
#include "tests/support/eventually.h"

namespace clops::contract {
namespace {

using namespace std::chrono_literals;

// One process of an operator: connection, executor, manager. Its kind: a ConfigMap labelled demo=primary, whose
// data.word becomes a child ConfigMap NAME-child by server-side apply.
class Copier final : public op::Reconciler {
 public:
  op::Outcome reconcile(const crds::ObjectKey& key, op::Context& context) override {
    const auto primary = context.cache.get(kConfigMaps, key);
    if (!primary || !primary->meta.deletion_timestamp.empty()) return op::Done{};
    ++reconciles;
    if (const auto found = primary->meta.labels.find("demo");
        found == primary->meta.labels.end() || found->second != "primary")
      return op::Done{};
    const std::string word = string_at(primary->body(), {"data", "word"});
    const auto child = context.cache.get(kSecrets, {key.ns, key.name + "-child"});
    if (child && child->meta.annotations.contains("demo/word") && child->meta.annotations.at("demo/word") == word)
      return op::Done{};
    if (child) ++updates_seen_from_cache;
    Json want{{"apiVersion", "v1"},
              {"kind", "Secret"},
              {"metadata", {{"name", key.name + "-child"}, {"namespace", key.ns}}},
              {"stringData", {{"word", word}}}};
    want["metadata"]["annotations"]["demo/word"] = word;
    want["metadata"]["ownerReferences"] = Json::array({{{"apiVersion", "v1"},
                                                        {"kind", "ConfigMap"},
                                                        {"name", key.name},
                                                        {"uid", primary->meta.uid},
                                                        {"controller", true}}});
    ++writes;
    if (const auto applied = context.client.apply(kSecrets, want, {.field_manager = "copier"}); !applied)
      return op::Failed{applied.error()};
    context.events.record({kConfigMaps, key, primary->meta.uid, ""}, op::EventType::Normal, "Copied",
                          "the word is " + word);
    return op::Done{};
  }
  std::atomic<int> reconciles{0}, writes{0}, updates_seen_from_cache{0};
};

struct Process {
  explicit Process(const std::string& ns, const std::string& identity, bool elect = true)
      : log(make_null_log()),
        random(make_system_random()),
        connection(*kube::connect(Server::instance().access(), clock)),
        lease_connection(*kube::connect(Server::instance().access(), clock, {.limits = {.connect = 2s, .total = 4s}})),
        pool(make_thread_pool(4)),
        manager({*pool, clock, *random, *log, *connection.client, lease_connection.client.get()},
                {.identity = identity,
                 .lease_namespace = elect ? ns : "",
                 .lease_name = "copier",
                 .lease = {.lease = 3s, .renew = 2s, .retry = 400ms},
                 .hold_max = 5s},
                {{.type = kConfigMaps, .ns = ns}, {.type = kSecrets, .ns = ns}},
                {{.name = "copier",
                  .primary = kConfigMaps,
                  .owned = {kSecrets},
                  .reconciler = &copier,
                  .workers = 2,
                  .ignore_status_changes = false}}) {}
  ~Process() {
    manager.stop();
    pool.reset();
  }
  Status start() { return manager.start(); }
  SystemClock clock;
  Copier copier;
  std::unique_ptr<Log> log;
  std::unique_ptr<Random> random;
  kube::Connection connection, lease_connection;
  std::unique_ptr<Executor> pool;
  op::Manager manager;
};

class ManagerContract : public testing::Test {
 protected:
  ManagerContract()
      : connection(*kube::connect(Server::instance().access(), clock)),
        client(*connection.client),
        ns(fresh_namespace(client)) {}
  void put_primary(const std::string& name, const std::string& word) {
    Json object = config_map(ns, name, {{"word", word}});
    object["metadata"]["labels"]["demo"] = "primary";
    const auto applied = client.apply(kConfigMaps, object, {.field_manager = "test"});
    ASSERT_TRUE(applied) << applied.error().message;
  }
  std::string child_word(const std::string& name) {
    const auto child = client.get(kSecrets, {ns, name + "-child"});
    return child ? kube::decode_meta(*child).annotations["demo/word"] : "";
  }
  SystemClock clock;
  kube::Connection connection;
  kube::Client& client;
  std::string ns;
};

TEST_F(ManagerContract, children_follow_their_primary_and_come_back_when_deleted) {
  put_primary("before", "old");
  Process process(ns, "one", false);
  ASSERT_TRUE(process.start());
  EXPECT_TRUE(eventually([&] { return child_word("before") == "old"; }));
  put_primary("after", "a");
  EXPECT_TRUE(eventually([&] { return child_word("after") == "a"; }));
  put_primary("after", "b");
  EXPECT_TRUE(eventually([&] { return child_word("after") == "b"; }));
  ASSERT_TRUE(client.remove(kSecrets, {ns, "after-child"}));
  EXPECT_TRUE(eventually([&] { return child_word("after") == "b"; }));
  EXPECT_TRUE(eventually([&] { return process.manager.idle(); }));
  EXPECT_EQ(process.copier.writes, 4)
      << "each change is written once: a key waits until the cache has seen its last write";
}

TEST_F(ManagerContract, a_restart_over_converged_objects_writes_nothing) {
  for (int i = 0; i < 5; ++i) put_primary("p" + std::to_string(i), "w");
  {
    Process first(ns, "one", false);
    ASSERT_TRUE(first.start());
    EXPECT_TRUE(eventually([&] { return first.copier.writes == 5 && first.manager.idle(); }));
  }
  Process second(ns, "two", false);
  ASSERT_TRUE(second.start());
  EXPECT_TRUE(eventually([&] { return second.copier.reconciles >= 5 && second.manager.idle(); }));
  EXPECT_EQ(second.copier.writes, 0);
}

TEST_F(ManagerContract, events_are_what_describe_shows_and_count_up) {
  Process process(ns, "one", false);
  ASSERT_TRUE(process.start());
  put_primary("p", "w");
  const crds::ResourceType events{.group = "", .version = "v1", .kind = "Event", .plural = "events"};
  const auto count = [&] {
    const auto list = client.list(events, ns, {.field_selector = "involvedObject.name=p,reason=Copied"});
    return list && list->items.size() == 1 ? int_at(list->items[0], {"count"}) : 0;
  };
  EXPECT_TRUE(eventually([&] { return count() == 1; }));
  ASSERT_TRUE(client.remove(kSecrets, {ns, "p-child"}));
  EXPECT_TRUE(eventually([&] { return count() == 2; })) << "the same event again is no second object";
}

TEST_F(ManagerContract, one_leads_and_the_next_takes_over_at_once_when_it_is_given_back) {
  auto first = std::make_unique<Process>(ns, "one");
  ASSERT_TRUE(first->start());
  ASSERT_TRUE(eventually([&] { return first->manager.leading(); }));
  Process second(ns, "two");
  ASSERT_TRUE(second.start());
  ASSERT_TRUE(eventually([&] { return second.manager.synced(); }));
  put_primary("p", "w");
  EXPECT_TRUE(eventually([&] { return child_word("p") == "w"; }));
  EXPECT_FALSE(second.manager.leading());
  EXPECT_EQ(second.copier.writes, 0);
  const auto before = clock.now();
  first.reset();
  EXPECT_TRUE(eventually([&] { return second.manager.leading(); }));
  EXPECT_LT(clock.now() - before, 2s) << "not only after the lease has run out";
  put_primary("p", "x");
  EXPECT_TRUE(eventually([&] { return child_word("p") == "x"; }));
}

TEST_F(ManagerContract, one_writer_at_a_time) {
  // The first is cut off from its lease (somebody else's name is written into it): it must stop before the other
  // starts.
  Process first(ns, "one"), second(ns, "two");
  ASSERT_TRUE(first.start());
  ASSERT_TRUE(eventually([&] { return first.manager.leading(); }));
  ASSERT_TRUE(second.start());
  std::atomic<bool> stop{false};
  std::atomic<int> both{0};
  std::jthread observer([&] {
    while (!stop) both += first.manager.leading() && second.manager.leading();
  });
  ASSERT_TRUE(client.patch(kLeases, {ns, "copier"}, kube::PatchKind::Merge, {{"spec", {{"holderIdentity", "ghost"}}}}));
  EXPECT_TRUE(eventually([&] { return !first.manager.leading(); }, 4s));
  EXPECT_TRUE(eventually([&] { return first.manager.leading() || second.manager.leading(); }, 15s))
      << "the ghost never renews";
  stop = true;
  observer.join();
  EXPECT_EQ(both, 0);
}

class ManagerContractOnOurOwn : public ManagerContract {};

TEST_F(ManagerContractOnOurOwn, an_api_server_killed_and_restarted_costs_nothing_but_the_time) {
  Process process(ns, "one");
  ASSERT_TRUE(process.start());
  put_primary("p", "a");
  ASSERT_TRUE(eventually([&] { return child_word("p") == "a"; }));
  ASSERT_TRUE(Server::instance().restart_api_server());
  put_primary("p", "b");
  EXPECT_TRUE(eventually([&] { return child_word("p") == "b"; }, 30s));
  put_primary("q", "c");
  EXPECT_TRUE(eventually([&] { return child_word("q") == "c"; }, 30s));
}

}  // namespace
}  // namespace clops::contract
