#include "serving/lifecycle/table_service.h"

#include <algorithm>
#include <charconv>

#include "serving/protocol/inference.h"
#include "serving/protocol/json_text.h"
#include "serving/protocol/sticky.h"
#include "serving/telemetry/event_plan.h"

namespace clops::serving {
namespace {

constexpr int kDeadlineStatus = 504, kGoneStatus = 499;
constexpr size_t kTagHex = 16;  // of an id's signature: 64 bits

void append_tag(const HmacSha256& key, std::string_view message, std::string& out) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  const auto digest = key.sign(message);
  for (size_t i = 0; i < kTagHex / 2; ++i) {
    out += kHex[digest[i] >> 4];
    out += kHex[digest[i] & 15];
  }
}

}  // namespace

TableService::TableService(Parts parts) : parts_(std::move(parts)) {
  unrouted_ = parts_.counters.get({});
  const std::string seed = random_hex(8);
  uint64_t state = 0;
  std::from_chars(seed.data(), seed.data() + seed.size(), state, 16);
  random_ = SplitMix64(state);
  boot_ = random_hex(4);
}

void TableService::on_stop() {
  models_.clear();
  table_ = nullptr;
  parts_.tables.leave(parts_.slot);
}

void TableService::on_later() {
  if (parts_.batcher != nullptr) parts_.batcher->compute();
}

void TableService::on_taken_up() {
  if (parts_.batcher == nullptr || !parts_.batcher->pending()) return;
  for (const int64_t ticket : parts_.batcher->unclaimed()) {
    PendingCall& gone = parts_.batcher->at(ticket);
    gone.end.status = kGoneStatus;
    gone.end.error = "the client had gone before its answer was there";
    gone.end.end = now();
    end(gone.call, gone.end);
    parts_.batcher->release(ticket);
  }
}

void TableService::refresh() {
  if (parts_.batcher != nullptr && parts_.batcher->pending()) return;  // of the table that they were begun with
  const ModelTable* table = parts_.tables.current(parts_.slot);
  if (table == table_) return;
  table_ = table;
  settling_ = nullptr;
  models_.clear();
  for (const TableModel& model : table->models) {
    Model& to = models_.emplace_back();
    to.table = &model;
    if (model.logger && parts_.events != nullptr)
      to.events = make_event_plan(*model.logger, model.name, "", "", nullptr);
    for (const TableVariant& variant : model.variants)
      to.variants.push_back(variant.model == nullptr ? nullptr : make_variant(model, variant));
    number_schemas(to);
  }
}

std::unique_ptr<TableService::Variant> TableService::make_variant(const TableModel& model,
                                                                  const TableVariant& variant) const {
  auto out = std::make_unique<Variant>();
  Target& to = out->target;
  const Engine& engine = *variant.engine;
  out->scratch = engine.make_scratch();
  to.model = model.name;
  to.variant = variant.name;
  to.version = variant.serves.version;
  to.digest = variant.serves.digest;
  to.engine = &engine;
  to.scratch = out->scratch.get();
  out->load.limits = variant.limits;
  out->load.gate = variant.gate.get();
  to.load = &out->load;
  if (parts_.batcher != nullptr) out->batch = make_variant_batch(engine.info(), model.batcher);
  to.batch = out->batch.get();
  to.mirror = variant.mirror;
  to.counters = &variant.counters->shard(parts_.slot);
  if (model.logger && parts_.events != nullptr)
    to.events = make_event_plan(*model.logger, to.model, to.version, to.variant, &engine.info());
  to.predictions = &variant.predictions->shard(parts_.slot);
  to.rules = variant.rules.get();
  if (to.rules != nullptr) to.validated = &variant.validated->shard(parts_.slot);
  to.split_by_content = model.router.by_content();
  to.sticky_parameter = model.router.sticky_parameter();
  if (!model.router.sticky_column().empty()) {
    if (const auto place = place_of_column(model.router.sticky_column(), engine.info())) {
      to.sticky_input = place->input;
      to.sticky_offset = place->offset;
    }
  }
  to.head_json = "{\"model_name\":" + json_text(to.model) + ",\"model_version\":" + json_text(to.version);
  to.parameters_json = "\"parameters\":{\"variant\":" + json_text(to.variant) +
                       ",\"version\":" + json_text(to.version) + ",\"digest\":" + json_text(to.digest) +
                       ",\"prediction_id\":\"";
  for (const TensorSpec& output : engine.info().outputs) {
    to.outputs_json.push_back("{\"name\":" + json_text(output.name) +
                              ",\"datatype\":" + json_text(to_string(output.datatype)) + ",\"shape\":[");
  }
  to.id_prefix = to.variant + "." + parts_.pod_name + "." + boot_;
  return out;
}

