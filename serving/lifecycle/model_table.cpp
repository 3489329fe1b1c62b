#include "serving/lifecycle/model_table.h"

#include <algorithm>

namespace clops::serving {
namespace {

// False, and nothing changed: it is not loaded, or its steps or the configuration's rules do not fit it.
bool serve(TableVariant& variant, const crds::ServingModel& model, const LoadedByDigest& loaded,
           const crds::ModelRef& ref) {
  const auto at = loaded.find(ref.digest);
  if (at == loaded.end() || at->second->format != ref.format) return false;
  auto engine = engine_of(at->second, ref);
  if (!engine) return false;
  auto rules = rules_of(model, (*engine)->info());
  if (!rules) return false;
  variant.serves = ref;
  variant.model = at->second;
  variant.engine = std::move(*engine);
  variant.rules = std::move(*rules);
  return true;
}

const TableVariant* served_before(const ModelTable* before, const std::string& model, const std::string& variant) {
  const TableModel* old = before == nullptr ? nullptr : before->find(model);
  if (old == nullptr) return nullptr;
  const auto at = std::ranges::find(old->variants, variant, &TableVariant::name);
  return at == old->variants.end() || at->model == nullptr ? nullptr : &*at;
}

// What is under way and how much has come is not forgotten with a table.
std::shared_ptr<VariantGate> gate_of(const crds::ServingModel& model, const crds::ServingVariant& wanted,
                                     const ModelTable* before) {
  const TableVariant* old = served_before(before, model.name, wanted.name);
  return old != nullptr && old->gate != nullptr ? old->gate : std::make_shared<VariantGate>();
}

TableVariant plan_variant(const crds::ServingModel& model, const crds::ServingVariant& wanted,
                          const LoadedByDigest& loaded, const ModelTable* before) {
  TableVariant variant{.name = wanted.name, .weight = wanted.weight, .limits = wanted.limits};
  if (wanted.limits.max_concurrent > 0 || wanted.limits.max_requests_per_second > 0)
    variant.gate = gate_of(model, wanted, before);
  if (serve(variant, model, loaded, wanted.model)) return variant;
  if (wanted.fallback && serve(variant, model, loaded, *wanted.fallback)) return variant;
  if (const TableVariant* old = served_before(before, model.name, wanted.name)) {
    variant.serves = old->serves;
    variant.model = old->model;
    variant.rules = old->rules;
    variant.engine = old->engine;
  }
  return variant;
}

void count_in(TableVariant& variant, std::shared_ptr<CounterSet> counters) {
  variant.predictions = counters->predictions(prediction_columns(variant.engine->info()));
  if (variant.rules != nullptr) variant.validated = counters->validation(variant.rules->columns());
  variant.counters = std::move(counters);
}

// The mirror's own calls are not computed twice, nor is anything by a mirror that is not loaded.
void plan_mirror(const crds::Mirror& wanted, TableModel& model, CounterRegistry& counters) {
  const auto mirror = std::ranges::find(model.variants, wanted.variant, &TableVariant::name);
  if (mirror == model.variants.end() || mirror->model == nullptr) return;
  for (TableVariant& variant : model.variants) {
    if (variant.model == nullptr || variant.name == wanted.variant) continue;
    auto inputs = inputs_for(variant.engine->info(), mirror->engine->info());
    MirrorRoute route{.model = model.name,
                      .variant = mirror->name,
                      .version = mirror->serves.version,
                      .digest = mirror->serves.digest,
                      .engine = mirror->engine,
                      .counters = counters.get_mirrored({model.name, mirror->serves.version, mirror->name}),
                      .percent = static_cast<uint32_t>(wanted.percent),
                      .fits = inputs.has_value()};
    route.predictions = route.counters->predictions(prediction_columns(mirror->engine->info()));
    if (inputs) route.inputs = std::move(*inputs);
    variant.mirror = std::make_shared<const MirrorRoute>(std::move(route));
  }
}

}  // namespace

Result<std::shared_ptr<const ValueRules>> rules_of(const crds::ServingModel& model, const EngineInfo& info) {
  if (!model.sticky_column.empty()) {
    if (const auto place = place_of_column(model.sticky_column, info); !place)
      return fail_in("routing.stickyKey.column", place.error());
  }
  if (!model.validation || model.validation->mode == crds::ValidationMode::Off) return nullptr;
  CLOPS_ASSIGN(ValueRules rules, ValueRules::make(*model.validation, info));
  return std::make_shared<const ValueRules>(std::move(rules));
}

const TableModel* ModelTable::find(std::string_view name) const {
  const auto at =
      std::ranges::lower_bound(models, name, {}, [](const TableModel& m) -> std::string_view { return m.name; });
  return at == models.end() || at->name != name ? nullptr : &*at;
}

Result<ModelTable> plan_table(const crds::ServingConfig& config, const LoadedByDigest& loaded, const ModelTable* before,
                              CounterRegistry& counters, const Unloaded& unloaded) {
  ModelTable table{.generation = config.generation, .models = {}, .ready = !config.models.empty()};
  for (const crds::ServingModel& model : config.models) {
    auto router = Router::make(model);
    if (!router) return fail_in("model " + model.name, router.error());
    TableModel to{.name = model.name, .router = std::move(*router), .variants = {}, .stable = 0, .ready = true};
    to.logger = model.logger;
    to.batcher = model.batcher;
    const bool wanted_here = !unloaded.contains(model.name);
    for (const crds::ServingVariant& wanted : model.variants) {
      if (wanted_here) {
        to.variants.push_back(plan_variant(model, wanted, loaded, before));
      } else {
        to.variants.push_back({.name = wanted.name, .weight = wanted.weight});
      }
    }
    const auto stable = std::ranges::find(to.variants, model.stable, &TableVariant::name);
    if (stable == to.variants.end()) {
      return fail(Code::InvalidArgument, "model " + model.name + ": stable names no variant: \"" + model.stable + "\"");
    }
    to.stable = static_cast<uint32_t>(stable - to.variants.begin());
    for (uint32_t i = 0; i < to.variants.size(); ++i) {
      TableVariant& variant = to.variants[i];
      variant.answered_by = variant.model != nullptr ? i : to.stable;
      if (variant.model != nullptr) count_in(variant, counters.get({model.name, variant.serves.version, variant.name}));
      if (variant.weight > 0 && to.variants[variant.answered_by].model == nullptr) to.ready = false;
    }
    if (model.mirror) plan_mirror(*model.mirror, to, counters);
    table.ready = table.ready && (to.ready || !wanted_here);
    table.models.push_back(std::move(to));
  }
  std::ranges::sort(table.models, {}, &TableModel::name);
  for (size_t i = 1; i < table.models.size(); ++i) {
    if (table.models[i].name == table.models[i - 1].name) {
      return fail(Code::InvalidArgument, "model " + table.models[i].name + " is named twice");
    }
  }
  return table;
}

}  // namespace clops::serving
