// The store's promises: all or nothing, one order for everyone, no gap between a list and its watch, and nothing
// acknowledged lost when the process is killed in mid-write.
#include "local/store/store.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace clops::local {
namespace {

class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "clops-store-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  [[nodiscard]] std::filesystem::path file() const { return path_ / "objects.db"; }

 private:
  std::filesystem::path path_;
};

std::unique_ptr<Store> open(const std::filesystem::path& path, size_t log_events_max = 20'000) {
  auto store = open_store({.path = path, .log_events_max = log_events_max});
  EXPECT_TRUE(store) << (store ? "" : store.error().message);
  return store ? std::move(*store) : nullptr;
}

Json object(const std::string& name, int value) {
  return {{"metadata", {{"name", name}}}, {"value", value}};
}
StoreKey pod(const std::string& name) {
  return {"pods", "ns", name};
}

Status put(Store& store, const std::string& name, int value) {
  return store.transact([&](Transaction& t) -> Status {
    t.put(pod(name), object(name, value));
    return {};
  });
}

TEST(Store, a_failed_transaction_leaves_nothing_behind) {
  const auto store = open("");
  ASSERT_TRUE(put(*store, "a", 1));
  int seen = 0;
  const auto watch = store->watch("pods", "", store->revision(), [&](const StoreEvent&) { ++seen; });
  const Status failed = store->transact([&](Transaction& t) -> Status {
    t.put(pod("b"), object("b", 1));
    t.erase(pod("a"));
    EXPECT_EQ(t.list("pods", "ns").size(), 1u) << "a transaction sees its own changes";
    return fail(Code::Conflict, "no");
  });
  EXPECT_FALSE(failed);
  EXPECT_EQ(store->revision(), 1);
  EXPECT_TRUE(store->get(pod("a")));
  EXPECT_FALSE(store->get(pod("b")));
  EXPECT_EQ(seen, 0);
}

TEST(Store, every_change_has_its_own_revision_and_is_seen_once_in_order) {
  const auto store = open("");
  std::vector<std::pair<EventType, int64_t>> seen;
  const auto watch = store->watch("pods", "ns", 0, [&](const StoreEvent& e) { seen.emplace_back(e.type, e.revision); });
  ASSERT_TRUE(put(*store, "a", 1));
  ASSERT_TRUE(put(*store, "a", 2));
  ASSERT_TRUE(store->transact([&](Transaction& t) -> Status {
    t.put({"services", "ns", "s"}, object("s", 1));
    t.erase(pod("a"));
    return {};
  }));
  const std::vector<std::pair<EventType, int64_t>> want{
      {EventType::Added, 1}, {EventType::Modified, 2}, {EventType::Deleted, 4}};
  EXPECT_EQ(seen, want);
  EXPECT_EQ(store->revision(), 4);
}

TEST(Store, a_list_of_an_earlier_revision_is_as_it_was_until_the_log_forgets) {
  auto store = open("", 4);
  const auto put = [&](const std::string& name, int value) {
    EXPECT_TRUE(
        store->transact([&](Transaction& t) -> Status { return t.put(pod(name), object(name, value)), Status{}; }));
    return store->revision();
  };
  put("a", 1);
  const int64_t then = put("b", 1);
  put("a", 2);
  put("c", 1);
  ASSERT_TRUE(store->transact([&](Transaction& t) -> Status { return t.erase(pod("b")), Status{}; }));
  const auto was = store->list_at("pods", "ns", then);
  ASSERT_TRUE(was) << was.error().message;
  ASSERT_EQ(was->items.size(), 2u);
  EXPECT_EQ(int_at(was->items[0]->json, {"value"}), 1);
  EXPECT_EQ(string_at(was->items[1]->json, {"metadata", "name"}), "b");
  EXPECT_EQ(was->revision, then);
  EXPECT_EQ(store->list_at("pods", "ns", store->revision())->items.size(), 2u);
  EXPECT_EQ(store->list_at("pods", "ns", store->revision() + 1).error().code, Code::InvalidArgument);
  for (int i = 0; i < 10; ++i) put("d", i);
  EXPECT_EQ(store->list_at("pods", "ns", then).error().code, Code::Expired);
}

TEST(Store, an_object_carries_its_revision_and_lists_are_of_one_namespace) {
  const auto store = open("");
  ASSERT_TRUE(put(*store, "b", 1));
  ASSERT_TRUE(put(*store, "a", 1));
  ASSERT_TRUE(store->transact([](Transaction& t) -> Status {
    t.put({"pods", "ns2", "c"}, object("c", 1));
    t.put({"pods.other", "ns", "d"}, object("d", 1));
    return {};
  }));
  EXPECT_EQ(store->get(pod("a"))->json["metadata"]["resourceVersion"], "2");
  EXPECT_EQ(parse_json(store->get(pod("a"))->text).value(), store->get(pod("a"))->json);
  const StoreList one = store->list("pods", "ns"), all = store->list("pods", "");
  ASSERT_EQ(one.items.size(), 2u);
  EXPECT_EQ(one.items[0]->json["metadata"]["name"], "a");
  EXPECT_EQ(all.items.size(), 3u);
  EXPECT_EQ(all.revision, 4);
}