bool TableService::ready() const {
  return table_ != nullptr && table_->ready && !draining() && (parts_.gate == nullptr || parts_.gate->able());
}

Result<TableService::Model*> TableService::find(std::string_view name) {
  refresh();
  for (Model& model : models_) {
    if (model.table->name == name) return &model;
  }
  return fail(Code::NotFound, "model " + json_text(name) + " is not known here");
}

Result<Target*> TableService::by_version(Model& model, std::string_view version) {
  std::string loaded;
  for (const auto& variant : model.variants) {
    if (variant == nullptr) continue;
    if (variant->target.version == version) return &variant->target;
    loaded += (loaded.empty() ? "" : ", ") + variant->target.version;
  }
  return fail(Code::NotFound, "model " + json_text(model.table->name) + " has no version " + json_text(version) +
                                  " here" + (loaded.empty() ? "" : ": it serves " + loaded));
}

Result<std::string_view> TableService::admit(std::span<const HeaderView> headers) {
  if (parts_.gate == nullptr) return std::string_view();
  return parts_.gate->admit(headers);
}

Status TableService::begin(const CallInfo& call) {
  for (const auto& watcher : parts_.watchers) CLOPS_TRY(watcher->before(call));
  return {};
}

Result<Target*> TableService::choose(const CallInfo& call) {
  CLOPS_ASSIGN(Model* const model, find(call.model));
  const Router& router = model->table->router;
  const bool by_split = call.version.empty();
  const Route route = by_split ? router.choose_from(call.headers, random_.next()) : Route{};
  if (router.has_choosers() && route.reason != RouteReason::Rule) {
    CLOPS_ASSIGN(const std::optional<uint32_t> asked, router.asked_for(call.headers, call.caller));
    if (asked) return chosen(*model, *asked, call.version);
  }
  if (!by_split) return by_version(*model, call.version);
  if (route.reason != RouteReason::Content) return answering(*model, route.variant);
  settling_ = model;
  return first_to_decode(*model);
}

Result<Target*> TableService::answering(const Model& model, uint32_t number) {
  Variant* const variant = model.variants[model.table->variants[number].answered_by].get();
  if (variant == nullptr)
    return fail(Code::Unavailable, "model " + json_text(model.table->name) + " is not loaded yet");
  return &variant->target;
}

// The very variant that its caller asked for, or nothing: no other stands in for it.
Result<Target*> TableService::chosen(const Model& model, uint32_t number, std::string_view version) {
  const TableVariant& wanted = model.table->variants[number];
  Variant* const variant = model.variants[number].get();
  if (variant == nullptr)
    return fail(Code::Unavailable,
                "variant " + wanted.name + " of model " + json_text(model.table->name) + " is not loaded yet");
  if (version.empty() || variant->target.version == version) return &variant->target;
  return fail(Code::NotFound, "variant " + wanted.name + " of model " + json_text(model.table->name) +
                                  " does not serve version " + json_text(version) + " but " + wanted.serves.version);
}

// Always the same while the variants are, so that a value is read in one way only.
Result<Target*> TableService::first_to_decode(const Model& model) {
  if (Variant* const stable = model.variants[model.table->stable].get(); stable != nullptr) return &stable->target;
  for (const auto& variant : model.variants)
    if (variant != nullptr) return &variant->target;
  return fail(Code::Unavailable, "model " + json_text(model.table->name) + " is not loaded yet");
}

