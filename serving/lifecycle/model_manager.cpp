#include "serving/lifecycle/model_manager.h"

#include <malloc.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include "base/digest.h"
#include "base/file.h"

namespace clops::serving {
namespace {

constexpr size_t kConfigBytesMax = 4u << 20;

// Worth another try without a new configuration: the bytes themselves were not at fault.
bool may_pass(Code code) {
  return code == Code::Unavailable || code == Code::DeadlineExceeded || code == Code::NotFound ||
         code == Code::PermissionDenied || code == Code::Internal;
}

Status check(const crds::ServingConfig& config) {
  CounterRegistry scratch(1, 1);
  if (auto table = plan_table(config, {}, nullptr, scratch); !table) return std::unexpected(table.error());
  return {};
}

std::string key_of(const std::string& model, const std::string& variant) {
  return model + "/" + variant;
}

}  // namespace

struct ModelManager::Impl {
  Impl(Parts p, ManagerOptions o) : parts(std::move(p)), options(std::move(o)) {}

  void run();
  void look_at_file();
  Status submit(crds::ServingConfig config, std::string content);
  Result<bool> control(std::string_view model, bool load, bool first);
  void apply();
  bool load_all(const crds::ServingConfig& config);
  bool load(const crds::ModelRef& ref, const std::string& key);
  bool suits(const crds::ServingModel& model, const crds::ModelRef& ref, const std::string& key);
  bool fits(const std::shared_ptr<const LoadedModel>& model, const crds::ModelRef& ref, const std::string& key);
  void put_in_force(const crds::ServingConfig& config);
  void publish_state();
  bool interrupted() const {
    const std::lock_guard lock(mutex);
    return stopping || pending || asked != heeded;
  }

  Parts parts;
  ManagerOptions options;
  std::thread thread;
  mutable std::mutex mutex;
  std::condition_variable changed;
  bool stopping = false;                       // guarded by mutex
  std::optional<crds::ServingConfig> pending;  // guarded by mutex
  crds::ServingConfig highest;                 // guarded by mutex: what was last taken; generation 0 = none
  std::string highest_content;                 // guarded by mutex: the digest of its text
  crds::PodState shown;                        // guarded by mutex
  LoadTimes times;                             // guarded by mutex
  Unloaded unloaded;                           // guarded by mutex
  uint64_t asked = 0, heeded = 0, done = 0;    // guarded by mutex: changes of it, begun with, in force
  // From here on the manager's thread alone.
  crds::ServingConfig target;
  LoadedByDigest loaded;
  Unloaded left_out;                    // `unloaded` as it was when this round began
  std::map<std::string, Error> errors;  // by model/variant[/fallback]
  std::set<std::string> loading;        // by model/variant
  std::string file_digest;
  bool retry_wanted = false;
  std::chrono::milliseconds retry_delay{0};
  TimePoint retry_at{}, next_look{};
};

ModelManager::ModelManager(Parts parts, ManagerOptions options)
    : impl_(std::make_unique<Impl>(std::move(parts), std::move(options))) {}
ModelManager::~ModelManager() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->changed.notify_all();
  if (impl_->thread.joinable()) impl_->thread.join();
}
void ModelManager::start() {
  impl_->thread = std::thread([impl = impl_.get()] { impl->run(); });
}
Status ModelManager::submit(crds::ServingConfig config, std::string content) {
  return impl_->submit(std::move(config), std::move(content));
}
Result<bool> ModelManager::control(std::string_view model, bool load, bool first) {
  return impl_->control(model, load, first);
}
LoadTimes ModelManager::load_times() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->times;
}
crds::PodState ModelManager::state() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->shown;
}

Status ModelManager::Impl::submit(crds::ServingConfig config, std::string content) {
  CLOPS_TRY(check(config));
  const std::lock_guard lock(mutex);
  if (config.generation < highest.generation) {
    return fail(Code::Conflict, "generation " + std::to_string(config.generation) + " is older than " +
                                    std::to_string(highest.generation) + ", which is taken already");
  }
  if (config == highest) {  // perhaps in other words: an operator of another version prints it differently
    highest_content = std::move(content);
    if (shown.generation == highest.generation) shown.content = highest_content;
    return {};
  }
  if (config.generation == highest.generation) {
    return fail(Code::Conflict,
                "generation " + std::to_string(config.generation) + " is taken already, with another content");
  }
  highest = config;
  highest_content = std::move(content);
  pending = std::move(config);
  changed.notify_all();
  return {};
}

