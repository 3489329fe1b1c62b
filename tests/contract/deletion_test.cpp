// What goes when an owner goes, and what waits: the garbage collector of the plane, or kube-controller-manager's.
#include "tests/contract/fixture.h"

namespace clops::contract {
namespace {

class Deletion : public Contract {
 protected:
  void SetUp() override {
    const auto collecting = Server::instance().collect_garbage();
    ASSERT_TRUE(collecting) << collecting.error().message;
  }
  static void TearDownTestSuite() { Server::instance().stop_collecting(); }

  Json make(const std::string& name, const Json& more = Json::object()) {
    Json object = data(name, {{"k", "1"}});
    object["metadata"].update(more);
    const Answer made = raw.send("POST", path(kConfigMaps), object);
    EXPECT_EQ(made.status, 201) << dump_json(made.body);
    return made.body;
  }
  [[nodiscard]] static Json owned_by(const Json& owner, bool blocks) {
    return {{"ownerReferences", Json::array({{{"apiVersion", "v1"},
                                              {"kind", "ConfigMap"},
                                              {"name", owner["metadata"]["name"]},
                                              {"uid", owner["metadata"]["uid"]},
                                              {"blockOwnerDeletion", blocks}}})}};
  }
  Answer erase(const std::string& name, const std::string& propagation) {
    return raw.send("DELETE", path(kConfigMaps, name), {{"propagationPolicy", propagation}});
  }
  [[nodiscard]] bool gone(const std::string& name) const { return raw.get(path(kConfigMaps, name)).status == 404; }
};

constexpr std::chrono::seconds kPatience{30};

TEST_F(Deletion, in_the_background_the_owner_goes_first) {
  const Json owner = make("owner");
  make("child", owned_by(owner, false));
  EXPECT_EQ(erase("owner", "Background").status, 200);
  EXPECT_TRUE(gone("owner"));
  EXPECT_TRUE(eventually([&] { return gone("child"); }, kPatience));
}

TEST_F(Deletion, in_the_foreground_the_owner_waits_for_what_blocks_it) {
  const Json owner = make("owner");
  Json meta = owned_by(owner, true);
  meta["finalizers"] = Json::array({"clops.test/hold"});
  make("child", meta);
  const Answer answer = erase("owner", "Foreground");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body["metadata"]["finalizers"], Json::array({"foregroundDeletion"}));
  EXPECT_TRUE(eventually(
      [&] { return find_path(raw.get(path(kConfigMaps, "child")).body, {"metadata", "deletionTimestamp"}) != nullptr; },
      kPatience));
  EXPECT_FALSE(gone("owner")) << "its child is still there";
  EXPECT_EQ(raw.send("PATCH", path(kConfigMaps, "child"), {{"metadata", {{"finalizers", nullptr}}}},
                     "application/merge-patch+json")
                .status,
            200);
  EXPECT_TRUE(eventually([&] { return gone("child") && gone("owner"); }, kPatience));
}

TEST_F(Deletion, an_orphan_loses_its_owner_and_stays) {
  const Json owner = make("owner");
  make("child", owned_by(owner, false));
  const Answer answer = erase("owner", "Orphan");
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(eventually([&] { return gone("owner"); }, kPatience));
  const Json child = raw.get(path(kConfigMaps, "child")).body;
  EXPECT_FALSE(find_path(child, {"metadata", "ownerReferences"})) << child;
}

TEST_F(Deletion, a_child_of_an_owner_that_never_was_goes) {
  Json never = {{"metadata", {{"name", "never"}, {"uid", "55555555-5555-4555-8555-555555555555"}}}};
  make("child", owned_by(never, false));
  EXPECT_TRUE(eventually([&] { return gone("child"); }, kPatience));
}

TEST_F(Deletion, a_finalizer_holds_until_it_is_taken_out_and_no_new_one_comes) {
  make("held", {{"finalizers", Json::array({"clops.test/hold"})}});
  const Answer answer = raw.send("DELETE", path(kConfigMaps, "held"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(find_path(answer.body, {"metadata", "deletionTimestamp"}));
  const Json more{{"metadata", {{"finalizers", Json::array({"clops.test/hold", "clops.test/more"})}}}};
  const Answer refused = raw.send("PATCH", path(kConfigMaps, "held"), more, "application/merge-patch+json");
  EXPECT_EQ(refused.status, 422);
  EXPECT_NE(string_at(refused.body, {"message"}).find("no new finalizers can be added if the object is being deleted"),
            std::string::npos)
      << dump_json(refused.body);
  EXPECT_EQ(raw.send("PATCH", path(kConfigMaps, "held"), {{"metadata", {{"finalizers", nullptr}}}},
                     "application/merge-patch+json")
                .status,
            200);
  EXPECT_TRUE(gone("held"));
}

TEST_F(Deletion, preconditions_name_what_they_found) {
  const Json made = make("a");
  const std::string uid = string_at(made, {"metadata", "uid"});
  const Answer other = raw.send("DELETE", path(kConfigMaps, "a"),
                                {{"preconditions", {{"uid", "55555555-5555-4555-8555-555555555555"}}}});
  EXPECT_EQ(other.status, 409);
  EXPECT_NE(string_at(other.body, {"message"}).find(uid), std::string::npos) << dump_json(other.body);
  EXPECT_EQ(raw.send("DELETE", path(kConfigMaps, "a"), {{"preconditions", {{"resourceVersion", "1"}}}}).status, 409);
  EXPECT_EQ(raw.send("DELETE", path(kConfigMaps, "a"), {{"preconditions", {{"uid", uid}}}}).status, 200);
}

TEST_F(Deletion, a_namespace_takes_everything_with_it_and_nothing_new_in) {
  const std::string other = fresh_namespace(client);
  const std::string maps = "/api/v1/namespaces/" + other + "/configmaps";
  Json held = data("held", {});
  held["metadata"]["finalizers"] = Json::array({"clops.test/hold"});
  ASSERT_EQ(raw.send("POST", maps, held).status, 201);
  ASSERT_EQ(raw.send("POST", maps, data("free", {})).status, 201);
  EXPECT_EQ(raw.send("DELETE", "/api/v1/namespaces/" + other).status, 200);
  const Answer late = raw.send("POST", maps, data("late", {}));
  EXPECT_EQ(late.status, 403);
  EXPECT_NE(string_at(late.body, {"message"}).find("because it is being terminated"), std::string::npos);
  EXPECT_TRUE(eventually([&] { return raw.get(maps + "/free").status == 404; }, kPatience));
  EXPECT_EQ(raw.send("PATCH", maps + "/held", {{"metadata", {{"finalizers", nullptr}}}}, "application/merge-patch+json")
                .status,
            200);
  EXPECT_TRUE(eventually([&] { return raw.get("/api/v1/namespaces/" + other).status == 404; }, kPatience));
}

}  // namespace
}  // namespace clops::contract
