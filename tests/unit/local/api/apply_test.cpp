// Patches as tables; server-side apply as conversations between managers; field sets by their algebra.
#include "local/api/field_set.h"
#include "local/api/patch.h"
#include "local/api/resources.h"
#include "local/api/schema.h"
#include "local/api/table.h"
#include "local/api/typed_value.h"
#include "tests/unit/local/api/api_fixture.h"

namespace clops::local {
namespace {

Json y(const std::string& text) {
  return parse_yaml(text).value().at(0);
}

struct PatchRow {
  const char *why, *target, *patch, *want;
};

TEST(Patches, json_patch) {
  const PatchRow rows[] = {
      {"add to an object", "{a: 1}", "[{op: add, path: /b, value: 2}]", "{a: 1, b: 2}"},
      {"add into a list", "{a: [1, 3]}", "[{op: add, path: /a/1, value: 2}]", "{a: [1, 2, 3]}"},
      {"append", "{a: [1]}", "[{op: add, path: /a/-, value: 2}]", "{a: [1, 2]}"},
      {"escapes", "{a/b: 1, c~d: 2}", "[{op: remove, path: /a~1b}, {op: replace, path: /c~0d, value: 3}]", "{c~d: 3}"},
      {"move", "{a: {x: 1}}", "[{op: move, from: /a/x, path: /b}]", "{a: {}, b: 1}"},
      {"copy", "{a: 1}", "[{op: copy, from: /a, path: /b}]", "{a: 1, b: 1}"},
      {"test passes", "{a: [1]}", "[{op: test, path: /a, value: [1]}, {op: remove, path: /a/0}]", "{a: []}"},
      {"test fails", "{a: 1}", "[{op: test, path: /a, value: 2}]", nullptr},
      {"no such path", "{a: 1}", "[{op: remove, path: /b}]", nullptr},
      {"replacing in an object need not find anything", "{a: 1}", "[{op: replace, path: /b, value: 1}]",
       "{a: 1, b: 1}"},
      {"replacing in a list must", "{a: [1]}", "[{op: replace, path: /a/1, value: 1}]", nullptr},
      {"beyond the end", "{a: [1]}", "[{op: add, path: /a/3, value: 1}]", nullptr},
      {"leading zero", "{a: [1, 2]}", "[{op: remove, path: /a/01}]", nullptr},
      {"unknown operation", "{a: 1}", "[{op: swap, path: /a}]", nullptr},
  };
  for (const auto& row : rows) {
    const auto got = json_patch(y(row.target), y(row.patch));
    ASSERT_EQ(got.has_value(), row.want != nullptr) << row.why;
    if (got) {
      EXPECT_EQ(*got, y(row.want)) << row.why;
    }
  }
}

TEST(Patches, merge_patch) {
  EXPECT_EQ(merge_patch(y("{a: {b: 1, c: 2}, d: [1]}"), y("{a: {b: null, e: {f: null, g: 1}}, d: [2]}")),
            y("{a: {c: 2, e: {g: 1}}, d: [2]}"));
}

TEST(Patches, strategic_merge_patch) {
  const PatchRow rows[] = {
      {"containers merge by name", "{containers: [{name: a, image: x}, {name: b}]}",
       "{containers: [{name: b, image: y}]}", "{containers: [{name: a, image: x}, {name: b, image: y}]}"},
      {"new ones come first", "{containers: [{name: a}]}", "{containers: [{name: b}]}",
       "{containers: [{name: b}, {name: a}]}"},
      {"delete by key", "{containers: [{name: a}, {name: b}]}", "{containers: [{name: a, $patch: delete}]}",
       "{containers: [{name: b}]}"},
      {"replace a list", "{containers: [{name: a}]}", "{containers: [{$patch: replace}, {name: z}]}",
       "{containers: [{name: z}]}"},
      {"replace an object", "{securityContext: {runAsUser: 1}}", "{securityContext: {$patch: replace, runAsGroup: 2}}",
       "{securityContext: {runAsGroup: 2}}"},
      {"null removes", "{containers: [{name: a, env: [{name: E, value: v}]}]}", "{containers: [{name: a, env: null}]}",
       "{containers: [{name: a}]}"},
      {"ports merge by number", "{containers: [{name: a, ports: [{containerPort: 80}]}]}",
       "{containers: [{name: a, ports: [{containerPort: 80, name: http}]}]}",
       "{containers: [{name: a, ports: [{containerPort: 80, name: http}]}]}"},
      {"atomic lists are replaced", "{containers: [{name: a, args: [x, y]}]}", "{containers: [{name: a, args: [z]}]}",
       "{containers: [{name: a, args: [z]}]}"},
      {"order as asked", "{volumes: [{name: a}, {name: b}]}",
       "{$setElementOrder/volumes: [{name: b}, {name: a}], volumes: [{name: b, emptyDir: {}}]}",
       "{volumes: [{name: b, emptyDir: {}}, {name: a}]}"},
      {"retained keys", "{volumes: [{name: a, emptyDir: {}}]}",
       "{volumes: [{name: a, $retainKeys: [name, configMap], configMap: {name: c}}]}",
       "{volumes: [{name: a, configMap: {name: c}}]}"},
      {"no key", "{containers: []}", "{containers: [{image: x}]}", nullptr},
  };
  const auto pods = builtin_resources();
  const Json* spec = field_schema(pods[2]->schema, "spec");
  ASSERT_EQ(pods[2]->type.kind, "Pod");
  for (const auto& row : rows) {
    const auto got = strategic_merge_patch(*spec, y(row.target), y(row.patch));
    ASSERT_EQ(got.has_value(), row.want != nullptr) << row.why;
    if (got) {
      EXPECT_EQ(*got, y(row.want)) << row.why << ": " << dump_json(*got);
    }
  }
}

class Apply : public ApiTest {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    ASSERT_EQ(
        call("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", yaml(kWidgetCrd))->response.status,
        201);
  }
  Answer as(const std::string& manager, const std::string& spec, const std::string& more = "") {
    return apply(std::string(kWidgets) + "/w", manager,
                 "{apiVersion: test.dev/v1, kind: Widget, metadata: {name: w}, spec: {" + spec + "}}", more);
  }
  Json spec() { return call("GET", std::string(kWidgets) + "/w")->json()["spec"]; }
};

TEST_F(Apply, creates_then_owns_and_gives_up_what_it_no_longer_states) {
  EXPECT_EQ(as("a", "color: red, replicas: 3, tags: [x, z], parts: [{name: p, size: 1}]")->response.status, 201);
  EXPECT_EQ(as("a", "color: red, tags: [z]")->response.status, 200);
  EXPECT_EQ(spec(), y("{color: red, replicas: 1, tags: [z]}"));
}

TEST_F(Apply, a_differing_value_of_another_manager_is_a_conflict_until_forced) {
  as("a", "color: red, replicas: 3");
  EXPECT_EQ(as("b", "color: red")->response.status, 200) << "equal values are shared";
  const auto refused = as("b", "color: green, replicas: 4");
  EXPECT_EQ(refused->response.status, 409);
  EXPECT_EQ(refused->message(),
            "Apply failed with 2 conflicts: conflicts with \"a\":\n- .spec.color\n- .spec.replicas");
  EXPECT_EQ(string_at(refused->json()["details"]["causes"][0], {"reason"}), "FieldManagerConflict");
  EXPECT_EQ(as("b", "color: green", "&force=true")->response.status, 200);
  const auto back = as("a", "color: red, replicas: 3");
  EXPECT_EQ(back->message(), "Apply failed with 1 conflict: conflict with \"b\": .spec.color");
}

TEST_F(Apply, a_field_two_managers_state_stays_until_both_let_go) {
  as("a", "color: red, tags: [x]");
  as("b", "color: red, tags: [x, z]");
  as("a", "color: red");
  EXPECT_EQ(spec()["tags"], y("[x, z]"));
  as("b", "color: red");
  EXPECT_FALSE(spec().contains("tags"));
}

TEST_F(Apply, list_items_merge_by_key_and_leave_with_their_owner) {
  as("a", "color: red, parts: [{name: p, size: 1}]");
  as("b", "color: red, parts: [{name: q, size: 2}]");
  EXPECT_EQ(spec()["parts"], y("[{name: p, size: 1}, {name: q, size: 2}]"));
  as("a", "color: red");
  EXPECT_EQ(spec()["parts"], y("[{name: q, size: 2}]"));
}

TEST_F(Apply, an_update_takes_fields_over_and_is_named_with_its_version) {
  as("a", "color: red");
  merge(std::string(kWidgets) + "/w?fieldManager=editor", "{spec: {color: green}}");
  EXPECT_EQ(as("a", "color: red")->message(),
            "Apply failed with 1 conflict: conflict with \"editor\" using test.dev/v1: .spec.color");
}

TEST_F(Apply, an_apply_without_effect_writes_nothing) {
  const auto first = as("a", "color: red")->json();
  clock_.passed += std::chrono::hours(1);
  EXPECT_EQ(as("a", "color: red")->json(), first);
}

TEST_F(Apply, status_is_applied_apart) {
  as("a", "color: red");
  const auto status = apply(
      std::string(kWidgets) + "/w/status", "s",
      "{apiVersion: test.dev/v1, kind: Widget, metadata: {name: w}, spec: {color: green}, status: {phase: Good}}");
  EXPECT_EQ(status->response.status, 200) << status->response.body;
  EXPECT_EQ(string_at(status->json(), {"spec", "color"}), "red");
  EXPECT_EQ(string_at(status->json(), {"status", "phase"}), "Good");
  as("a", "color: green");
  EXPECT_EQ(string_at(call("GET", std::string(kWidgets) + "/w")->json(), {"status", "phase"}), "Good");
}

TEST_F(Apply, refused_for_what_cannot_be_applied) {
  EXPECT_EQ(as("a", "color: pink")->response.status, 422);
  EXPECT_EQ(apply(std::string(kWidgets) + "/w", "a", "{apiVersion: test.dev/v2, kind: Widget, metadata: {name: w}}")
                ->response.status,
            400);
  EXPECT_EQ(apply(std::string(kWidgets) + "/w", "a", "{apiVersion: test.dev/v1, kind: Widget, metadata: {name: v}}")
                ->response.status,
            400);
  EXPECT_EQ(apply(std::string(kWidgets) + "/none/status", "a",
                  "{apiVersion: test.dev/v1, kind: Widget, metadata: {name: none}}")
                ->response.status,
            404);
}

TEST(FieldSets, are_sets) {
  const Json schema =
      y("{type: object, properties: {a: {type: object, additionalProperties: {type: string}}, l: {type: array, "
        "x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [k], "
        "items: {type: object, properties: {k: {type: string}, v: {type: integer}}}}}}");
  uint64_t seed = 1;
  const auto random = [&](int n) {
    return static_cast<int>((seed = seed * 6364136223846793005u + 1442695040888963407u) >> 33) % n;
  };
  const auto value = [&] {
    Json out = Json::object();
    for (int i = random(4); i > 0; --i) out["a"]["f" + std::to_string(random(4))] = "x";
    std::set<int> keys;
    for (int i = random(4); i > 0; --i) keys.insert(random(4));
    for (const int key : keys) out["l"].push_back({{"k", std::to_string(key)}, {"v", random(3)}});
    return out;
  };
  for (int i = 0; i < 500; ++i) {
    const Json before = value(), after = value();
    const FieldSet a = fields_of(schema, before), b = fields_of(schema, after);
    EXPECT_EQ(unite(a, b).to_json(), unite(b, a).to_json());
    EXPECT_EQ(unite(subtract(a, b), intersect(a, b)).to_json(), a.to_json());
    EXPECT_TRUE(intersect(subtract(a, b), b).empty());
    EXPECT_EQ(field_set_from_json(a.to_json()).to_json(), a.to_json());
    EXPECT_EQ(compare(schema, before, before).modified.empty(), true);
    // Whatever was applied over anything is there, and taking it out again leaves nothing of it.
    Json merged = merge_applied(schema, before, after);
    EXPECT_TRUE(subtract(b, fields_of(schema, merged)).empty());
    merged = without_fields(schema, merged, with_named_fields(schema, b));
    EXPECT_TRUE(intersect(fields_of(schema, merged), b).empty())
        << dump_json(before) << dump_json(after) << dump_json(merged);
  }
}

TEST(Tables, say_how_long_ago) {
  const std::pair<int, const char*> rows[] = {{0, "0s"},
                                              {119, "119s"},
                                              {120, "2m"},
                                              {125, "2m5s"},
                                              {600, "10m"},
                                              {10'800, "3h"},
                                              {11'100, "3h5m"},
                                              {86'400, "24h"},
                                              {3 * 86'400 + 7'200, "3d2h"},
                                              {100 * 86'400, "100d"},
                                              {800 * 86'400, "2y70d"}};
  for (const auto& [seconds, want] : rows) EXPECT_EQ(human_duration(std::chrono::seconds(seconds)), want);
}

TEST(Tables, json_path_subset) {
  const Json value =
      y("{a: {b.c: 1, d: [x, z]}, conditions: [{type: Ready, status: 'True'}, {type: Other, status: 'False'}]}");
  const std::pair<const char*, const char*> rows[] = {
      {".a.d[1]", "[\"z\"]"},   {".a.d[-1]", "[\"z\"]"}, {".a.d[*]", "[\"x\",\"z\"]"},
      {".a['b.c']", "[1]"},     {".a.b\\.c", "[1]"},     {".conditions[?(@.type==\"Ready\")].status", "[\"True\"]"},
      {"{.a.d[0]}", "[\"x\"]"}, {".none.x", "[]"},       {".a[", "[]"}};
  for (const auto& [path, want] : rows) EXPECT_EQ(dump_json(Json(json_path(value, path))), want) << path;
}

}  // namespace
}  // namespace clops::local
