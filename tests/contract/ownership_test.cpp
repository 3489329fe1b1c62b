// Who owns which field: server-side apply by several managers, through the object, its status and its scale.
#include "tests/contract/fixture.h"

namespace clops::contract {
namespace {

const crds::ResourceType kDeployments{.group = "apps", .version = "v1", .kind = "Deployment", .plural = "deployments"};

class Ownership : public ContractOfOurKinds {
 protected:
  [[nodiscard]] std::string conflict(const Answer& answer) const {
    EXPECT_EQ(answer.status, 409) << dump_json(answer.body);
    EXPECT_EQ(string_at(answer.body, {"reason"}), "Conflict");
    return string_at(answer.body, {"message"});
  }
};

TEST_F(Ownership, two_managers_share_what_they_agree_on_and_dispute_the_rest) {
  const std::string url = path(kConfigMaps, "a");
  EXPECT_EQ(raw.apply(url, "one", data("a", {{"k", "1"}, {"mine", "x"}})).status, 201);
  EXPECT_EQ(raw.apply(url, "two", data("a", {{"k", "1"}})).status, 200);
  EXPECT_EQ(conflict(raw.apply(url, "two", data("a", {{"k", "2"}}))),
            "Apply failed with 1 conflict: conflict with \"one\": .data.k");
  const Answer forced = raw.apply(url, "two", data("a", {{"k", "2"}}), true);
  EXPECT_EQ(forced.status, 200);
  EXPECT_EQ(owned(forced.body, "one"), Json({{"f:data", {{"f:mine", Json::object()}}}}));
  EXPECT_EQ(owned(forced.body, "two"), Json({{"f:data", {{"f:k", Json::object()}}}}));
  EXPECT_EQ(conflict(raw.apply(url, "one", data("a", {{"k", "1"}, {"mine", "x"}}))),
            "Apply failed with 1 conflict: conflict with \"two\": .data.k");
}

TEST_F(Ownership, an_update_takes_over_and_is_named_with_its_version) {
  const std::string url = path(kConfigMaps, "a");
  EXPECT_EQ(raw.apply(url, "one", data("a", {{"k", "1"}})).status, 201);
  EXPECT_EQ(
      raw.send("PATCH", url + "?fieldManager=editor", {{"data", {{"k", "2"}}}}, "application/merge-patch+json").status,
      200);
  EXPECT_EQ(conflict(raw.apply(url, "one", data("a", {{"k", "1"}}))),
            "Apply failed with 1 conflict: conflict with \"editor\" using v1: .data.k");
}

TEST_F(Ownership, list_items_merge_by_their_keys_and_leave_with_their_owner) {
  const auto deployment = [](const Json& containers) {
    return Json{{"apiVersion", "apps/v1"},
                {"kind", "Deployment"},
                {"metadata", {{"name", "d"}}},
                {"spec",
                 {{"selector", {{"matchLabels", {{"a", "b"}}}}},
                  {"template", {{"metadata", {{"labels", {{"a", "b"}}}}}, {"spec", {{"containers", containers}}}}}}}};
  };
  const std::string url = path(kDeployments, "d");
  const Json main{{"name", "main"}, {"image", "m:1"}, {"ports", Json::array({{{"containerPort", 80}}})}};
  const Json side{{"name", "side"}, {"image", "s:1"}};
  EXPECT_EQ(raw.apply(url, "one", deployment(Json::array({main}))).status, 201);
  const Answer both = raw.apply(url, "two", deployment(Json::array({side})));
  ASSERT_EQ(both.status, 200) << dump_json(both.body);
  const Json& containers = both.body["spec"]["template"]["spec"]["containers"];
  ASSERT_EQ(containers.size(), 2u);
  EXPECT_EQ(containers[0]["ports"][0]["protocol"], "TCP") << "a key's default";
  const Json fields = owned(both.body, "one")["f:spec"]["f:template"]["f:spec"]["f:containers"];
  EXPECT_TRUE(fields["k:{\"name\":\"main\"}"]["f:ports"].contains("k:{\"containerPort\":80,\"protocol\":\"TCP\"}"))
      << fields;
  const Answer alone = raw.apply(url, "one", deployment(Json::array({side})));
  ASSERT_EQ(alone.status, 200) << dump_json(alone.body);
  EXPECT_EQ(alone.body["spec"]["template"]["spec"]["containers"].size(), 1u);
}

TEST_F(Ownership, status_has_owners_of_its_own) {
  const std::string url = path(crds::kModelDeploymentType, "m");
  ASSERT_EQ(raw.apply(url, "one", endpoint("m")).status, 201);
  Json status = endpoint("m");
  status["spec"]["variants"][0]["weight"] = 7;
  status["status"] = {{"url", "http://m"}, {"observedGeneration", 1}};
  const Answer written = raw.apply(url + "/status", "operator", status);
  ASSERT_EQ(written.status, 200) << dump_json(written.body);
  EXPECT_EQ(written.body["spec"]["variants"][0]["weight"], 100) << "spec is not written through status";
  EXPECT_EQ(int_at(written.body, {"metadata", "generation"}), 1);
  EXPECT_EQ(owned(written.body, "operator", "status"),
            Json({{"f:status", {{"f:observedGeneration", Json::object()}, {"f:url", Json::object()}}}}));
  status["status"] = {{"url", "http://other"}};
  EXPECT_EQ(conflict(raw.apply(url + "/status", "two", status)),
            "Apply failed with 1 conflict: conflict with \"operator\" with subresource \"status\": .status.url");
  Json through = endpoint("m");
  through["status"] = {{"url", "http://elsewhere"}};
  const Answer unmoved = raw.apply(url, "one", through);
  EXPECT_EQ(string_at(unmoved.body, {"status", "url"}), "http://m") << "status is not written through the object";
  EXPECT_FALSE(owned(unmoved.body, "one").contains("f:status"));
}

TEST_F(Ownership, whoever_scales_owns_the_replicas) {
  const std::string url = path(crds::kModelDeploymentType, "m");
  ASSERT_EQ(raw.apply(url, "git", endpoint("m", {{"replicas", 1}})).status, 201);
  const Answer scaled = raw.send("PATCH", url + "/scale?fieldManager=autoscaler", {{"spec", {{"replicas", 3}}}},
                                 "application/merge-patch+json");
  ASSERT_EQ(scaled.status, 200) << dump_json(scaled.body);
  EXPECT_EQ(string_at(scaled.body, {"kind"}), "Scale");
  const Json now = raw.get(url).body;
  EXPECT_EQ(int_at(now, {"spec", "replicas"}), 3);
  EXPECT_EQ(int_at(now, {"metadata", "generation"}), 2);
  EXPECT_EQ(owned(now, "autoscaler", "scale"), Json({{"f:spec", {{"f:replicas", Json::object()}}}}));
  EXPECT_FALSE(owned(now, "git")["f:spec"].contains("f:replicas"));
  EXPECT_EQ(conflict(raw.apply(url, "git", endpoint("m", {{"replicas", 1}}))),
            "Apply failed with 1 conflict: conflict with \"autoscaler\" with subresource \"scale\" using "
            "clops.dev/v1alpha1: .spec.replicas");
  EXPECT_EQ(raw.apply(url, "git", endpoint("m")).status, 200) << "whoever does not name them leaves them alone";
  EXPECT_EQ(int_at(raw.get(url).body, {"spec", "replicas"}), 3);
}

TEST_F(Ownership, a_dry_run_says_what_would_be_and_leaves_everything) {
  const std::string url = path(kConfigMaps, "a");
  const std::string made =
      string_at(raw.apply(url, "one", data("a", {{"k", "1"}})).body, {"metadata", "resourceVersion"});
  const Answer dry =
      raw.send("PATCH", url + "?fieldManager=one&dryRun=All", data("a", {{"k", "2"}}), "application/apply-patch+yaml");
  EXPECT_EQ(dry.status, 200);
  EXPECT_EQ(string_at(dry.body, {"data", "k"}), "2");
  EXPECT_EQ(string_at(dry.body, {"metadata", "resourceVersion"}), made);
  EXPECT_EQ(raw.send("DELETE", url + "?dryRun=All").status, 200);
  EXPECT_EQ(string_at(raw.get(url).body, {"data", "k"}), "1");
  EXPECT_EQ(
      raw.send("PATCH", url + "?fieldManager=one&dryRun=Some", data("a", {}), "application/apply-patch+yaml").status,
      422);
}

}  // namespace
}  // namespace clops::contract