Result<bool> ModelManager::Impl::control(std::string_view model, bool load, bool first) {
  const std::lock_guard lock(mutex);
  const auto known = [&](const crds::ServingModel& m) { return m.name == model; };
  if (std::ranges::none_of(highest.models, known))
    return fail(Code::NotFound, "model \"" + std::string(model) + "\" is not declared here");
  if (first) {
    if (load) {
      unloaded.erase(std::string(model));
    } else {
      unloaded.emplace(model);
    }
    ++asked;
    changed.notify_all();
    return false;
  }
  if (done != asked) return false;
  for (const crds::VariantState& variant : shown.variants)
    if (load && variant.model == model && variant.state == "FailedToLoad")
      return fail(Code::Unavailable, variant.message);
  return true;
}

void ModelManager::Impl::run() {
  for (;;) {
    look_at_file();
    bool fresh = false, told = false;
    {
      std::unique_lock lock(mutex);
      if (!pending && !stopping && asked == heeded) {
        auto wait = std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::hours(1));
        const TimePoint now = parts.clock.now();
        if (!options.config_file.empty()) wait = std::min(wait, next_look - now);
        if (retry_wanted) wait = std::min(wait, retry_at - now);
        if (wait.count() > 0) changed.wait_for(lock, wait, [&] { return stopping || pending || asked != heeded; });
      }
      if (stopping) return;
      told = asked != heeded;
      heeded = asked;
      left_out = unloaded;
      if (pending) {
        target = std::move(*pending);
        pending.reset();
        fresh = true;
      }
    }
    if (fresh || told) {
      retry_delay = options.retry_first;
      errors.clear();
      apply();
    } else if (retry_wanted && parts.clock.now() >= retry_at) {
      retry_delay = std::min(retry_delay * 2, options.retry_most);
      apply();
    }
  }
}

// By content, as a mounted ConfigMap changes through links that say nothing reliable about times.
void ModelManager::Impl::look_at_file() {
  if (options.config_file.empty() || parts.clock.now() < next_look) return;
  next_look = parts.clock.now() + options.poll;
  const auto text = read_file(options.config_file, kConfigBytesMax);
  std::string digest = text ? crds::content_digest(*text) : text.error().message;
  if (digest == file_digest) return;
  file_digest = digest;
  if (!text) return parts.log.warn("configuration file cannot be read", {{"error", text.error().message}});
  auto config = crds::decode_serving_config(*text);
  const Status taken = config ? submit(std::move(*config), std::move(digest)) : Status(std::unexpected(config.error()));
  if (taken) return;
  // A pushed configuration is often newer than the mounted file, which the kubelet brings up to a minute later.
  const Level level = taken.error().code == Code::Conflict ? Level::Info : Level::Error;
  parts.log.write(level, "configuration file not taken",
                  {{"file", options.config_file}, {"error", taken.error().message}});
}

void ModelManager::Impl::apply() {
  retry_wanted = false;
  publish_state();
  if (!load_all(target)) return;  // a newer configuration has come, or the end
  put_in_force(target);
  if (retry_wanted) retry_at = parts.clock.now() + retry_delay;
}

bool ModelManager::Impl::load_all(const crds::ServingConfig& config) {
  for (const crds::ServingModel& model : config.models) {
    if (left_out.contains(model.name)) continue;
    for (const crds::ServingVariant& variant : model.variants) {
      const std::string key = key_of(model.name, variant.name);
      if (interrupted()) return false;
      if (load(variant.model, key) && suits(model, variant.model, key)) {
        errors.erase(key);
      } else if (variant.fallback) {
        (void)load(*variant.fallback, key + "/fallback");
      }
      publish_state();
    }
  }
  return !interrupted();
}

bool ModelManager::Impl::load(const crds::ModelRef& ref, const std::string& key) {
  const auto at = loaded.find(ref.digest);
  if (at != loaded.end() && at->second->format == ref.format) return fits(at->second, ref, key);
  // Content that was refused once is refused again: only what may pass is asked for twice.
  if (const auto error = errors.find(key); error != errors.end() && !may_pass(error->second.code)) return false;
  loading.insert(key);
  publish_state();
  const TimePoint begin = parts.clock.now();
  auto model = parts.loader.load(ref);
  loading.erase(key);
  if (!model) {
    parts.log.warn(
        "model not loaded",
        {{"variant", key}, {"version", ref.model_version}, {"digest", ref.digest}, {"error", model.error().message}});
    retry_wanted = retry_wanted || may_pass(model.error().code);
    errors[key] = model.error();
    return false;
  }
  const Duration took = parts.clock.now() - begin;
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
  {
    const std::lock_guard lock(mutex);
    times.by_digest[ref.digest] = took;
  }
  parts.log.info("model loaded",
                 {{"variant", key}, {"version", ref.model_version}, {"digest", ref.digest}, {"ms", ms}});
  loaded[ref.digest] = *model;
  return fits(*model, ref, key);
}

