// The codec of serving.json and of what a pod answers to a push.
#include <algorithm>
#include <set>

#include "base/digest.h"
#include "crds/door_codec.h"
#include "crds/json_reader.h"
#include "crds/logger_codec.h"
#include "crds/override_codec.h"
#include "crds/serving_config.h"
#include "crds/steps_codec.h"
#include "crds/traffic_codec.h"

namespace clops::crds {
namespace {

constexpr size_t kModelsMax = 1'000, kVariantsMax = 32, kRulesMax = 64;
constexpr JsonLimits kLimits{.bytes_max = 4u << 20, .depth_max = 16};

Json to_json(const ModelRef& ref) {
  Json out{{"modelVersion", ref.model_version},
           {"version", ref.version},
           {"uri", ref.uri},
           {"digest", ref.digest},
           {"format", ref.format}};
  if (!ref.steps.empty()) out["steps"] = encode(ref.steps);
  return out;
}

ModelRef read_ref(const Reader& in) {
  ModelRef ref{.model_version = in.text("modelVersion", Need::Required),
               .version = in.text("version", Need::Required),
               .uri = in.text("uri", Need::Required),
               .digest = in.text("digest", Need::Required),
               .format = in.text("format", Need::Required),
               .steps = {}};
  if (in.has("steps")) ref.steps = read_steps(in.child("steps"));
  if (!ref.digest.empty() && !is_sha256(ref.digest)) in.fail("digest", "must be sha256: and 64 lower-case hex digits");
  return ref;
}

Json to_json(const ServingModel& model) {
  Json out{{"name", model.name},
           {"salt", model.salt},
           {"stable", model.stable},
           {"variants", Json::array()},
           {"buckets", Json::array()}};
  put(out, "stickyHeader", model.sticky_header);
  put(out, "stickyParameter", model.sticky_parameter);
  put(out, "stickyColumn", model.sticky_column);
  put_validation(out, model.validation);
  put_mirror(out, model.mirror);
  put_batcher(out, model.batcher);
  for (const auto& rule : model.rules) {
    out["rules"].push_back({{"header", rule.header}, {"value", rule.value}, {"variant", rule.variant}});
  }
  for (const auto& variant : model.variants) {
    Json item{{"name", variant.name}, {"weight", variant.weight}, {"model", to_json(variant.model)}};
    if (variant.fallback) item["fallback"] = to_json(*variant.fallback);
    put_limits(item, variant.limits);
    out["variants"].push_back(std::move(item));
  }
  for (const auto& run : model.buckets) {
    out["buckets"].push_back({{"begin", run.begin}, {"end", run.end}, {"variant", run.variant}});
  }
  put_logger(out, model.logger);
  put_override(out, model.chosen_by);
  return out;
}

void check_names(const Reader& in, const ServingModel& model) {
  std::set<std::string> names;
  int total = 0;
  for (const auto& variant : model.variants) {
    if (!names.insert(variant.name).second) in.fail("variants", "names " + variant.name + " twice");
    total += variant.weight;
  }
  if (model.variants.empty()) in.fail("variants", "must not be empty");
  if (total != 100) in.fail("variants", "weights total " + std::to_string(total) + ", must total 100");
  if (!names.contains(model.stable)) in.fail("stable", "no variant is named " + model.stable);
  if (model.mirror && !names.contains(model.mirror->variant))
    in.fail("mirror", "no variant is named " + model.mirror->variant);
  for (const auto& rule : model.rules) {
    if (!names.contains(rule.variant)) in.fail("rules", "no variant is named " + rule.variant);
  }
  for (const auto& run : model.buckets) {
    if (!names.contains(run.variant)) in.fail("buckets", "no variant is named " + run.variant);
  }
  if (const Status status = validate(model.buckets); !status) in.fail("buckets", status.error().message);
}

ServingModel read_model(const Reader& in) {
  ServingModel model{.name = in.text("name", Need::Required),
                     .salt = in.text("salt", Need::Required),
                     .sticky_header = in.text("stickyHeader"),
                     .rules = {},
                     .variants = {},
                     .stable = in.text("stable", Need::Required),
                     .buckets = {},
                     .sticky_parameter = in.text("stickyParameter"),
                     .sticky_column = in.text("stickyColumn"),
                     .validation = read_validation(in, false),
                     .mirror = read_mirror(in, false),
                     .batcher = read_batcher(in, false),
                     .logger = read_logger(in, false),
                     .chosen_by = read_override(in, false)};
  in.each("rules", kRulesMax, [&](const Reader& r) {
    model.rules.push_back({r.text("header", Need::Required), r.text("value"), r.text("variant", Need::Required)});
  });
  in.each("variants", kVariantsMax, [&](const Reader& r) {
    ServingVariant variant{.name = r.text("name", Need::Required),
                           .weight = static_cast<int>(r.integer("weight", 0, 100, 0, Need::Required)),
                           .model = read_ref(r.child("model")),
                           .fallback = {},
                           .limits = read_limits(r, false)};
    if (r.has("fallback")) variant.fallback = read_ref(r.child("fallback"));
    model.variants.push_back(std::move(variant));
  });
  in.each("buckets", kBuckets, [&](const Reader& r) {
    model.buckets.push_back({static_cast<uint32_t>(r.integer("begin", 0, kBuckets, 0, Need::Required)),
                             static_cast<uint32_t>(r.integer("end", 0, kBuckets, 0, Need::Required)),
                             r.text("variant", Need::Required)});
  });
  check_names(in, model);
  return model;
}

}  // namespace

std::string encode(const ServingConfig& config) {
  Json out{{"version", config.version}, {"generation", config.generation}, {"models", Json::array()}};
  for (const auto& model : config.models) out["models"].push_back(to_json(model));
  return dump_json(out);
}

Result<ServingConfig> decode_serving_config(std::string_view json) {
  CLOPS_ASSIGN(const Json root, parse_json(json, kLimits));
  ReadError error;
  const Reader in(root, "", error);
  ServingConfig config{.version = static_cast<int>(in.integer("version", 1, INT32_MAX, 0, Need::Required)),
                       .generation = 0,
                       .models = {}};
  if (error.ok() && (config.version > kServingConfigVersion || config.version < kServingConfigVersion - 1)) {
    return fail(Code::Unsupported, "version: " + std::to_string(config.version) +
                                       " of serving.json is not understood here; this program reads " +
                                       std::to_string(kServingConfigVersion) + " and the one before: update it first");
  }
  config.generation = in.integer("generation", 0, INT64_MAX, 0, Need::Required);
  std::set<std::string> names;
  in.each("models", kModelsMax, [&](const Reader& r) {
    config.models.push_back(read_model(r));
    if (!names.insert(config.models.back().name).second) r.fail("name", "is used by another model");
  });
  if (!error.ok()) return std::unexpected(*error.get());
  return config;
}

std::string content_digest(std::string_view serving_json) {
  return sha256(serving_json);
}

std::string encode(const PodState& state) {
  Json out{{"generation", state.generation}, {"ready", state.ready}, {"variants", Json::array()}};
  put(out, "content", state.content);
  for (const auto& v : state.variants) {
    Json item{{"model", v.model}, {"variant", v.variant}, {"state", v.state}};
    put(item, "modelVersion", v.model_version);
    put(item, "digest", v.digest);
    put(item, "message", v.message);
    out["variants"].push_back(std::move(item));
  }
  return dump_json(out);
}

Result<PodState> decode_pod_state(std::string_view json) {
  CLOPS_ASSIGN(const Json root, parse_json(json, kLimits));
  ReadError error;
  const Reader in(root, "", error);
  PodState state{.generation = in.integer("generation", 0, INT64_MAX, 0, Need::Required),
                 .content = in.text("content"),
                 .ready = in.boolean("ready"),
                 .variants = {}};
  in.each("variants", kModelsMax * kVariantsMax, [&](const Reader& r) {
    state.variants.push_back({.model = r.text("model", Need::Required),
                              .variant = r.text("variant", Need::Required),
                              .state = r.text("state", Need::Required),
                              .model_version = r.text("modelVersion"),
                              .digest = r.text("digest"),
                              .message = r.text("message")});
  });
  if (!error.ok()) return std::unexpected(*error.get());
  return state;
}

}  // namespace clops::crds
