// What is in force: models, their variants and split, as one immutable value that serving threads look requests up in.
//
// plan_table() is the rule of who serves whose share: the wanted reference if it is loaded, else the variant's fallback
// if that is, else what served the variant before, else the model's stable variant. Thread rule: immutable once built;
// any thread reads. Ownership: holds its models alive. Errors: none once built.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "crds/serving_config.h"
#include "serving/lifecycle/model_loader.h"
#include "serving/load/admission.h"
#include "serving/load/mirror_route.h"
#include "serving/monitoring/counters.h"
#include "serving/routing/router.h"
#include "serving/validation/value_rules.h"

namespace clops::serving {

struct TableVariant {
  std::string name;
  int weight = 0;
  crds::ModelRef serves;  // what in fact answers for this variant; model_version empty: nothing of its own
  std::shared_ptr<const LoadedModel> model;  // null with it
  std::shared_ptr<const Engine> engine;      // the model's, between the steps that are declared for it
  std::shared_ptr<CounterSet> counters;
  std::shared_ptr<const ValueRules> rules;  // what its inputs are held to; null: nothing
  std::shared_ptr<ValidationCounters> validated;
  std::shared_ptr<Predictions> predictions;
  crds::VariantLimits limits;
  std::shared_ptr<VariantGate> gate;  // null: nothing is limited that threads share; else from one table to the next
  std::shared_ptr<const MirrorRoute> mirror;  // null: its calls are computed once
  uint32_t answered_by = 0;  // index of the variant that takes this one's share: itself, or the stable one
};

struct TableModel {
  std::string name;
  Router router;
  std::vector<TableVariant> variants;
  std::optional<crds::Logger> logger;
  std::optional<crds::Batcher> batcher;
  uint32_t stable = 0;
  bool ready = false;  // every variant with traffic is answered by something that is loaded
};

struct ModelTable {
  int64_t generation = 0;
  std::vector<TableModel> models;  // sorted by name
  bool ready = false;
  [[nodiscard]] const TableModel* find(std::string_view name) const;
};

// What the configuration says of a model's inputs, made for this one; null: nothing. Errors: InvalidArgument, it does
// not have such columns; names the field.
[[nodiscard]] Result<std::shared_ptr<const ValueRules>> rules_of(const crds::ServingModel& model,
                                                                 const EngineInfo& info);

using LoadedByDigest = std::map<std::string, std::shared_ptr<const LoadedModel>, std::less<>>;

// `before`: the table in force, null at first. Models of `loaded` that nothing refers to are left out. `unloaded`:
// names of models that nothing is to answer for, which is no reason for the server not to be ready.
using Unloaded = std::set<std::string, std::less<>>;
[[nodiscard]] Result<ModelTable> plan_table(const crds::ServingConfig& config, const LoadedByDigest& loaded,
                                            const ModelTable* before, CounterRegistry& counters,
                                            const Unloaded& unloaded = {});

}  // namespace clops::serving
