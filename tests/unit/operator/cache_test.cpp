#include <gtest/gtest.h>

#include "operator/cache/cache.h"

namespace clops::op {
namespace {

const ResourceType kPods{.group = "", .version = "v1", .kind = "Pod", .plural = "pods"};

ObjectPtr pod(const std::string& name, const std::string& rv, const std::string& uid = "",
              const std::string& owner = "", const std::string& app = "") {
  ObjectMeta meta{.name = name, .ns = "n", .uid = uid.empty() ? "uid-" + name : uid, .resource_version = rv};
  if (!owner.empty())
    meta.owners.push_back(
        {.api_version = "apps/v1", .kind = "ReplicaSet", .name = "r", .uid = owner, .controller = true});
  if (!app.empty()) meta.labels["app"] = app;
  return std::make_shared<const Object>(std::move(meta), "{}");
}
std::string said(const std::vector<Change>& changes) {
  std::string out;
  for (const Change& change : changes) {
    out += (change.old ? change.old->meta.name + "@" + change.old->meta.resource_version : "-") + ">" +
           (change.now ? change.now->meta.name + "@" + change.now->meta.resource_version : "-") + " ";
  }
  return out;
}

class StoreTest : public testing::Test {
 protected:
  Store store{
      {.type = kPods, .ns = "", .label_selector = "", .field_selector = "", .drop = {}, .label_indices = {"app"}}};
};

TEST_F(StoreTest, a_list_tells_what_is_new_changed_and_gone) {
  EXPECT_FALSE(store.synced());
  EXPECT_FALSE(store.reached("1"));
  EXPECT_EQ(said(store.replace({pod("a", "1"), pod("b", "2"), pod("c", "3")}, "5")), "->a@1 ->b@2 ->c@3 ");
  EXPECT_TRUE(store.synced());
  EXPECT_EQ(said(store.replace({pod("a", "1"), pod("b", "7"), pod("d", "8")}, "9")), "c@3>- b@2>b@7 ->d@8 ");
  EXPECT_EQ(said(store.replace({pod("a", "10", "another"), pod("b", "7"), pod("d", "8")}, "11")), "a@1>- ->a@10 ")
      << "deleted and made again unseen";
}

TEST_F(StoreTest, frames_move_it_on) {
  store.replace({}, "1");
  EXPECT_EQ(said(store.put(pod("a", "2"))), "->a@2 ");
  EXPECT_EQ(said(store.put(pod("a", "2"))), "") << "a repeated event is no news";
  EXPECT_EQ(said(store.put(pod("a", "3"))), "a@2>a@3 ");
  EXPECT_EQ(said(store.put(pod("a", "4", "another"))), "a@3>- ->a@4 ");
  EXPECT_EQ(said(store.erase(pod("a", "5", "uid-a"))), "")
      << "the deletion of the one before does not take this one away";
  EXPECT_NE(store.get({"n", "a"}), nullptr);
  EXPECT_EQ(said(store.erase(pod("a", "6", "another"))), "a@6>- ");
  EXPECT_EQ(store.size(), 0u);
  EXPECT_TRUE(store.reached("6"));
  EXPECT_FALSE(store.reached("10"));
  store.advance("10");
  EXPECT_TRUE(store.reached("10"));
}

TEST_F(StoreTest, indices_follow) {
  store.replace({pod("a", "1", "", "r1", "x"), pod("b", "2", "", "r1", "y"), pod("c", "3", "", "r2", "x")}, "3");
  EXPECT_EQ(store.owned_by("r1").size(), 2u);
  EXPECT_EQ(store.by_label("app", "x").size(), 2u);
  store.put(pod("a", "4", "", "r2", "y"));
  EXPECT_EQ(store.owned_by("r1").size(), 1u);
  EXPECT_EQ(store.owned_by("r2").size(), 2u);
  EXPECT_EQ(store.by_label("app", "x").size(), 1u);
  EXPECT_EQ(store.by_label("app", "y").size(), 2u);
  store.erase(pod("b", "5"));
  EXPECT_TRUE(store.owned_by("r1").empty());
  EXPECT_EQ(store.by_label("app", "y").size(), 1u);
  EXPECT_TRUE(store.by_label("none", "y").empty());
}

TEST_F(StoreTest, lists_by_namespace) {
  auto other =
      std::make_shared<const Object>(ObjectMeta{.name = "z", .ns = "m", .uid = "u", .resource_version = "1"}, "{}");
  store.replace({pod("b", "1"), other, pod("a", "1")}, "1");
  EXPECT_EQ(store.list().size(), 3u);
  ASSERT_EQ(store.list("n").size(), 2u);
  EXPECT_EQ(store.list("n")[0]->meta.name, "a");
  EXPECT_TRUE(store.list("x").empty());
}

TEST(CacheDeathTest, a_read_that_was_not_declared_is_a_defect) {
  const Cache cache({});
  EXPECT_DEATH((void)cache.get(kPods, {"n", "a"}), "v1/pods");
}

}  // namespace
}  // namespace clops::op
