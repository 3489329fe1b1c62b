// What the real server's types make of an object before anybody reads it, and what its merging makes of owners: the
// cases that the differential test (tests/contract) found, each by itself.
#include "local/api/managed_fields.h"
#include "local/api/protobuf.h"
#include "local/api/quantity.h"
#include "local/api/resources.h"
#include "local/api/schema.h"
#include "local/api/typed_value.h"
#include "tests/unit/local/api/api_fixture.h"

namespace clops::local {
namespace {

Json y(const std::string& text) {
  return parse_yaml(text).value().at(0);
}

TEST(Quantities, have_one_form) {
  const std::pair<const char*, const char*> rows[] = {{"1", "1"},
                                                      {"1.0", "1"},
                                                      {"0", "0"},
                                                      {"0.5", "500m"},
                                                      {"1500m", "1500m"},
                                                      {"1000m", "1"},
                                                      {"64Mi", "64Mi"},
                                                      {"65536Ki", "64Mi"},
                                                      {"1024Mi", "1Gi"},
                                                      {"1.5Gi", "1536Mi"},
                                                      {"1000", "1k"},
                                                      {"1000Ki", "1000Ki"},
                                                      {"1e3", "1e3"},
                                                      {"12e6", "12e6"},
                                                      {"-2", "-2"},
                                                      {"+3", "3"},
                                                      {"0.5Ki", "512"},
                                                      {"100000000", "100M"},
                                                      {"1000000Ki", "1000000Ki"},
                                                      {"1n", "1n"},
                                                      {"0.1n", "1n"},
                                                      {"5E", "5E"},
                                                      {"2Ei", "2Ei"},
                                                      {".5", "500m"}};
  for (const auto& [text, want] : rows) EXPECT_EQ(canonical_quantity(text).value_or("none"), want) << text;
  for (const char* text : {"", "x", "1x", "1 Gi", "Gi", "--1", "1e", "1e99", ".", "999999999.999999999Pi"})
    EXPECT_FALSE(canonical_quantity(text)) << text;
}

const Json& schema_of(const std::string& kind) {
  static const auto resources = builtin_resources();
  for (const auto& resource : resources) {
    if (resource->type.kind == kind) return resource->schema;
  }
  return resources[0]->schema;
}

TEST(TypedObjects, hold_no_empty_values_and_always_some_parts) {
  Json deployment =
      y("{metadata: {name: d, labels: {}, annotations: {a: ''}}, spec: {paused: false, minReadySeconds: 0, "
        "replicas: 0, template: {spec: {containers: [{name: c, image: '', args: [], env: [{name: E, value: "
        "''}], resources: {limits: {memory: 1024Mi, cpu: 2}}}], volumes: [{name: v, emptyDir: {}}]}}}}");
  as_typed(schema_of("Deployment"), deployment, false);
  EXPECT_EQ(
      deployment,
      y("{metadata: {name: d, annotations: {a: ''}}, spec: {replicas: 0, strategy: {}, template: {metadata: {}, "
        "spec: {containers: [{name: c, env: [{name: E}], resources: {limits: {memory: 1Gi, cpu: '2'}}}], volumes: "
        "[{name: v, emptyDir: {}}]}}}, status: {}}"));
}

TEST(Owners, of_a_new_object_have_what_was_not_always_there) {
  const WriterIdentity writer{.manager = "m", .api_version = "apps/v1", .builtin = true};
  const Json made = note_update(
      schema_of("Deployment"), nullptr,
      y("{metadata: {name: d, labels: {l: x}}, spec: {strategy: {rollingUpdate: {maxSurge: 1}}, template: {metadata: "
        "{labels: {a: b}}, spec: {containers: [{name: c, image: i, resources: {}}]}}}}"),
      writer);
  EXPECT_EQ(dump_json(made["metadata"]["managedFields"][0]["fieldsV1"]),
            R"({"f:metadata":{"f:labels":{".":{},"f:l":{}}},"f:spec":{"f:strategy":{"f:rollingUpdate":{".":{},)"
            R"("f:maxSurge":{}}},"f:template":{"f:metadata":{"f:labels":{".":{},"f:a":{}}},"f:spec":{"f:containers":)"
            R"({"k:{\"name\":\"c\"}":{".":{},"f:image":{},"f:name":{},"f:resources":{}}}}}}})");
}

