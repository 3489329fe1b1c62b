#include "tests/contract/operations.h"

#include "crds/codec.h"
#include "tests/contract/server.h"

namespace clops::contract {
namespace {

using Verb = Operation::Verb;

const crds::ResourceType kDeployments{.group = "apps", .version = "v1", .kind = "Deployment", .plural = "deployments"};

// The standard's distributions differ between libraries; this does not.
class Dice {
 public:
  explicit Dice(uint64_t seed) : engine_(seed) {}
  size_t below(size_t n) { return engine_() % n; }
  bool one_in(size_t n) { return below(n) == 0; }
  template <class T>
  T pick(std::initializer_list<T> choices) {
    return *(choices.begin() + below(choices.size()));
  }
  std::string text(std::initializer_list<const char*> choices) { return pick(choices); }

 private:
  std::mt19937_64 engine_;
};

Json some_map(Dice& dice, std::initializer_list<const char*> keys, std::initializer_list<const char*> values) {
  Json out = Json::object();
  for (const char* key : keys) {
    if (dice.one_in(2)) out[key] = dice.text(values);
  }
  return out;
}

Json metadata(Dice& dice) {
  Json out = Json::object();
  if (dice.one_in(2)) out["labels"] = some_map(dice, {"l1", "clops.test/l2"}, {"x", "y", ""});
  if (dice.one_in(3)) out["annotations"] = some_map(dice, {"a1", "clops.test/a2"}, {"one", "two", "a \"quoted\" text"});
  for (const char* map : {"labels", "annotations"}) {
    if (out.contains(map) && out[map].empty()) out.erase(map);  // of our kinds the real server stores them, unseen
  }
  if (dice.one_in(12)) out["finalizers"] = Json::array({"clops.test/one"});
  if (dice.one_in(12)) {
    out["ownerReferences"] = Json::array(
        {{{"apiVersion", "v1"},
          {"kind", "ConfigMap"},
          {"name", "owner"},
          {"uid", dice.text({"11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"})}}});
  }
  return out;
}

Json config_map_fields(Dice& dice) {
  Json out{{"metadata", metadata(dice)}};
  if (!dice.one_in(5)) out["data"] = some_map(dice, {"a", "b", "c"}, {"1", "2", ""});
  if (dice.one_in(8)) out["binaryData"] = some_map(dice, {"d", "e"}, {"AA==", "AQI=", "not base64"});
  if (dice.one_in(25)) out["immutable"] = true;
  if (dice.one_in(20)) out["surplus"] = "unknown";
  if (dice.one_in(30)) out["data"] = Json{{"a", 1}};
  return out;
}

Json container(Dice& dice, const std::string& name) {
  Json out{{"name", name}, {"image", dice.text({"a:1", "a:2", "b"})}};
  if (dice.one_in(2)) {
    out["env"] = Json::array();
    for (const char* variable : {"A", "B", "C"}) {
      if (dice.one_in(2)) out["env"].push_back({{"name", variable}, {"value", dice.text({"1", "2"})}});
    }
  }
  if (dice.one_in(3)) {
    out["ports"] = Json::array({{{"containerPort", dice.pick({80, 81})}, {"name", dice.text({"http", "web"})}}});
    if (dice.one_in(2)) out["ports"].push_back({{"containerPort", 90}, {"protocol", dice.text({"TCP", "UDP"})}});
  }
  if (dice.one_in(3)) out["args"] = dice.pick({Json::array({"x"}), Json::array({"x", "y"}), Json::array()});
  if (dice.one_in(3)) out["resources"] = {{"limits", {{"memory", dice.text({"64Mi", "1Gi", "65536Ki"})}}}};
  if (dice.one_in(4))
    out["readinessProbe"] = {{"httpGet", {{"path", dice.text({"/", "/ready"})}, {"port", dice.pick({80, 90})}}}};
  if (dice.one_in(5)) out["volumeMounts"] = Json::array({{{"name", "v"}, {"mountPath", dice.text({"/v", "/w"})}}});
  if (dice.one_in(5)) out["securityContext"] = {{"runAsNonRoot", true}, {"capabilities", {{"drop", {"ALL"}}}}};
  return out;
}

Json pod_template(Dice& dice) {
  Json spec{{"containers", Json::array({container(dice, "main")})}};
  if (dice.one_in(3)) spec["containers"].push_back(container(dice, "side"));
  if (!dice.one_in(4)) {
    spec["volumes"] = Json::array();
    if (dice.one_in(2)) spec["volumes"].push_back({{"name", "v"}, {"emptyDir", Json::object()}});
    if (dice.one_in(2))
      spec["volumes"].push_back({{"name", dice.text({"v", "w"})}, {"configMap", {{"name", dice.text({"a", "b"})}}}});
  }
  if (dice.one_in(4)) spec["nodeSelector"] = some_map(dice, {"disk", "zone"}, {"x", "y"});
  if (dice.one_in(5)) spec["serviceAccountName"] = "account";
  if (dice.one_in(5)) spec["terminationGracePeriodSeconds"] = dice.pick({5, 30});
  if (dice.one_in(5)) spec["tolerations"] = Json::array({{{"key", "k"}, {"operator", "Exists"}}});
  if (dice.one_in(5)) spec["imagePullSecrets"] = Json::array({{{"name", dice.text({"r1", "r2"})}}});
  Json labels = some_map(dice, {"extra"}, {"1", "2"});
  if (!dice.one_in(20)) labels["app"] = "web";
  return {{"metadata", {{"labels", labels}}}, {"spec", spec}};
}

Json deployment_fields(Dice& dice, bool whole) {
  Json spec = Json::object();
  if (dice.one_in(2)) spec["replicas"] = dice.pick({0, 1, 2, 3});
  if (dice.one_in(30)) spec["replicas"] = dice.pick({Json(-1), Json("two"), Json(1.5)});
  if (dice.one_in(4)) spec["strategy"] = {{"type", "Recreate"}};
  if (dice.one_in(4))
    spec["strategy"] = {{"rollingUpdate", {{"maxSurge", dice.pick({Json(0), Json(1), Json("25%")})}}}};
  if (dice.one_in(5)) spec["minReadySeconds"] = dice.pick({0, 5});
  if (dice.one_in(6)) spec["paused"] = dice.one_in(2);
  if (dice.one_in(20)) spec["replica"] = 1;
  if (whole) {
    spec["selector"] = {{"matchLabels", {{"app", dice.one_in(20) ? "other" : "web"}}}};
    spec["template"] = pod_template(dice);
  } else if (dice.one_in(2)) {
    Json item{{"name", dice.text({"main", "side"})}};
    if (dice.one_in(2)) item["image"] = dice.text({"a:1", "c:3"});
    if (dice.one_in(2))
      item["env"] = Json::array({{{"name", dice.text({"A", "D"})}, {"value", dice.text({"1", "9"})}}});
    spec["template"] = {{"spec", {{"containers", Json::array({item})}}}};
  }
  return {{"metadata", metadata(dice)}, {"spec", spec}};
}

Json service_fields(Dice& dice, bool whole) {
  Json spec = Json::object();
  if (whole || dice.one_in(2)) {
    spec["ports"] = Json::array({{{"port", dice.pick({80, 81})},
                                  {"name", dice.text({"http", "web"})},
                                  {"targetPort", dice.pick({Json(8080), Json("http")})}}});
    if (dice.one_in(2))
      spec["ports"].push_back({{"port", 90}, {"name", "other"}, {"protocol", dice.text({"TCP", "UDP"})}});
    if (dice.one_in(20)) spec["ports"].push_back({{"port", 99'999}, {"name", "far"}});
    if (dice.one_in(20)) spec["ports"].push_back({{"port", 91}});
  }
  if (dice.one_in(2)) spec["selector"] = some_map(dice, {"app", "tier"}, {"web", "x"});
  if (dice.one_in(6)) spec["publishNotReadyAddresses"] = dice.one_in(2);
  if (dice.one_in(8)) spec["sessionAffinity"] = dice.text({"None", "ClientIP"});
  if (dice.one_in(10)) spec["clusterIP"] = "None";
  return {{"metadata", metadata(dice)}, {"spec", spec}};
}

Json model_version_fields(Dice& dice, bool whole) {
  Json out{{"metadata", metadata(dice)}};
  if (!whole && dice.one_in(2)) return out;
  Json spec{{"model", dice.text({"m", "m", "m", "a/b"})},
            {"version", dice.pick({Json("7"), Json("7"), Json("7"), Json(7), Json("x")})},
            {"modelFormat", {{"name", "xgboost"}}},
            {"storageUri", dice.text({"pvc://c/m", "pvc://c/m", "pvc://c/m", "ftp://h/m"})}};
  if (dice.one_in(4)) spec["metrics"] = some_map(dice, {"auc", "loss"}, {"0.9", "0.1"});
  if (dice.one_in(6)) spec["lineage"] = {{"dataset", some_map(dice, {"uri", "digest"}, {"d1"})}};
  if (dice.one_in(8)) spec["surplus"] = {{"deep", 1}};
  if (dice.one_in(10)) spec.erase(dice.text({"model", "version", "storageUri"}));
  out["spec"] = spec;
  return out;
}

Json variants(Dice& dice) {
  Json out = Json::array({{{"name", "champion"}, {"modelVersion", "fraud-6"}, {"weight", 90}},
                          {{"name", "challenger"}, {"modelVersion", "fraud-7"}, {"weight", 10}}});
  if (dice.one_in(3)) out.erase(1), out[0]["weight"] = 100;
  if (dice.one_in(6)) std::swap(out[0], out[out.size() - 1]);
  if (dice.one_in(8)) out[0]["weight"] = dice.pick({Json(50), Json(101), Json("90"), Json(-1)});
  if (dice.one_in(10)) out.push_back({{"name", "next"}, {"modelVersion", "fraud-8"}, {"weight", 0}});
  if (dice.one_in(15)) out.push_back(out[0]);
  return out;
}

Json model_deployment_fields(Dice& dice, bool whole) {
  Json spec = Json::object();
  if (whole || dice.one_in(3)) spec["variants"] = variants(dice);
  if (dice.one_in(2)) spec["replicas"] = dice.pick({0, 1, 2, 3});
  if (dice.one_in(20)) spec["replicas"] = dice.pick({Json(-1), Json(1'001), Json("two")});
  if (dice.one_in(3)) {
    spec["routing"] = {{"stickyKey", {{"header", dice.text({"x-user-id", "x y"})}}}};
    if (dice.one_in(2))
      spec["routing"]["rules"] = Json::array(
          {{{"header", "x-v"}, {"value", "c"}, {"variant", dice.text({"champion", "challenger", "nobody"})}}});
  }
  if (dice.one_in(3))
    spec["resources"] = {{"limits", {{"memory", dice.pick({Json("1Gi"), Json("256Mi"), Json("much"), Json(1000)})}}}};
  if (dice.one_in(5)) spec["nodeSelector"] = some_map(dice, {"disk", "zone"}, {"x", "y"});
  if (dice.one_in(6)) spec["tolerations"] = Json::array({{{"key", "k"}, {"effect", dice.text({"NoExecute", "No"})}}});
  if (dice.one_in(5)) spec["imagePullSecrets"] = Json::array({{{"name", dice.text({"r1", "r2"})}}});
  if (dice.one_in(15)) spec["surplus"] = 1;
  return {{"metadata", metadata(dice)}, {"spec", spec}};
}

Json condition(Dice& dice, const char* type) {
  return {{"type", type},
          {"status", dice.text({"True", "False", "Unknown"})},
          {"lastTransitionTime", "2026-11-22T10:00:00Z"},
          {"reason", dice.text({"Because", "Why"})},
          {"message", "m"}};
}

Json status_fields(Dice& dice, const crds::ResourceType& type) {
  Json status = Json::object();
  if (dice.one_in(2)) status["observedGeneration"] = dice.pick({1, 2});
  if (dice.one_in(2)) status["conditions"] = Json::array({condition(dice, "Ready")});
  if (dice.one_in(4)) status["conditions"] = Json::array({condition(dice, "Other"), condition(dice, "Ready")});
  if (type.kind == "ModelVersion") {
    if (dice.one_in(2)) status["format"] = dice.text({"xgboost-json", "xgboost-ubj"});
    if (dice.one_in(3))
      status["files"] = Json::array({{{"path", "m"}, {"digest", "d"}, {"bytes", dice.pick({1, -1})}}});
  } else if (type.kind == "ModelDeployment" || type.kind == "Deployment") {
    if (dice.one_in(2)) status["replicas"] = dice.pick({1, 2});
    if (status.contains("replicas")) status["readyReplicas"] = dice.pick({0, 1});
  } else {
    status.erase("observedGeneration");
  }
  if (type.kind == "ModelDeployment" && dice.one_in(3)) {
    status["selector"] = "app=x";
    status["traffic"] =
        Json::array({{{"variant", "v"}, {"modelVersion", "m"}, {"weight", dice.pick({100, 50})}, {"state", "Loaded"}}});
  }
  Json out{{"status", status}};
  if (dice.one_in(5)) out["metadata"] = metadata(dice);
  if (dice.one_in(5)) out["spec"] = {{"replicas", 3}};
  return out;
}

Json fields_of_kind(Dice& dice, const crds::ResourceType& type, bool whole) {
  if (type.kind == "ConfigMap") return config_map_fields(dice);
  if (type.kind == "Deployment") return deployment_fields(dice, whole);
  if (type.kind == "Service") return service_fields(dice, whole);
  if (type.kind == "ModelVersion") return model_version_fields(dice, whole);
  return model_deployment_fields(dice, whole);
}

// As an object: with its type and name.
Json named(Dice& dice, const crds::ResourceType& type, const std::string& name, Json fields) {
  fields["apiVersion"] = dice.one_in(60) ? "v9" : type.api_version();
  fields["kind"] = type.kind;
  fields["metadata"]["name"] = dice.one_in(60) ? "another" : name;
  return fields;
}

// Null here and there: what a merge patch takes out.
void drop_some(Dice& dice, Json& value) {
  if (!value.is_object()) return;
  for (auto& [key, field] : value.items()) {
    if (dice.one_in(8)) {
      field = nullptr;
    } else {
      drop_some(dice, field);
    }
  }
}

Json json_patch(Dice& dice, const crds::ResourceType& type) {
  Json out = Json::array();
  const size_t steps = 1 + dice.below(3);
  for (size_t i = 0; i < steps; ++i) {
    const std::string op = dice.text({"add", "replace", "remove", "test", "add"});
    Json step{{"op", op}};
    const bool of_kind = dice.one_in(2);
    if (type.kind == "ConfigMap" && of_kind) {
      step["path"] = dice.text({"/data/a", "/data/b", "/data"});
      step["value"] = step["path"] == "/data" ? some_map(dice, {"a", "c"}, {"1", "3"}) : Json(dice.text({"1", "2"}));
    } else if (of_kind && (type.kind == "Deployment" || type.kind == "ModelDeployment")) {
      step["path"] = "/spec/replicas";
      step["value"] = dice.pick({1, 2});
    } else {
      step["path"] = dice.text({"/metadata/labels/l1", "/metadata/labels", "/metadata/annotations/clops.test~1a2"});
      step["value"] =
          step["path"] == "/metadata/labels" ? some_map(dice, {"l1", "l3"}, {"x"}) : Json(dice.text({"x", "y"}));
    }
    if (op == "remove") step.erase("value");
    out.push_back(step);
  }
  return out;
}

std::string manager(Dice& dice) {
  return dice.text({"alpha", "beta", "gamma"});
}

std::string write_query(Dice& dice) {
  std::string out = "fieldManager=" + manager(dice);
  if (dice.one_in(10)) out += "&dryRun=All";
  if (dice.one_in(3)) out += "&fieldValidation=" + dice.text({"Ignore", "Warn", "Strict"});
  return out;
}

bool has_status(const crds::ResourceType& type) {
  return type.kind != "ConfigMap";
}
bool has_scale(const crds::ResourceType& type) {
  return type.kind == "Deployment" || type.kind == "ModelDeployment";
}

void maybe_versioned(Dice& dice, Json& body) {
  if (dice.one_in(8)) body["metadata"]["resourceVersion"] = dice.text({"$rv", "$stale"});
  if (dice.one_in(15)) body["metadata"]["uid"] = dice.text({"$uid", "33333333-3333-4333-8333-333333333333"});
}

Operation scale_operation(Dice& dice, Operation out) {
  out.subresource = "scale";
  out.verb = dice.pick({Verb::Put, Verb::Merge, Verb::Merge, Verb::Apply});
  out.body = {{"spec", {{"replicas", dice.pick({Json(1), Json(2), Json(5), Json(-1)})}}}};
  if (out.verb == Verb::Put && dice.one_in(4)) out.body["metadata"]["resourceVersion"] = "$stale";
  if (out.verb == Verb::Merge) maybe_versioned(dice, out.body);
  if (out.verb == Verb::Apply) {
    out.body["apiVersion"] = "autoscaling/v1";
    out.body["kind"] = "Scale";
    out.body["metadata"]["name"] = out.name;
    if (dice.one_in(2)) out.query += "&force=true";
  }
  return out;
}

Operation status_operation(Dice& dice, Operation out) {
  out.subresource = "status";
  out.verb = dice.pick({Verb::Put, Verb::Merge, Verb::Apply, Verb::Apply});
  out.body = status_fields(dice, *out.type);
  if (out.verb == Verb::Apply) {
    out.body = named(dice, *out.type, out.name, std::move(out.body));
    if (dice.one_in(2)) out.query += "&force=true";
  } else {
    if (out.verb == Verb::Merge) drop_some(dice, out.body["status"]);
    maybe_versioned(dice, out.body);
  }
  return out;
}

Operation deletion(Dice& dice, Operation out) {
  out.verb = Verb::Delete;
  out.query = "";
  out.body = Json::object();
  if (dice.one_in(8)) out.body["dryRun"] = Json::array({"All"});
  if (dice.one_in(3)) out.body["propagationPolicy"] = dice.text({"Background", "Foreground", "Orphan", "Other"});
  if (dice.one_in(4)) out.body["preconditions"]["uid"] = dice.text({"$uid", "33333333-3333-4333-8333-333333333333"});
  if (dice.one_in(4)) out.body["preconditions"]["resourceVersion"] = dice.text({"$rv", "$stale"});
  if (dice.one_in(8)) out.body["gracePeriodSeconds"] = dice.pick({0, 10});
  return out;
}

Operation metadata_edit(Dice& dice, Operation out) {
  out.verb = Verb::Merge;
  out.query = "fieldManager=" + manager(dice);
  if (dice.one_in(5)) {
    out.body["metadata"]["managedFields"] = dice.one_in(2) ? Json::array({Json::object()}) : Json::array();
  } else {
    out.body["metadata"]["finalizers"] =
        dice.pick({Json(nullptr), Json::array({"clops.test/one"}), Json::array({"clops.test/one", "clops.test/two"}),
                   Json::array({"clops.test/two"}), Json::array({"unqualified"})});
  }
  return out;
}

Operation random_operation(Dice& dice) {
  Operation out;
  out.type = operated_types()[dice.below(operated_types().size())];
  out.name = dice.text({"web", "web", "eu"});
  out.query = write_query(dice);
  const size_t which = dice.below(100);
  if (which < 14) {
    out.verb = Verb::Create;
    out.body = named(dice, *out.type, out.name, fields_of_kind(dice, *out.type, true));
    return out;
  }
  if (which < 24) {
    out.verb = Verb::Put;
    out.body = fields_of_kind(dice, *out.type, dice.one_in(2));
    drop_some(dice, out.body);
    out.body["metadata"]["resourceVersion"] =
        dice.pick({Json("$rv"), Json("$rv"), Json("$rv"), Json("$stale"), Json(nullptr)});
    return out;
  }
  if (which < 56) {
    out.verb = Verb::Apply;
    out.body = named(dice, *out.type, out.name, fields_of_kind(dice, *out.type, !dice.one_in(3)));
    if (dice.one_in(2)) out.query += "&force=true";
    if (dice.one_in(20)) out.body["metadata"]["resourceVersion"] = dice.text({"$rv", "$stale"});
    return out;
  }
  if (which < 66) {
    out.verb = Verb::Merge;
    out.body = fields_of_kind(dice, *out.type, false);
    drop_some(dice, out.body);
    maybe_versioned(dice, out.body);
    return out;
  }
  if (which < 71) {
    out.verb = Verb::JsonPatch;
    out.body = json_patch(dice, *out.type);
    return out;
  }
  if (which < 76) {
    out.verb = Verb::Strategic;
    out.body = fields_of_kind(dice, *out.type, false);
    drop_some(dice, out.body);
    return out;
  }
  if (which < 82 && has_scale(*out.type)) return scale_operation(dice, std::move(out));
  if (which < 88 && has_status(*out.type)) return status_operation(dice, std::move(out));
  if (which < 91) return metadata_edit(dice, std::move(out));
  if (which < 98) return deletion(dice, std::move(out));
  out.verb = Verb::List;
  out.name.clear();
  out.query = dice.text({"", "labelSelector=l1%3Dx", "labelSelector=l1", "labelSelector=%21l1", "limit=1",
                         "fieldSelector=metadata.name%3Dweb", "fieldSelector=spec.none%3Dx"});
  return out;
}

const char* verb_name(Verb verb) {
  switch (verb) {
    case Verb::Create:
      return "create";
    case Verb::Put:
      return "put";
    case Verb::Apply:
      return "apply";
    case Verb::Merge:
      return "merge-patch";
    case Verb::JsonPatch:
      return "json-patch";
    case Verb::Strategic:
      return "strategic-patch";
    case Verb::Delete:
      return "delete";
    case Verb::List:
      return "list";
  }
  return "";
}

}  // namespace

std::string describe(const Operation& operation) {
  std::string out = std::string(verb_name(operation.verb)) + " " + operation.type->plural;
  if (!operation.name.empty()) out += "/" + operation.name;
  if (!operation.subresource.empty()) out += "/" + operation.subresource;
  if (!operation.query.empty()) out += "?" + operation.query;
  if (!operation.body.is_null()) out += " " + dump_json(operation.body);
  return out;
}

std::vector<Operation> random_operations(uint64_t seed, size_t count) {
  Dice dice(seed);
  std::vector<Operation> out;
  while (out.size() < count) out.push_back(random_operation(dice));
  return out;
}

const std::vector<const crds::ResourceType*>& operated_types() {
  static const std::vector<const crds::ResourceType*> types{&kConfigMaps, &kDeployments, &kServices,
                                                            &crds::kModelVersionType, &crds::kModelDeploymentType};
  return types;
}

}  // namespace clops::contract
