// Brings the pod to what serving.json says: takes configurations (file, push), loads what they name on a thread of its
// own, puts a new table in force on every serving thread, and says how it went.
//
// The highest generation wins; one that is lower than what is in force or under way is Conflict, an equal one that
// differs too. A reference that cannot be loaded keeps what served before (invariant failed_load_keeps_old_version); a
// source that cannot be reached is tried again, later and later. One configuration is under way and at most one waits:
// a newer one replaces it. Thread rule: every public call is safe from any thread and does not block on loading.
// Ownership: borrows its parts. Errors: submit(): InvalidArgument, Conflict.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/log.h"
#include "base/result.h"
#include "base/time.h"
#include "crds/serving_config.h"
#include "serving/lifecycle/epochs.h"
#include "serving/lifecycle/model_loader.h"
#include "serving/lifecycle/model_table.h"

namespace clops::serving {

struct ManagerOptions {
  std::string config_file;  // re-read when its content changes; empty: configurations come by submit() alone
  std::chrono::milliseconds poll{500};
  std::chrono::milliseconds retry_first{1'000}, retry_most{60'000};  // of sources that cannot be reached
};

// How long it took, for whoever measures.
struct LoadTimes {
  std::map<std::string, Duration, std::less<>> by_digest;  // of what is loaded: fetched, verified, loaded, warmed up
  std::optional<TimePoint> first_ready;
};

class ModelManager {
 public:
  struct Parts {
    ModelLoader& loader;
    Epochs<ModelTable>& tables;
    CounterRegistry& counters;
    const Clock& clock;
    Log& log;
    std::function<void()> wake_readers;  // every serving loop
    std::function<void()> on_change;     // state() may differ now; called from the manager's thread
  };
  ModelManager(Parts parts, ManagerOptions options);
  ~ModelManager();  // stops the thread; a load under way is finished first
  ModelManager(const ModelManager&) = delete;
  ModelManager& operator=(const ModelManager&) = delete;

  void start();
  // `content`: crds::content_digest of the text it was read from, told in state().
  [[nodiscard]] Status submit(crds::ServingConfig config, std::string content = "");
  [[nodiscard]] crds::PodState state() const;
  [[nodiscard]] LoadTimes load_times() const;
  // Takes a model of the configuration out of service, or back into it, whatever configurations come, until told
  // otherwise. `first` begins it; asked again without, it says whether that is in force: false, not yet. NotFound: the
  // configuration names no such model. Unavailable: it cannot be loaded, and why.
  [[nodiscard]] Result<bool> control(std::string_view model, bool load, bool first);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace clops::serving