TEST(Store, a_watch_from_before_the_log_is_expired_and_one_from_the_future_refused) {
  const Folder folder;
  const auto store = open(folder.file(), 10);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(put(*store, "a", i));
  EXPECT_EQ(store->watch("pods", "", 1, [](const StoreEvent&) {}).error().code, Code::Expired);
  EXPECT_EQ(store->watch("pods", "", 101, [](const StoreEvent&) {}).error().code, Code::InvalidArgument);
  std::vector<int64_t> seen;
  const auto watch = store->watch("pods", "", 95, [&](const StoreEvent& e) { seen.push_back(e.revision); });
  ASSERT_TRUE(watch);
  EXPECT_EQ(seen, (std::vector<int64_t>{96, 97, 98, 99, 100}));
}

TEST(Store, what_was_written_is_there_after_reopening_and_watches_resume) {
  const Folder folder;
  {
    const auto store = open(folder.file());
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(put(*store, "a", i));
    ASSERT_TRUE(put(*store, "b", 1));
    ASSERT_TRUE(store->transact([](Transaction& t) -> Status {
      t.erase(pod("b"));
      return {};
    }));
  }
  const auto store = open(folder.file());
  EXPECT_EQ(store->revision(), 7);
  EXPECT_EQ(store->get(pod("a"))->json["value"], 4);
  EXPECT_FALSE(store->get(pod("b")));
  std::vector<int64_t> seen;
  StoredPtr previous;
  const auto watch = store->watch("pods", "", 3, [&](const StoreEvent& e) {
    seen.push_back(e.revision);
    if (e.revision == 4) previous = e.previous;
  });
  EXPECT_EQ(seen, (std::vector<int64_t>{4, 5, 6, 7}));
  ASSERT_TRUE(previous);
  EXPECT_EQ(previous->json["value"], 2);
}

TEST(Store, a_second_plane_on_the_same_file_is_refused) {
  const Folder folder;
  const auto store = open(folder.file());
  ASSERT_TRUE(put(*store, "a", 1));
  const pid_t child = fork();
  if (child == 0) _exit(open_store({.path = folder.file()}) ? 0 : 7);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 7);
}

TEST(Store, a_file_that_is_no_database_is_refused) {
  const Folder folder;
  FILE* file = fopen(folder.file().c_str(), "w");
  for (int i = 0; i < 1000; ++i) fputs("not a database ", file);
  fclose(file);
  EXPECT_EQ(open_store({.path = folder.file()}).error().code, Code::DataLoss);
}

// The child acknowledges each write on a pipe after transact() returned; it is killed while it writes.
TEST(Store, kill_nine_loses_nothing_acknowledged) {
  for (int round = 0; round < 5; ++round) {
    const Folder folder;
    int pipe_ends[2];
    ASSERT_EQ(pipe(pipe_ends), 0);
    const pid_t child = fork();
    if (child == 0) {
      close(pipe_ends[0]);
      auto store = open_store({.path = folder.file(), .log_events_max = 200});
      for (int i = 0; store; ++i) {
        if (!put(**store, "p" + std::to_string(i % 50), i)) _exit(1);
        if (write(pipe_ends[1], &i, sizeof i) != sizeof i) _exit(1);
      }
      _exit(1);
    }
    close(pipe_ends[1]);
    int last = -1, value = 0;
    while (last < 300 + round * 37 && read(pipe_ends[0], &value, sizeof value) == sizeof value) last = value;
    kill(child, SIGKILL);
    while (read(pipe_ends[0], &value, sizeof value) == sizeof value) last = value;  // acknowledged before the kill
    close(pipe_ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));

    const auto store = open(folder.file(), 200);
    ASSERT_TRUE(store);
    EXPECT_GE(store->revision(), last + 1);
    EXPECT_LE(store->revision(), last + 2) << "at most the write under way is there besides";
    for (int i = std::max(0, last - 49); i <= last; ++i) {
      const auto found = store->get(pod("p" + std::to_string(i % 50)));
      ASSERT_TRUE(found);
      EXPECT_GE(found->json["value"].get<int>(), i);
    }
    std::vector<int64_t> seen;
    const auto watch = store->watch("pods", "", last - 9, [&](const StoreEvent& e) { seen.push_back(e.revision); });
    ASSERT_TRUE(watch) << watch.error().message;
    ASSERT_EQ(static_cast<int64_t>(seen.size()), store->revision() - (last - 9));
    for (size_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i], last - 8 + static_cast<int64_t>(i));
  }
}

}  // namespace
}  // namespace clops::local
