// Watches: what a client sees, from where, and how one ends.
#include "tests/unit/local/api/api_fixture.h"

namespace clops::local {
namespace {

class WatchTest : public ApiTest {
 protected:
  void put(const std::string& name, const std::string& label) {
    const std::string text =
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: " + name + ", labels: {l: " + label + "}}}";
    const auto answer = apply(std::string(kMaps) + "/" + name, "m", text, "&force=true");
    ASSERT_LT(answer->response.status, 300) << answer->response.body;
  }
  static std::string seen(const Answer& answer) {
    std::string out;
    for (const auto& event : answer->events())
      out += string_at(event, {"type"}).substr(0, 1) + string_at(event, {"object", "metadata", "name"}) + " ";
    return out;
  }
  std::string url(const std::string& more = "") {
    std::string out = kMaps;
    return out.append("?watch=true").append(more);
  }
};

TEST_F(WatchTest, without_a_version_the_state_comes_first) {
  put("a", "x");
  const auto watch = call("GET", url());
  put("b", "x");
  call("DELETE", std::string(kMaps) + "/a");
  EXPECT_EQ(seen(watch), "Aa Ab Da ");
}

TEST_F(WatchTest, from_a_version_only_what_came_after) {
  put("a", "x");
  const auto list = call("GET", kMaps)->json();
  put("a", "w");
  const auto watch = call("GET", url("&resourceVersion=" + string_at(list, {"metadata", "resourceVersion"})));
  put("b", "x");
  EXPECT_EQ(seen(watch), "Ma Ab ");
}

TEST_F(WatchTest, objects_enter_and_leave_a_selection) {
  put("a", "x");
  const auto watch = call("GET", url("&labelSelector=l%3Dx"));
  put("a", "w");
  put("a", "z");
  put("a", "x");
  EXPECT_EQ(seen(watch), "Aa Da Aa ");
}

TEST_F(WatchTest, an_expired_version_ends_the_stream_with_410) {
  for (int i = 0; i < 1'300; ++i) put("a", "v" + std::to_string(i));
  const auto watch = call("GET", url("&resourceVersion=3"));
  ASSERT_EQ(watch->events().size(), 1u);
  EXPECT_EQ(string_at(watch->events()[0], {"type"}), "ERROR");
  EXPECT_EQ(int_at(watch->events()[0], {"object", "code"}), 410);
  EXPECT_EQ(string_at(watch->events()[0], {"object", "reason"}), "Expired");
  EXPECT_TRUE(watch->stream->closed);
}

TEST_F(WatchTest, bookmarks_name_the_version_reached) {
  const auto watch = call("GET", url("&allowWatchBookmarks=true"));
  put("a", "x");
  executor_.advance(std::chrono::milliseconds(1'500));
  ASSERT_EQ(seen(watch), "Aa B ");
  EXPECT_EQ(string_at(watch->events()[1], {"object", "metadata", "resourceVersion"}),
            std::to_string(store_->revision()));
}

TEST_F(WatchTest, initial_events_end_with_a_bookmark_that_says_so) {
  put("a", "x");
  const auto watch =
      call("GET", url("&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"));
  ASSERT_EQ(seen(watch), "Aa B ");
  EXPECT_EQ(string_at(watch->events()[1], {"object", "metadata", "annotations", "k8s.io/initial-events-end"}), "true");
  EXPECT_EQ(call("GET", url("&sendInitialEvents=true"))->response.status, 422);
}

TEST_F(WatchTest, ends_after_its_time_and_makes_room) {
  const auto first = call("GET", url("&timeoutSeconds=2"));
  const auto second = call("GET", url()), third = call("GET", url());
  EXPECT_EQ(call("GET", url())->response.status, 429);
  executor_.advance(std::chrono::seconds(4));
  EXPECT_TRUE(first->stream->closed);
  EXPECT_FALSE(second->stream->closed);
  EXPECT_EQ(call("GET", url())->response.status, 200);
}

TEST_F(WatchTest, a_client_that_left_is_forgotten) {
  const auto gone = call("GET", url()), other = call("GET", url()), third = call("GET", url());
  gone->stream->closed = true;
  executor_.advance(std::chrono::milliseconds(1'500));
  EXPECT_EQ(call("GET", url())->response.status, 200);
}

TEST_F(WatchTest, the_end_of_the_server_ends_its_watches) {
  const auto watch = call("GET", url());
  server_.reset();
  EXPECT_TRUE(watch->stream->closed);
}

TEST_F(WatchTest, in_process_watches_start_with_the_state) {
  put("a", "x");
  std::string got;
  const auto watch = api_->watch(types::kConfigMaps, "", [&](const StoreEvent& e) {
    got += (e.type == EventType::Added ? "A" : "M") + e.key.name + " ";
  });
  put("a", "w");
  put("b", "x");
  EXPECT_EQ(got, "Aa Ma Ab ");
}

}  // namespace
}  // namespace clops::local