TEST(Owners, who_joins_in_is_not_dated_and_who_never_was_is_before_the_first_apply) {
  const WriterIdentity one{.manager = "one", .api_version = "v1", .time = "2026-11-22T10:00:00Z", .builtin = true};
  const Json live = y("{metadata: {name: a}, data: {k: '1'}}");
  const auto applied = server_side_apply(schema_of("ConfigMap"), live, live, false, one);
  ASSERT_TRUE(applied);
  const Json& entries = (*applied)["metadata"]["managedFields"];
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(string_at(entries[0], {"manager"}), "one");
  EXPECT_FALSE(entries[0].contains("time"));
  EXPECT_EQ(string_at(entries[1], {"manager"}), "before-first-apply");
}

TEST(Owners, more_than_ten_updaters_share_an_entry_for_the_oldest) {
  Json object;
  for (int i = 0; i < 12; ++i) {
    Json next = object.is_null() ? y("{metadata: {name: a}, data: {}}") : object;
    next["data"]["k" + std::to_string(i)] = "v";
    object = note_update(schema_of("ConfigMap"), object, next,
                         {.manager = "m" + std::to_string(10 + i),
                          .api_version = "v1",
                          .time = "2026-11-22T10:00:" + std::to_string(10 + i) + "Z",
                          .builtin = true});
  }
  const Json& entries = object["metadata"]["managedFields"];
  ASSERT_EQ(entries.size(), 10u);
  EXPECT_EQ(string_at(entries[0], {"manager"}), "ancient-changes");
  EXPECT_EQ(dump_json(entries[0]["fieldsV1"]), R"({"f:data":{".":{},"f:k0":{},"f:k1":{},"f:k2":{}}})");
}

TEST(Merging, keeps_the_applied_order_and_the_place_of_what_was_not_applied) {
  const Json schema = y("{type: array, x-kubernetes-list-type: set, items: {type: string}}");
  EXPECT_EQ(merge_applied(schema, y("[a, b, c]"), y("[c, a]")), y("[b, c, a]"));
  EXPECT_EQ(merge_applied(schema, y("[a, b]"), y("[x, b]")), y("[a, x, b]"));
}

// A message's fields, written by hand: what a real kubectl sends is in the contract lane.
std::string varint(uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  return out + static_cast<char>(value);
}
std::string field(int number, const std::string& bytes) {
  return varint(static_cast<uint64_t>(number) << 3 | 2) + varint(bytes.size()) + bytes;
}
std::string field(int number, uint64_t value) {
  return varint(static_cast<uint64_t>(number) << 3) + varint(value);
}
std::string envelope(const std::string& version, const std::string& kind, const std::string& raw) {
  return std::string("k8s\0", 4) + field(1, field(1, version) + field(2, kind)) + field(2, raw);
}