void TableService::number_schemas(Model& model) {
  const auto same = [](const TensorSpec& a, const TensorSpec& b) {
    return a.name == b.name && a.datatype == b.datatype && a.shape == b.shape && a.any_shape == b.any_shape &&
           a.on_request == b.on_request && a.optional == b.optional && decode_alike(a.categories, b.categories);
  };
  const auto alike = [&](const EngineInfo& a, const EngineInfo& b) {
    return std::ranges::equal(a.inputs, b.inputs, same) && std::ranges::equal(a.outputs, b.outputs, same) &&
           a.feature_names == b.feature_names;
  };
  for (uint32_t i = 0; i < model.variants.size(); ++i) {
    if (model.variants[i] == nullptr) continue;
    Target& to = model.variants[i]->target;
    to.schema = i;
    for (uint32_t before = 0; before < i && to.schema == i; ++before)
      if (model.variants[before] != nullptr && alike(model.variants[before]->target.engine->info(), to.engine->info()))
        to.schema = model.variants[before]->target.schema;
  }
}

Result<Target*> TableService::route(const CallInfo& call) {
  settling_ = nullptr;
  CLOPS_ASSIGN(Target* const target, choose(call));
  if (settling_ == nullptr) {  // else settle() is to come
    for (const auto& watcher : parts_.watchers) CLOPS_TRY(watcher->routed(call, *target));
  }
  if (target->counters->figures.begin(call.begin)) call.notes.timed = true;
  return target;
}

Result<Target*> TableService::settle(const CallInfo& call, Target& target, InferRequest& request) {
  Model* const model = std::exchange(settling_, nullptr);
  if (model == nullptr) return &target;  // a rule or a version said who answers
  const Router& router = model->table->router;
  if (!router.sticky_column().empty() && target.sticky_input < request.views.size()) {
    request.sticky_key.clear();
    (void)append_sticky(request.sticky_key, request.views[target.sticky_input], target.sticky_offset);
  }
  CLOPS_ASSIGN(Target* const chosen, answering(*model, router.choose_by(request.sticky_key, random_.next()).variant));
  for (const auto& watcher : parts_.watchers) CLOPS_TRY(watcher->routed(call, *chosen));
  if (chosen == &target) return chosen;
  target.counters->figures.leave();
  if (chosen->counters->figures.begin(call.begin)) call.notes.timed = true;
  return chosen;
}

Status TableService::decoded(const CallInfo& call, Target& target, Inference& inference) {
  if (target.rules != nullptr) CLOPS_TRY(hold_values(target, inference));
  for (const auto& watcher : parts_.watchers) CLOPS_TRY(watcher->decoded(call, target, inference));
  return {};
}

Status TableService::hold_values(Target& target, Inference& inference) {
  const ValueRules& rules = *target.rules;
  const std::span<const TensorView> inputs = inference.request.views;
  if (rules.hold(inputs)) return {};
  rules.find(inputs, findings_);
  for (const ValueRules::Finding& finding : findings_)
    target.validated->fault(finding.rule, static_cast<size_t>(finding.fault));
  target.validated->ended(rules.rejects() ? ValidationEnd::Rejected : ValidationEnd::Warned);
  std::string told = rules.describe(inputs, findings_);
  if (rules.rejects()) return fail(Code::InvalidArgument, std::move(told));
  inference.warning = std::move(told);
  return {};
}

Result<ModelView> TableService::describe(std::string_view name, std::string_view version) {
  CLOPS_ASSIGN(Model* const model, find(name));
  ModelView view{
      .name = model->table->name, .ready = model->table->ready && !draining(), .versions = {}, .target = nullptr};
  for (const auto& variant : model->variants) {
    if (variant == nullptr) continue;
    const std::string_view loaded = variant->target.version;
    if (std::ranges::find(view.versions, loaded) == view.versions.end()) view.versions.push_back(loaded);
  }
  if (!version.empty()) {
    CLOPS_ASSIGN(view.target, by_version(*model, version));
    view.ready = !draining();
  } else if (const auto& stable = model->variants[model->table->stable]; stable != nullptr) {
    view.target = &stable->target;
  } else {
    for (const auto& variant : model->variants) {
      if (view.target == nullptr && variant != nullptr) view.target = &variant->target;
    }
  }
  return view;
}

