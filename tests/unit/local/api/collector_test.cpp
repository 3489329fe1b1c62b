// The garbage collector: orphans go, foreground deletion waits for what it must, namespaces empty themselves.
#include "tests/unit/local/api/api_fixture.h"

namespace clops::local {
namespace {

class CollectorTest : public ApiTest {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    collector_ = start_garbage_collector(*api_, executor_, *log_);
  }
  void TearDown() override { collector_.reset(); }
  std::string make(const std::string& name, const std::string& owner_uid = "", const std::string& owner = "",
                   bool block = false) {
    Json object{{"metadata", {{"name", name}, {"namespace", "default"}}}};
    if (!owner_uid.empty()) {
      object["metadata"]["ownerReferences"] = {{{"apiVersion", "v1"},
                                                {"kind", "ConfigMap"},
                                                {"name", owner},
                                                {"uid", owner_uid},
                                                {"blockOwnerDeletion", block}}};
    }
    const auto made = api_->create(types::kConfigMaps, object);
    EXPECT_TRUE(made) << made.error().message;
    return string_at((*made)->json, {"metadata", "uid"});
  }
  bool there(const std::string& name) { return api_->get(types::kConfigMaps, {"default", name}).has_value(); }
  void settle() { executor_.advance(std::chrono::seconds(2)); }
  std::unique_ptr<GarbageCollector> collector_;
};

TEST_F(CollectorTest, what_an_owner_leaves_behind_goes) {
  const auto uid = make("owner");
  const auto child = make("child", uid, "owner");
  make("grandchild", child, "child");
  make("other");
  settle();
  EXPECT_TRUE(there("child"));
  call("DELETE", std::string(kMaps) + "/owner");
  settle();
  EXPECT_FALSE(there("child"));
  EXPECT_FALSE(there("grandchild"));
  EXPECT_TRUE(there("other"));
}

TEST_F(CollectorTest, an_owner_of_the_same_name_but_another_uid_owns_nothing) {
  make("owner");
  make("child", "11111111-1111-4111-8111-111111111111", "owner");
  settle();
  EXPECT_FALSE(there("child"));
}

TEST_F(CollectorTest, foreground_deletion_takes_the_dependents_first) {
  const auto uid = make("owner");
  make("child", uid, "owner", true);
  call("PATCH", std::string(kMaps) + "/child", R"({"metadata":{"finalizers":["a.dev/hold"]}})",
       "application/merge-patch+json");
  call("DELETE", std::string(kMaps) + "/owner?propagationPolicy=Foreground");
  settle();
  EXPECT_TRUE(there("owner")) << "its dependent is still being deleted";
  merge(std::string(kMaps) + "/child", "{metadata: {finalizers: null}}");
  settle();
  EXPECT_FALSE(there("child"));
  EXPECT_FALSE(there("owner"));
}

TEST_F(CollectorTest, orphaned_dependents_stay) {
  const auto uid = make("owner");
  make("child", uid, "owner");
  call("DELETE", std::string(kMaps) + "/owner?propagationPolicy=Orphan");
  settle();
  EXPECT_FALSE(there("owner"));
  ASSERT_TRUE(there("child"));
  EXPECT_TRUE(api_->get(types::kConfigMaps, {"default", "child"})
                  .value()
                  ->json["metadata"]
                  .value("ownerReferences", Json::array())
                  .empty());
}

TEST_F(CollectorTest, a_namespace_takes_its_contents_along) {
  call("POST", "/api/v1/namespaces", R"({"metadata":{"name":"room"}})");
  ASSERT_EQ(
      call("POST", "/api/v1/namespaces/room/configmaps", R"({"metadata":{"name":"x","finalizers":["a.dev/hold"]}})")
          ->response.status,
      201);
  call("DELETE", "/api/v1/namespaces/room");
  settle();
  EXPECT_EQ(string_at(call("GET", "/api/v1/namespaces/room")->json(), {"status", "phase"}), "Terminating");
  const auto refused = call("POST", "/api/v1/namespaces/room/configmaps", R"({"metadata":{"name":"y"}})");
  EXPECT_EQ(refused->response.status, 403);
  EXPECT_NE(refused->message().find("because it is being terminated"), std::string::npos);
  call("PATCH", "/api/v1/namespaces/room/configmaps/x", R"({"metadata":{"finalizers":null}})",
       "application/merge-patch+json");
  settle();
  EXPECT_EQ(call("GET", "/api/v1/namespaces/room")->response.status, 404);
}

TEST_F(CollectorTest, a_definition_takes_its_objects_along) {
  const std::string crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
  call("POST", crds, yaml(kWidgetCrd));
  ASSERT_EQ(
      call("POST", kWidgets, yaml("{apiVersion: test.dev/v1, kind: Widget, metadata: {name: a}, spec: {color: red}}"))
          ->response.status,
      201);
  call("DELETE", crds + "/widgets.test.dev");
  settle();
  EXPECT_EQ(call("GET", crds + "/widgets.test.dev")->response.status, 404);
  EXPECT_EQ(call("GET", kWidgets)->response.status, 404);
  EXPECT_TRUE(store_->list("widgets.test.dev", "").items.empty());
}

}  // namespace
}  // namespace clops::local
