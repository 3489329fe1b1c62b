// Keeps calls of a loop's round for its end and computes those of a variant as one, when that pays (batch_gain.h).
//
// It never waits for calls: a call that comes alone is computed at once, and those that are kept are computed when all
// that was ready has been read, when a variant's are as many rows as it may take together, or when the first of them
// has waited as long as it may. Each call's answer has the bits that it would have alone, for engines that say so
// (EngineInfo::exact_batches); others are asked only where the deployment says. Should a batch fail, each of its calls
// is computed alone, so that none fails for another's values.
// Thread rule: one per serving thread, used on it. Ownership: borrows the clock; its loop sees to it that nothing is
// pending when tables change.
// Errors: a call's own; DeadlineExceeded, what can no longer be answered when its turn comes.
#pragma once

#include <memory>
#include <vector>

#include "crds/serving_config_traffic.h"
#include "serving/load/batch_gain.h"
#include "serving/protocol/batching.h"
#include "serving/protocol/service.h"

namespace clops::serving {

// What one thread knows of one variant.
struct VariantBatch {
  size_t rows_most = 0;
  Duration latency{};  // from the first call kept until they are computed, give or take the call in hand
  BatchGain gain;
  std::vector<PendingCall*> waiting;
  size_t rows = 0;    // of those
  TimePoint since{};  // the first of them
};
// Null: its calls are never computed together, by its tensors or by what is declared (absent: the default).
[[nodiscard]] std::unique_ptr<VariantBatch> make_variant_batch(const EngineInfo& info,
                                                               const std::optional<crds::Batcher>& wanted);

class Batcher final : public Batching {
 public:
  explicit Batcher(const Clock& clock) : clock_(clock) {}

  [[nodiscard]] bool wants(const CallInfo& call, const Target& target, const InferRequest& request) override;
  [[nodiscard]] int64_t put(const CallInfo& call, const CallEnd& end, Inference& inference,
                            std::string_view id) override;
  [[nodiscard]] PendingCall& at(int64_t ticket) override;
  void release(int64_t ticket) override;
  void ran_alone(const Target& target, Duration spent) override;

  [[nodiscard]] bool pending() const { return in_use_ > 0; }
  // Calls are to be computed before the round goes on.
  [[nodiscard]] bool due() const;
  void compute();  // all that wait
  // Those whose wires did not come back for them: the client has gone.
  [[nodiscard]] std::vector<int64_t> unclaimed() const;

 private:
  struct Slot {
    PendingCall call;
    bool used = false;
  };
  void compute(VariantBatch& batch);
  [[nodiscard]] bool compute_together(Target& target, const std::vector<PendingCall*>& calls);
  void gather(const EngineInfo& info, const std::vector<PendingCall*>& calls);

  const Clock& clock_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::vector<uint32_t> free_;
  std::vector<VariantBatch*> queue_;  // with calls that wait
  size_t in_use_ = 0;
  bool full_ = false;
  // Of the batch in hand.
  std::vector<TensorBuffer> inputs_, outputs_;
  std::vector<TensorView> views_;
  std::vector<int64_t> shape_;
};

}  // namespace clops::serving
