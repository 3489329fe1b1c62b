#include "crds/codec.h"

#include "crds/conditions.h"
#include "crds/door_codec.h"
#include "crds/json_reader.h"
#include "crds/logger_codec.h"
#include "crds/override_codec.h"
#include "crds/steps_codec.h"
#include "crds/traffic_codec.h"

namespace clops::crds {
namespace {

constexpr size_t kMapMax = 256, kListMax = 10'000;

ObjectMeta read_meta(const Reader& in) {
  ObjectMeta meta{.name = in.text("name", Need::Required),
                  .ns = in.text("namespace"),
                  .uid = in.text("uid"),
                  .resource_version = in.text("resourceVersion"),
                  .generation = in.integer("generation", 0, INT64_MAX),
                  .creation_timestamp = in.text("creationTimestamp"),
                  .deletion_timestamp = in.text("deletionTimestamp"),
                  .labels = in.text_map("labels", kListMax),
                  .annotations = in.text_map("annotations", kListMax),
                  .owners = {}};
  in.each("ownerReferences", 64, [&](const Reader& r) {
    meta.owners.push_back({.api_version = r.text("apiVersion"),
                           .kind = r.text("kind"),
                           .name = r.text("name"),
                           .uid = r.text("uid"),
                           .controller = r.boolean("controller"),
                           .block_owner_deletion = r.boolean("blockOwnerDeletion")});
  });
  return meta;
}

Json encode_frame(const ResourceType& type, const ObjectMeta& meta) {
  Json out{{"apiVersion", type.api_version()}, {"kind", type.kind}, {"metadata", {{"name", meta.name}}}};
  Json& m = out["metadata"];
  put(m, "namespace", meta.ns);
  put(m, "uid", meta.uid);
  put(m, "resourceVersion", meta.resource_version);
  put(m, "creationTimestamp", meta.creation_timestamp);
  put(m, "deletionTimestamp", meta.deletion_timestamp);
  put(m, "labels", meta.labels);
  put(m, "annotations", meta.annotations);
  if (meta.generation != 0) m["generation"] = meta.generation;
  return out;
}

// ---- ModelVersion

Lineage read_lineage(const Reader& in) {
  in.only({"dataset", "source", "run", "trainedAt", "parameters"});
  const Reader dataset = in.child("dataset"), source = in.child("source");
  dataset.only({"uri", "digest"});
  source.only({"repo", "commit", "path"});
  return {.dataset = {.uri = dataset.text("uri"), .digest = dataset.text("digest")},
          .source = {.repo = source.text("repo"), .commit = source.text("commit"), .path = source.text("path")},
          .run = in.text("run"),
          .trained_at = in.text("trainedAt"),
          .parameters = in.text_map("parameters", kMapMax)};
}

ModelVersionSpec read_version_spec(const Reader& in) {
  in.only({"model", "version", "modelFormat", "storageUri", "digest", "serviceAccountName", "metrics", "lineage"});
  const Reader format = in.child("modelFormat");
  format.only({"name", "version"});
  return {.model = in.text("model", Need::Required),
          .version = in.text("version", Need::Required),
          .model_format = {.name = format.text("name", Need::Required), .version = format.text("version")},
          .storage_uri = in.text("storageUri", Need::Required),
          .digest = in.text("digest"),
          .service_account_name = in.text("serviceAccountName"),
          .metrics = in.text_map("metrics", kMapMax),
          .lineage = read_lineage(in.child("lineage"))};
}

std::vector<ModelTensor> read_tensors(const Reader& in, const char* key) {
  std::vector<ModelTensor> out;
  in.each(key, kMapMax,
          [&](const Reader& r) { out.push_back({r.text("name"), r.text("datatype"), r.integer_list("shape", 16)}); });
  return out;
}

ModelVersionStatus read_version_status(const Reader& in) {
  ModelVersionStatus status{.observed_generation = in.integer("observedGeneration", 0, INT64_MAX),
                            .conditions = read_conditions(in),
                            .resolved_digest = in.text("resolvedDigest"),
                            .files = {},
                            .bytes = in.integer("bytes", 0, INT64_MAX),
                            .format = in.text("format"),
                            .framework = in.text("framework"),
                            .schema = {}};
  in.each("files", kListMax, [&](const Reader& r) {
    status.files.push_back({r.text("path"), r.text("digest"), r.integer("bytes", 0, INT64_MAX)});
  });
  const Reader schema = in.child("schema");
  status.schema = {read_tensors(schema, "inputs"), read_tensors(schema, "outputs"),
                   schema.text_list("featureNames", kListMax)};
  return status;
}

Json encode_spec(const ModelVersionSpec& spec) {
  Json out{{"model", spec.model},
           {"version", spec.version},
           {"storageUri", spec.storage_uri},
           {"modelFormat", {{"name", spec.model_format.name}}}};
  put(out["modelFormat"], "version", spec.model_format.version);
  put(out, "digest", spec.digest);
  put(out, "serviceAccountName", spec.service_account_name);
  put(out, "metrics", spec.metrics);
  if (spec.lineage == Lineage{}) return out;
  Json& lineage = out["lineage"] = Json::object();
  put(lineage, "run", spec.lineage.run);
  put(lineage, "trainedAt", spec.lineage.trained_at);
  put(lineage, "parameters", spec.lineage.parameters);
  if (spec.lineage.dataset != Lineage::Dataset{}) {
    put(lineage["dataset"], "uri", spec.lineage.dataset.uri);
    put(lineage["dataset"], "digest", spec.lineage.dataset.digest);
  }
  if (spec.lineage.source != Lineage::Source{}) {
    put(lineage["source"], "repo", spec.lineage.source.repo);
    put(lineage["source"], "commit", spec.lineage.source.commit);
    put(lineage["source"], "path", spec.lineage.source.path);
  }
  return out;
}

Json encode_tensors(const std::vector<ModelTensor>& tensors) {
  Json out = Json::array();
  for (const auto& t : tensors) out.push_back({{"name", t.name}, {"datatype", t.datatype}, {"shape", t.shape}});
  return out;
}

// ---- ModelDeployment

// A quantity may be written as a number: kept as its text.
std::map<std::string, std::string> read_quantities(const Json& object, const Reader& in, const char* part) {
  const Json* value = find_path(object, {"spec", "resources", part});
  std::map<std::string, std::string> out;
  if (!value || !value->is_object()) {
    if (value && !value->is_null()) in.fail(part, "must be an object");
    return out;
  }
  for (const auto& [name, entry] : value->items()) {
    if (entry.is_string()) {
      out[name] = entry.get<std::string>();
    } else if (entry.is_number()) {
      out[name] = dump_json(entry);
    } else {
      in.fail(part, "has a quantity that is neither text nor a number: " + name);
    }
  }
  return out;
}

Routing read_routing(const Reader& in) {
  in.only({"stickyKey", "rules", "override"});
  Routing routing;
  if (in.has("stickyKey")) {
    const Reader key = in.child("stickyKey");
    key.only({"header", "parameter", "column"});
    routing.sticky_header = key.text("header");
    routing.sticky_parameter = key.text("parameter");
    routing.sticky_column = key.text("column");
    const int ways = (key.has("header") ? 1 : 0) + (key.has("parameter") ? 1 : 0) + (key.has("column") ? 1 : 0);
    if (ways != 1) in.fail("stickyKey", "must have exactly one of header, parameter and column");
  }
  in.each("rules", 32, [&](const Reader& r) {
    r.only({"header", "value", "variant"});
    routing.rules.push_back({r.text("header", Need::Required), r.text("value"), r.text("variant", Need::Required)});
  });
  routing.chosen_by = read_override(in, true);
  return routing;
}

ModelDeploymentSpec read_deployment_spec(const Json& object, const Reader& in) {
  in.only({"variants", "mirror", "batcher", "routing", "replicas", "resources", "serviceAccountName", "nodeSelector",
           "tolerations", "imagePullSecrets", "steps", "logger", "validation", "tls", "auth"});
  ModelDeploymentSpec spec;
  in.each("variants", 16, [&](const Reader& r) {
    r.only({"name", "modelVersion", "weight", "limits", "steps"});
    spec.variants.push_back({r.text("name", Need::Required),
                             r.text("modelVersion", Need::Required),
                             static_cast<int>(r.integer("weight", 0, 100, 0, Need::Required)),
                             read_limits(r, true),
                             {}});
    if (r.has("steps")) spec.variants.back().steps = read_steps(r.child("steps"));
  });
  if (spec.variants.empty()) in.fail("variants", "must not be empty");
  spec.mirror = read_mirror(in, true);
  spec.batcher = read_batcher(in, true);
  spec.routing = read_routing(in.child("routing"));
  spec.validation = read_validation(in, true);
  spec.steps = read_steps(in.child("steps"));
  if (in.has("replicas")) spec.replicas = static_cast<int>(in.integer("replicas", 0, 1'000));
  const Reader resources = in.child("resources");
  resources.only({"requests", "limits"});
  spec.resources = {read_quantities(object, resources, "requests"), read_quantities(object, resources, "limits")};
  spec.service_account_name = in.text("serviceAccountName");
  spec.node_selector = in.text_map("nodeSelector", 32);
  in.each("tolerations", 16, [&](const Reader& r) {
    r.only({"key", "operator", "value", "effect", "tolerationSeconds"});
    Toleration toleration{.key = r.text("key"),
                          .op = r.text("operator"),
                          .value = r.text("value"),
                          .effect = r.text("effect"),
                          .toleration_seconds = {}};
    if (r.has("tolerationSeconds"))
      toleration.toleration_seconds = r.integer("tolerationSeconds", INT64_MIN, INT64_MAX);
    spec.tolerations.push_back(std::move(toleration));
  });
  in.each("imagePullSecrets", 8, [&](const Reader& r) {
    r.only({"name"});
    spec.image_pull_secrets.push_back(r.text("name", Need::Required));
  });
  spec.logger = read_logger(in, true);
  spec.tls = read_tls(in);
  spec.auth = read_auth(in);
  return spec;
}

std::vector<TrafficStatus> read_traffic(const Reader& in) {
  std::vector<TrafficStatus> out;
  in.each("traffic", 64, [&](const Reader& r) {
    out.push_back({.variant = r.text("variant"),
                   .model_version = r.text("modelVersion"),
                   .digest = r.text("digest"),
                   .weight = static_cast<int>(r.integer("weight", 0, 100)),
                   .state = r.text("state")});
  });
  return out;
}

ModelDeploymentStatus read_deployment_status(const Reader& in) {
  ModelDeploymentStatus status{.observed_generation = in.integer("observedGeneration", 0, INT64_MAX),
                               .url = in.text("url"),
                               .grpc_url = in.text("grpcUrl"),
                               .conditions = read_conditions(in),
                               .replicas = static_cast<int>(in.integer("replicas", 0, INT32_MAX)),
                               .ready_replicas = static_cast<int>(in.integer("readyReplicas", 0, INT32_MAX)),
                               .selector = in.text("selector"),
                               .variants = in.text("variants"),
                               .traffic = read_traffic(in),
                               .scaling = {},
                               .history = {}};
  const Reader scaling = in.child("scaling");
  status.scaling = {static_cast<int>(scaling.integer("wantedReplicas", 0, INT32_MAX)), scaling.text("reason")};
  in.each("history", 64, [&](const Reader& r) {
    status.history.push_back(
        {.generation = r.integer("generation", 0, INT64_MAX), .time = r.text("time"), .traffic = read_traffic(r)});
  });
  return status;
}

Json encode_spec(const ModelDeploymentSpec& spec) {
  Json out{{"variants", Json::array()}};
  for (const auto& v : spec.variants) {
    Json item{{"name", v.name}, {"modelVersion", v.model_version}, {"weight", v.weight}};
    put_limits(item, v.limits);
    if (v.steps) item["steps"] = encode(*v.steps);
    out["variants"].push_back(std::move(item));
  }
  put_mirror(out, spec.mirror);
  put_batcher(out, spec.batcher);
  if (!spec.steps.empty()) out["steps"] = encode(spec.steps);
  Json key = Json::object();
  put(key, "header", spec.routing.sticky_header);
  put(key, "parameter", spec.routing.sticky_parameter);
  put(key, "column", spec.routing.sticky_column);
  if (!key.empty()) out["routing"]["stickyKey"] = std::move(key);
  put_validation(out, spec.validation);
  for (const auto& r : spec.routing.rules) {
    out["routing"]["rules"].push_back({{"header", r.header}, {"value", r.value}, {"variant", r.variant}});
  }
  if (!spec.routing.chosen_by.callers.empty()) put_override(out["routing"], spec.routing.chosen_by);
  if (spec.replicas) out["replicas"] = *spec.replicas;
  if (!spec.resources.requests.empty()) out["resources"]["requests"] = spec.resources.requests;
  if (!spec.resources.limits.empty()) out["resources"]["limits"] = spec.resources.limits;
  put(out, "serviceAccountName", spec.service_account_name);
  put(out, "nodeSelector", spec.node_selector);
  for (const auto& t : spec.tolerations) {
    Json item = Json::object();
    put(item, "key", t.key);
    put(item, "operator", t.op);
    put(item, "value", t.value);
    put(item, "effect", t.effect);
    if (t.toleration_seconds) item["tolerationSeconds"] = *t.toleration_seconds;
    out["tolerations"].push_back(std::move(item));
  }
  for (const auto& name : spec.image_pull_secrets) out["imagePullSecrets"].push_back({{"name", name}});
  put_logger(out, spec.logger);
  put_tls(out, spec.tls);
  put_auth(out, spec.auth);
  return out;
}

Json encode_traffic(const std::vector<TrafficStatus>& traffic) {
  Json out = Json::array();
  for (const auto& t : traffic) {
    Json item{{"variant", t.variant}, {"modelVersion", t.model_version}, {"weight", t.weight}, {"state", t.state}};
    put(item, "digest", t.digest);
    out.push_back(std::move(item));
  }
  return out;
}

}  // namespace

Result<ModelVersion> decode_model_version(const Json& object) {
  ReadError error;
  const Reader in(object, "", error);
  ModelVersion out{read_meta(in.child("metadata")), read_version_spec(in.child("spec")), {}};
  if (!error.ok()) return std::unexpected(*error.get());
  ReadError ignored;
  out.status = read_version_status(Reader(object, "", ignored).child("status"));
  return out;
}

Result<ModelDeployment> decode_model_deployment(const Json& object) {
  ReadError error;
  const Reader in(object, "", error);
  ModelDeployment out{read_meta(in.child("metadata")), read_deployment_spec(object, in.child("spec")), {}};
  if (!error.ok()) return std::unexpected(*error.get());
  ReadError ignored;
  out.status = read_deployment_status(Reader(object, "", ignored).child("status"));
  return out;
}

Json encode(const ModelVersion& object) {
  Json out = encode_frame(kModelVersionType, object.meta);
  out["spec"] = encode_spec(object.spec);
  if (object.status != ModelVersionStatus{}) out["status"] = encode(object.status);
  return out;
}

Json encode(const ModelDeployment& object) {
  Json out = encode_frame(kModelDeploymentType, object.meta);
  out["spec"] = encode_spec(object.spec);
  if (object.status != ModelDeploymentStatus{}) out["status"] = encode(object.status);
  return out;
}

Json encode(const ModelVersionStatus& status) {
  Json out{{"observedGeneration", status.observed_generation}, {"conditions", encode(status.conditions)}};
  put(out, "resolvedDigest", status.resolved_digest);
  put(out, "format", status.format);
  put(out, "framework", status.framework);
  if (status.resolved_digest.empty()) return out;
  out["bytes"] = status.bytes;
  for (const auto& f : status.files)
    out["files"].push_back({{"path", f.path}, {"digest", f.digest}, {"bytes", f.bytes}});
  out["schema"] = {{"inputs", encode_tensors(status.schema.inputs)},
                   {"outputs", encode_tensors(status.schema.outputs)}};
  put(out["schema"], "featureNames", status.schema.feature_names);
  return out;
}

Json encode(const ModelDeploymentStatus& status) {
  Json out{{"observedGeneration", status.observed_generation},
           {"conditions", encode(status.conditions)},
           {"replicas", status.replicas},
           {"readyReplicas", status.ready_replicas}};
  put(out, "url", status.url);
  put(out, "grpcUrl", status.grpc_url);
  put(out, "selector", status.selector);
  put(out, "variants", status.variants);
  if (!status.traffic.empty()) out["traffic"] = encode_traffic(status.traffic);
  if (status.scaling != ScalingStatus{}) {
    out["scaling"] = {{"wantedReplicas", status.scaling.wanted_replicas}, {"reason", status.scaling.reason}};
  }
  for (const auto& h : status.history) {
    out["history"].push_back({{"generation", h.generation}, {"time", h.time}, {"traffic", encode_traffic(h.traffic)}});
  }
  return out;
}

}  // namespace clops::crds