std::vector<RepositoryEntry> TableService::repository(bool ready_only) {
  refresh();
  std::vector<RepositoryEntry> out;
  for (const Model& model : models_) {
    const size_t first = out.size();
    for (const auto& variant : model.variants) {
      RepositoryEntry entry{.name = model.table->name, .version = {}, .ready = variant != nullptr, .reason = {}};
      if (entry.ready) entry.version = variant->target.version;
      if (!entry.ready && ready_only) continue;
      if (!entry.ready) entry.reason = "no version of a variant is loaded";
      // Variants may share a version.
      const auto same = [&](const RepositoryEntry& e) { return e.version == entry.version; };
      if (std::none_of(out.begin() + static_cast<ptrdiff_t>(first), out.end(), same)) out.push_back(entry);
    }
  }
  return out;
}

Result<std::vector<StatisticsEntry>> TableService::statistics(std::string_view name, std::string_view version) {
  refresh();
  std::vector<StatisticsEntry> out;
  const Model* only = nullptr;
  if (!name.empty()) {
    CLOPS_ASSIGN(Model* const model, find(name));
    if (!version.empty()) CLOPS_TRY(by_version(*model, version));
    only = model;
  }
  for (const Model& model : models_) {
    if (only != nullptr && only != &model) continue;
    for (const TableVariant& variant : model.table->variants) {
      if (variant.model == nullptr || (!version.empty() && variant.serves.version != version)) continue;
      const auto same = [&](const StatisticsEntry& e) {
        return e.name == model.table->name && e.version == variant.serves.version;
      };
      auto at = std::ranges::find_if(out, same);
      if (at == out.end()) at = out.insert(out.end(), {.name = model.table->name, .version = variant.serves.version});
      const VariantTotals totals = variant.counters->totals();
      at->rows += totals.rows;
      at->executions += totals.executions;
      at->successes += totals.by_code[0].count;
      at->success_ns += totals.by_code[0].sum_ns;
      at->failures += totals.failures();
      at->failure_ns += totals.busy_ns - totals.by_code[0].sum_ns;
    }
  }
  return out;
}

Result<bool> TableService::control(std::string_view name, bool load, bool first) {
  if (parts_.control) return parts_.control(name, load, first);
  return fail(Code::PermissionDenied,
              "the model repository of this server can only be read: which models it serves is declared in its "
              "ModelDeployment (--allow-model-control lets clients change it)");
}

void TableService::append_prediction_id(const Target& target, std::string& out) {
  message_.assign(target.model);
  message_ += '/';
  const size_t id_begin = message_.size();
  message_ += target.id_prefix;
  char digits[16];
  message_.append(digits, std::to_chars(digits, digits + sizeof digits, ++sequence_, 16).ptr);
  out.append(message_, id_begin);
  out += '.';
  append_tag(parts_.key, message_, out);
}

void TableService::end(const CallInfo& call, const CallEnd& end) {
  VariantCounters& counters = end.target != nullptr ? *end.target->counters : unrouted_->shard(parts_.slot);
  counters.record(end.status, end.rows, static_cast<uint64_t>((end.end - call.begin).count()));
  if (end.target != nullptr && end.target->validated != nullptr && end.status == 400 && end.inference == nullptr)
    end.target->validated->ended(ValidationEnd::Schema);
  if (end.status == 200 && end.target != nullptr && end.inference != nullptr)
    add_predictions(*end.target->predictions, *end.inference);
  if (end.target != nullptr) counters.figures.end(call, end);
  CallEnd told = end;
  told.events = events_of(call, end);
  for (const auto& watcher : parts_.watchers) watcher->after(call, told);
  if (told.events != nullptr) parts_.events->after(call, told);
}

const EventPlan* TableService::events_of(const CallInfo& call, const CallEnd& end) const {
  if (parts_.events == nullptr) return nullptr;
  if (end.target != nullptr) return end.target->events.get();
  for (const Model& model : models_)
    if (model.table->name == call.model) return model.events.get();
  return nullptr;
}

void TableService::refused(int status) {
  if (status == kDeadlineStatus) unrouted_->shard(parts_.slot).refuse(Refusal::Deadline);
  unrouted_->shard(parts_.slot).record(status, 0, 0);
}

bool prediction_id_is_genuine(const HmacSha256& key, std::string_view model, std::string_view id) {
  const size_t dot = id.rfind('.');
  if (dot == std::string_view::npos) return false;
  std::string tag;
  append_tag(key, std::string(model) + "/" + std::string(id.substr(0, dot)), tag);
  return equal_constant_time(tag, id.substr(dot + 1));
}

}  // namespace clops::serving
