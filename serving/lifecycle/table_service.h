// The models as one serving thread sees them: takes the table in force between requests, keeps scratch memory and the
// ready pieces of answers for each variant, splits traffic, names predictions.
//
// Thread rule: one per serving loop, used on its thread (it is the loop's observer). Ownership: borrows its parts;
// Targets live until the next table. Errors: as ModelService.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/random.h"
#include "base/time.h"
#include "serving/lifecycle/epochs.h"
#include "serving/lifecycle/model_table.h"
#include "serving/load/admission.h"
#include "serving/load/batcher.h"
#include "serving/net/loop.h"
#include "serving/protocol/gate.h"
#include "serving/protocol/service.h"

namespace clops::serving {

class TableService final : public ModelService, public LoopObserver {
 public:
  struct Parts {
    Epochs<ModelTable>& tables;
    CounterRegistry& counters;
    const HmacSha256& key;
    const Clock& clock;
    const std::atomic<bool>& draining;
    std::string pod_name;
    size_t slot = 0;
    std::function<Result<bool>(std::string_view model, bool load, bool first)> control;  // empty: not allowed
    const Turn* turn = nullptr;                          // its loop's; null: nothing ever waits
    std::unique_ptr<Gate> gate;                          // of this thread; null: everybody may call
    std::vector<std::unique_ptr<CallWatcher>> watchers;  // of this thread, asked and told in this order
    std::unique_ptr<CallWatcher> events;  // of this thread, told of the calls of models that have a logger; null: none
    std::unique_ptr<Batcher> batcher;     // of this thread; null: each call is computed alone
  };
  explicit TableService(Parts parts);

  void on_start() override { refresh(); }
  void on_wake() override { refresh(); }
  [[nodiscard]] bool due() const override { return parts_.batcher != nullptr && parts_.batcher->due(); }
  void on_later() override;
  void on_taken_up() override;
  void on_stop() override;

  [[nodiscard]] bool ready() const override;
  [[nodiscard]] bool draining() const override { return parts_.draining.load(std::memory_order_relaxed); }
  [[nodiscard]] Result<std::string_view> admit(std::span<const HeaderView> headers) override;
  [[nodiscard]] Status begin(const CallInfo& call) override;
  [[nodiscard]] Result<Target*> route(const CallInfo& call) override;
  [[nodiscard]] Result<Target*> settle(const CallInfo& call, Target& target, InferRequest& request) override;
  [[nodiscard]] Status decoded(const CallInfo& call, Target& target, Inference& inference) override;
  void end(const CallInfo& call, const CallEnd& end) override;
  [[nodiscard]] Result<ModelView> describe(std::string_view model, std::string_view version) override;
  [[nodiscard]] std::vector<RepositoryEntry> repository(bool ready_only) override;
  [[nodiscard]] Result<std::vector<StatisticsEntry>> statistics(std::string_view model,
                                                                std::string_view version) override;
  [[nodiscard]] Result<bool> control(std::string_view model, bool load, bool first) override;
  void append_prediction_id(const Target& target, std::string& out) override;
  void refused(int status) override;
  [[nodiscard]] TimePoint now() const override { return parts_.clock.now(); }
  [[nodiscard]] TimePoint arrived() const override { return parts_.turn != nullptr ? parts_.turn->arrived : now(); }
  [[nodiscard]] bool alone() const override { return parts_.turn == nullptr || parts_.turn->in_hand < 2; }
  [[nodiscard]] Batching* batching() override { return parts_.batcher.get(); }

 private:
  struct Variant {
    Target target;
    std::unique_ptr<Scratch> scratch;
    VariantLoad load;
    std::unique_ptr<VariantBatch> batch;
  };
  struct Model {
    const TableModel* table = nullptr;
    std::shared_ptr<const EventPlan> events;         // of calls that reach no variant
    std::vector<std::unique_ptr<Variant>> variants;  // null: nothing loaded
  };
  void refresh();
  [[nodiscard]] std::unique_ptr<Variant> make_variant(const TableModel& model, const TableVariant& variant) const;
  [[nodiscard]] Result<Model*> find(std::string_view name);
  [[nodiscard]] const EventPlan* events_of(const CallInfo& call, const CallEnd& end) const;
  [[nodiscard]] Result<Target*> choose(const CallInfo& call);
  [[nodiscard]] static Result<Target*> answering(const Model& model, uint32_t variant);
  [[nodiscard]] static Result<Target*> chosen(const Model& model, uint32_t variant, std::string_view version);
  [[nodiscard]] static Result<Target*> first_to_decode(const Model& model);
  [[nodiscard]] Status hold_values(Target& target, Inference& inference);
  static void number_schemas(Model& model);
  [[nodiscard]] static Result<Target*> by_version(Model& model, std::string_view version);

  Parts parts_;
  const ModelTable* table_ = nullptr;
  std::vector<Model> models_;  // in the table's order
  std::shared_ptr<CounterSet> unrouted_;
  Model* settling_ = nullptr;  // the call in hand is split by what it says, which was not known yet
  std::vector<ValueRules::Finding> findings_;
  SplitMix64 random_{0};
  uint64_t sequence_ = 0;
  std::string boot_;  // tells this thread's ids from those of another thread or an earlier start
  std::string message_;
};

// Whether `id` was made for `model` under `key`; VARIANT and POD are its first two parts.
[[nodiscard]] bool prediction_id_is_genuine(const HmacSha256& key, std::string_view model, std::string_view id);

}  // namespace clops::serving