TEST(Protobuf, is_read_by_its_field_numbers) {
  const std::string meta =
      field(1, field(1, std::string("a")) + field(11, field(1, std::string("l")) + field(2, std::string("x"))) +
                   field(8, field(1, uint64_t{1'795'000'000})));
  const auto map = parse_protobuf(schema_of("ConfigMap"),
                                  envelope("v1", "ConfigMap",
                                           meta + field(2, field(1, std::string("k")) + field(2, std::string("1"))) +
                                               field(2, field(1, std::string("e"))) +
                                               field(3, field(1, std::string("b")) + field(2, std::string("\1\2"))) +
                                               field(4, uint64_t{1}) + field(99, std::string("unknown"))));
  ASSERT_TRUE(map) << map.error().message;
  EXPECT_EQ(*map, y("{apiVersion: v1, kind: ConfigMap, metadata: {name: a, labels: {l: x}, creationTimestamp: "
                    "'2026-11-18T11:06:40Z'}, data: {k: '1', e: ''}, binaryData: {b: AQI=}, immutable: true}"));
  // A volume's kind lies in a type that upstream embeds; a port is a number or a name; a limit is a quantity.
  const std::string volume = field(1, std::string("v")) + field(2, field(19, field(1, field(1, std::string("c")))));
  const std::string probe = field(11, field(1, field(2, field(2, field(1, uint64_t{0}) + field(2, uint64_t{8080})))));
  const std::string limits =
      field(8, field(1, field(1, std::string("memory")) + field(2, field(1, std::string("1Gi")))));
  const auto pod = parse_protobuf(
      schema_of("Pod"), envelope("v1", "Pod",
                                 field(2, field(1, volume) + field(2, field(1, std::string("c")) + limits + probe) +
                                              field(4, ~uint64_t{0}))));
  ASSERT_TRUE(pod) << pod.error().message;
  EXPECT_EQ((*pod)["spec"],
            y("{volumes: [{name: v, configMap: {name: c}}], containers: [{name: c, resources: {limits: {memory: 1Gi}}, "
              "readinessProbe: {httpGet: {port: 8080}}}], terminationGracePeriodSeconds: -1}"));
}

TEST(Protobuf, that_is_cut_short_or_no_such_thing_is_refused) {
  const std::string whole = envelope("v1", "ConfigMap", field(1, field(1, std::string("a"))));
  const Json& schema = schema_of("ConfigMap");
  ASSERT_TRUE(parse_protobuf(schema, whole));
  for (const size_t left : {size_t{3}, size_t{5}, size_t{9}, whole.size() - 1})
    EXPECT_FALSE(parse_protobuf(schema, std::string_view(whole).substr(0, left))) << left;
  EXPECT_FALSE(parse_protobuf(schema, std::string("k8s\0\x0b", 5))) << "groups";
  EXPECT_FALSE(parse_protobuf(schema, envelope("v1", "ConfigMap", field(1, uint64_t{7})))) << "a number for metadata";
  EXPECT_FALSE(parse_protobuf(schema, std::string("k8s\0", 4) + std::string(12, '\xff'))) << "a number without end";
}

class Verbs : public ApiTest {};

TEST_F(Verbs, a_put_may_create_a_service_but_no_config_map) {
  const std::string service = "/api/v1/namespaces/default/services/s";
  EXPECT_EQ(call("PUT", service, R"({"metadata":{"name":"s"},"spec":{"ports":[{"port":80}]}})")->response.status, 201);
  EXPECT_EQ(call("PUT", std::string(kMaps) + "/x", R"({"metadata":{"name":"x"}})")->response.status, 404);
}

TEST_F(Verbs, deleting_again_changes_how_and_options_in_a_body_are_all_there_are) {
  call("POST", kMaps, R"({"metadata":{"name":"x"}})");
  const std::string url = std::string(kMaps) + "/x";
  EXPECT_EQ(call("DELETE", url + "?dryRun=All")->response.status, 200);
  EXPECT_EQ(call("DELETE", url, R"({"propagationPolicy":"Foreground"})")->json()["metadata"]["finalizers"],
            Json::array({"foregroundDeletion"}));
  EXPECT_EQ(call("DELETE", url, R"({"propagationPolicy":"Orphan"})")->json()["metadata"]["finalizers"],
            Json::array({"orphan"}));
  EXPECT_EQ(call("DELETE", url + "?dryRun=All", R"({"propagationPolicy":"Background"})")->response.status, 200);
  EXPECT_EQ(call("GET", url)->response.status, 404) << "a dry run only by the body's word";
}

TEST_F(Verbs, of_a_pod_only_few_fields_can_be_changed_in_place) {
  const std::string pods = "/api/v1/namespaces/default/pods";
  ASSERT_EQ(
      call("POST", pods, R"({"metadata":{"name":"p"},"spec":{"containers":[{"name":"c","image":"i:1","args":["x"]}]}})")
          ->response.status,
      201);
  EXPECT_EQ(merge(pods + "/p", "{spec: {containers: [{name: c, image: 'i:2', args: [x]}]}}")->response.status, 200);
  const auto refused = merge(pods + "/p", "{spec: {containers: [{name: c, image: 'i:2', args: [z]}]}}");
  EXPECT_EQ(refused->response.status, 422);
  EXPECT_NE(refused->message().find("pod updates may not change fields other than"), std::string::npos)
      << refused->message();
}

}  // namespace
}  // namespace clops::local