// Its steps may not fit it, which no other reference to the same content needs to mind.
bool ModelManager::Impl::fits(const std::shared_ptr<const LoadedModel>& model, const crds::ModelRef& ref,
                              const std::string& key) {
  if (const auto engine = engine_of(model, ref); !engine) {
    parts.log.warn("steps do not fit the model", {{"variant", key}, {"error", engine.error().message}});
    errors[key] = engine.error();
    return false;
  }
  return true;
}

// What the configuration says of its inputs may not be so, which no other model needs to mind.
bool ModelManager::Impl::suits(const crds::ServingModel& model, const crds::ModelRef& ref, const std::string& key) {
  const auto engine = engine_of(loaded.at(ref.digest), ref);
  if (!engine) return false;  // which was told when it was loaded
  const auto rules = rules_of(model, (*engine)->info());
  if (rules) return true;
  parts.log.warn("the configuration does not suit the model", {{"variant", key}, {"error", rules.error().message}});
  errors[key] = rules.error();
  return false;
}

void ModelManager::Impl::put_in_force(const crds::ServingConfig& config) {
  auto table = plan_table(config, loaded, &parts.tables.value(), parts.counters, left_out);
  if (!table)
    return parts.log.error("configuration not taken", {{"error", table.error().message}});  // checked by submit()
  auto next = std::make_unique<const ModelTable>(std::move(*table));
  std::set<std::string> used;
  for (const TableModel& model : next->models) {
    for (const TableVariant& variant : model.variants) {
      if (variant.model != nullptr) used.insert(variant.model->digest);
    }
  }
  const bool fresh = parts.tables.value().generation != config.generation;
  parts.tables.publish(std::move(next), parts.wake_readers);
  const size_t dropped = std::erase_if(loaded, [&](const auto& item) { return !used.contains(item.first); });
  if (dropped > 0) ::malloc_trim(0);
  publish_state();
  {
    const std::lock_guard lock(mutex);
    done = heeded;
    std::erase_if(times.by_digest, [&](const auto& item) { return !used.contains(item.first); });
    if (!times.first_ready && parts.tables.value().ready) times.first_ready = parts.clock.now();
  }
  parts.wake_readers();  // those who asked for a change wait for this
  if (fresh) {
    parts.log.info("configuration in force",
                   {{"generation", config.generation}, {"ready", parts.tables.value().ready ? "true" : "false"}});
  }
}

void ModelManager::Impl::publish_state() {
  const ModelTable& table = parts.tables.value();
  crds::PodState state{.generation = table.generation, .content = "", .ready = table.ready, .variants = {}};
  for (const crds::ServingModel& model : target.models) {
    const TableModel* in_force = table.find(model.name);
    for (const crds::ServingVariant& variant : model.variants) {
      const std::string key = key_of(model.name, variant.name);
      crds::VariantState& to = state.variants.emplace_back();
      to.model = model.name;
      to.variant = variant.name;
      const auto have = loaded.find(variant.model.digest);
      const auto error = errors.find(key);
      const bool is_loaded = have != loaded.end() && have->second->format == variant.model.format;
      to.state = loading.contains(key)   ? "Loading"
                 : error != errors.end() ? "FailedToLoad"
                 : is_loaded             ? "Loaded"
                                         : "Pending";
      if (to.state == "FailedToLoad") to.message = error->second.message;
      if (in_force == nullptr) continue;
      const auto now = std::ranges::find(in_force->variants, variant.name, &TableVariant::name);
      if (now == in_force->variants.end()) continue;
      const TableVariant& serves = in_force->variants[now->answered_by];
      to.model_version = serves.serves.model_version;
      to.digest = serves.serves.digest;
    }
  }
  {
    const std::lock_guard lock(mutex);
    if (table.generation == highest.generation) state.content = highest_content;
    if (shown == state) return;
    shown = std::move(state);
  }
  if (parts.on_change) parts.on_change();
}

}  // namespace clops::serving
