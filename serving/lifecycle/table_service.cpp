#include "serving/lifecycle/table_service.h"

#include <algorithm>
#include <charconv>

#include "serving/protocol/json_text.h"

namespace clops::serving {
namespace {

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
  std::from_chars(seed.data(), seed.data() + seed.size(), random_state_, 16);
  boot_ = random_hex(4);
}

void TableService::on_stop() {
  models_.clear();
  table_ = nullptr;
  parts_.tables.leave(parts_.slot);
}

void TableService::refresh() {
  const ModelTable* table = parts_.tables.current(parts_.slot);
  if (table == table_) return;
  table_ = table;
  models_.clear();
  for (const TableModel& model : table->models) {
    Model& to = models_.emplace_back();
    to.table = &model;
    for (const TableVariant& variant : model.variants)
      to.variants.push_back(variant.model == nullptr ? nullptr : make_variant(model, variant));
  }
}

std::unique_ptr<TableService::Variant> TableService::make_variant(const TableModel& model,
                                                                  const TableVariant& variant) const {
  auto out = std::make_unique<Variant>();
  Target& to = out->target;
  const Engine& engine = *variant.model->engine;
  out->scratch = engine.make_scratch();
  to.model = model.name;
  to.variant = variant.name;
  to.version = variant.serves.version;
  to.digest = variant.serves.digest;
  to.engine = &engine;
  to.scratch = out->scratch.get();
  to.counters = &variant.counters->shard(parts_.slot);
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
  if (!call.version.empty()) return by_version(*model, call.version);
  const Route route = model->table->router.choose_from(call.headers, random());
  Variant* const variant = model->variants[model->table->variants[route.variant].answered_by].get();
  if (variant == nullptr) return fail(Code::Unavailable, "model " + json_text(call.model) + " is not loaded yet");
  return &variant->target;
}

Result<Target*> TableService::route(const CallInfo& call) {
  CLOPS_ASSIGN(Target* const target, choose(call));
  for (const auto& watcher : parts_.watchers) CLOPS_TRY(watcher->routed(call, *target));
  return target;
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
  for (const auto& watcher : parts_.watchers) watcher->after(call, end);
}

void TableService::refused(int status) {
  unrouted_->shard(parts_.slot).record(status, 0, 0);
}

// splitmix64: only has to be even, not unguessable.
uint64_t TableService::random() {
  uint64_t z = (random_state_ += 0x9e3779b97f4a7c15ull);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

bool prediction_id_is_genuine(const HmacSha256& key, std::string_view model, std::string_view id) {
  const size_t dot = id.rfind('.');
  if (dot == std::string_view::npos) return false;
  std::string tag;
  append_tag(key, std::string(model) + "/" + std::string(id.substr(0, dot)), tag);
  return equal_constant_time(tag, id.substr(dot + 1));
}

}  // namespace clops::serving
