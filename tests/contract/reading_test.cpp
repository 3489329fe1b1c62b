// Lists and watches as informers and kubectl use them: pages over one state, bookmarks, what is gone, tables.
#include "tests/contract/fixture.h"
#include "tests/contract/lines.h"

namespace clops::contract {
namespace {

class Reading : public Contract {
 protected:
  std::string make(const std::string& name) {
    const Answer made = raw.send("POST", path(kConfigMaps), data(name, {{"k", "1"}}));
    EXPECT_EQ(made.status, 201) << dump_json(made.body);
    return string_at(made.body, {"metadata", "resourceVersion"});
  }
  [[nodiscard]] static std::vector<std::string> names(const Json& list) {
    std::vector<std::string> out;
    for (const auto& item : list.value("items", Json::array())) out.push_back(string_at(item, {"metadata", "name"}));
    return out;
  }
};

TEST_F(Reading, pages_are_of_one_state_whatever_happens_meanwhile) {
  for (const char* name : {"a", "b", "c", "d", "e"}) make(name);
  const Json first = raw.get(path(kConfigMaps) + "?limit=2").body;
  EXPECT_EQ(names(first), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(int_at(first, {"metadata", "remainingItemCount"}), 3);
  const std::string revision = string_at(first, {"metadata", "resourceVersion"});
  ASSERT_EQ(raw.send("DELETE", path(kConfigMaps, "c")).status, 200);
  make("bb");
  ASSERT_EQ(raw.send("PATCH", path(kConfigMaps, "d"), {{"data", {{"k", "2"}}}}, "application/merge-patch+json").status,
            200);
  const std::string next =
      path(kConfigMaps) + "?limit=2&continue=" + url_encode(string_at(first, {"metadata", "continue"}));
  const Json second = raw.get(next).body;
  EXPECT_EQ(names(second), (std::vector<std::string>{"c", "d"}));
  EXPECT_EQ(string_at(second["items"][1], {"data", "k"}), "1") << "as it was then";
  EXPECT_EQ(string_at(second, {"metadata", "resourceVersion"}), revision);
  const Json last =
      raw.get(path(kConfigMaps) + "?limit=2&continue=" + url_encode(string_at(second, {"metadata", "continue"}))).body;
  EXPECT_EQ(names(last), (std::vector<std::string>{"e"}));
  EXPECT_EQ(string_at(last, {"metadata", "continue"}), "");
  EXPECT_EQ(names(raw.get(path(kConfigMaps)).body), (std::vector<std::string>{"a", "b", "bb", "d", "e"}));
  EXPECT_EQ(raw.get(path(kConfigMaps) + "?continue=nonsense").status, 400);
}

TEST_F(Reading, a_list_says_the_revision_that_a_watch_goes_on_from) {
  make("a");
  const std::string from = string_at(raw.get(path(kConfigMaps)).body, {"metadata", "resourceVersion"});
  make("b");
  ASSERT_EQ(raw.send("DELETE", path(kConfigMaps, "a")).status, 200);
  Lines lines;
  const auto stream =
      client.watch(kConfigMaps, ns, {.resource_version = from, .timeout = std::chrono::seconds(30)}, lines);
  ASSERT_TRUE(eventually([&] { return lines.events().size() >= 2; }));
  const auto events = lines.events();
  EXPECT_EQ(string_at(events[0], {"type"}), "ADDED");
  EXPECT_EQ(string_at(events[0], {"object", "metadata", "name"}), "b");
  EXPECT_EQ(string_at(events[1], {"type"}), "DELETED");
  EXPECT_GT(kube::compare_resource_versions(string_at(events[1], {"object", "metadata", "resourceVersion"}),
                                            string_at(events[0], {"object", "metadata", "resourceVersion"})),
            0)
      << "a deletion has a revision of its own";
}

TEST_F(Reading, a_watch_may_begin_with_the_state_and_says_where_it_ends) {
  make("a");
  Lines lines;
  const auto stream = lines.open(*connection.http, Server::instance().access(),
                                 path(kConfigMaps) +
                                     "?watch=1&sendInitialEvents=true&allowWatchBookmarks=true"
                                     "&resourceVersionMatch=NotOlderThan&timeoutSeconds=30");
  if (raw.minor() < 32) {  // not by default there; nor does clops ask for it
    ASSERT_TRUE(eventually([&] { return lines.read().find("sendInitialEvents is forbidden") != std::string::npos; }));
    return;
  }
  ASSERT_TRUE(eventually([&] { return lines.events().size() >= 2; })) << lines.read();
  const auto events = lines.events();
  EXPECT_EQ(string_at(events[0], {"type"}), "ADDED");
  EXPECT_EQ(string_at(events[1], {"type"}), "BOOKMARK");
  EXPECT_EQ(string_at(events[1], {"object", "metadata", "annotations", "k8s.io/initial-events-end"}), "true");
  EXPECT_NE(string_at(events[1], {"object", "metadata", "resourceVersion"}), "");
}

TEST_F(Reading, an_object_that_leaves_the_selection_is_deleted_for_its_watch) {
  const std::string from = make("a");
  Lines lines;
  const auto stream =
      client.watch(kConfigMaps, ns,
                   {.label_selector = "on=yes", .resource_version = from, .timeout = std::chrono::seconds(30)}, lines);
  for (const char* value : {"yes", "no"})
    ASSERT_EQ(raw.send("PATCH", path(kConfigMaps, "a"), {{"metadata", {{"labels", {{"on", value}}}}}},
                       "application/merge-patch+json")
                  .status,
              200);
  ASSERT_TRUE(eventually([&] { return lines.events().size() >= 2; })) << lines.read();
  EXPECT_EQ(string_at(lines.events()[0], {"type"}), "ADDED");
  EXPECT_EQ(string_at(lines.events()[1], {"type"}), "DELETED");
}

TEST_F(Reading, a_revision_that_has_not_come_yet_is_told_apart) {
  const Answer early = raw.get(path(kConfigMaps) + "?resourceVersion=999999999");
  EXPECT_EQ(early.status, 504) << dump_json(early.body);
  EXPECT_EQ(string_at(early.body, {"reason"}), "Timeout");
  const Json* causes = find_path(early.body, {"details", "causes"});
  ASSERT_TRUE(causes) << dump_json(early.body);
  EXPECT_EQ(string_at((*causes)[0], {"reason"}), "ResourceVersionTooLarge");
}

TEST_F(Reading, tables_have_the_columns_that_kubectl_prints) {
  make("a");
  const std::string accept = "application/json;as=Table;v=v1;g=meta.k8s.io";
  const Json table = raw.get(path(kConfigMaps), accept).body;
  EXPECT_EQ(string_at(table, {"kind"}), "Table");
  std::vector<std::string> columns;
  for (const auto& column : table["columnDefinitions"]) columns.push_back(string_at(column, {"name"}));
  EXPECT_EQ(columns, (std::vector<std::string>{"Name", "Data", "Age"}));
  ASSERT_EQ(table["rows"].size(), 1u);
  EXPECT_EQ(table["rows"][0]["cells"][0], "a");
  EXPECT_EQ(table["rows"][0]["cells"][1], 1);
  EXPECT_EQ(string_at(table["rows"][0], {"object", "kind"}), "PartialObjectMetadata");
  EXPECT_FALSE(table["rows"][0]["object"].contains("data"));
  const Json one = raw.get(path(kConfigMaps, "a") + "?includeObject=Object", accept).body;
  EXPECT_EQ(string_at(one["rows"][0], {"object", "data", "k"}), "1");
}

class ReadingOfOurKinds : public ContractOfOurKinds {};

TEST_F(ReadingOfOurKinds, tables_follow_the_printer_columns) {
  ASSERT_EQ(raw.send("POST", path(crds::kModelDeploymentType), endpoint("m")).status, 201);
  Json status = endpoint("m");
  status["status"] = {{"url", "http://m"},
                      {"replicas", 2},
                      {"conditions", Json::array({{{"type", "Ready"},
                                                   {"status", "True"},
                                                   {"reason", "R"},
                                                   {"message", ""},
                                                   {"lastTransitionTime", "2026-11-22T10:00:00Z"}}})}};
  ASSERT_EQ(raw.apply(path(crds::kModelDeploymentType, "m") + "/status", "s", status).status, 200);
  const Json table = raw.get(path(crds::kModelDeploymentType), "application/json;as=Table;v=v1;g=meta.k8s.io").body;
  ASSERT_EQ(table["rows"].size(), 1u) << table;
  Json cells = table["rows"][0]["cells"];
  ASSERT_EQ(cells.size(), 6u);
  cells.erase(5);  // the age
  EXPECT_EQ(cells, Json::array({"m", "http://m", "True", nullptr, 2})) << cells;
}

}  // namespace
}  // namespace clops::contract
