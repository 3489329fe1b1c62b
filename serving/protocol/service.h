// What a front end (REST now, gRPC beside it) may ask of the models, in no wire's words. One ModelService per serving
// thread.
//
// Thread rule: belongs to its loop's thread. Ownership: Target and everything it points at is good until the request
// has been answered: the model table cannot change within a request. Errors: Result codes NotFound (model, version),
// Unavailable (nothing loaded for it) with a message fit for the client.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "serving/protocol/call_info.h"
#include "serving/protocol/engine.h"
#include "serving/routing/router.h"

namespace clops::serving {

class Batching;
class Inference;
class PredictionShard;
class ValidationShard;
class ValueRules;
class VariantCounters;
struct InferRequest;
struct VariantBatch;
struct VariantLoad;
struct MirrorRoute;

// One loaded variant as one thread sees it. The *_json members are pieces of answers, escaped and ready to append.
struct Target {
  std::string model, variant, version, digest;
  const Engine* engine = nullptr;
  Scratch* scratch = nullptr;
  VariantCounters* counters = nullptr;        // this thread's
  VariantLoad* load = nullptr;                // likewise; null: nothing is limited
  std::shared_ptr<const MirrorRoute> mirror;  // null: its calls are computed once
  const ValueRules* rules = nullptr;          // what its inputs are held to; null: nothing
  ValidationShard* validated = nullptr;       // this thread's, with the rules
  PredictionShard* predictions = nullptr;     // this thread's
  // Of its model: the split wants to know the request. A parameter by name, or a value of the first row.
  bool split_by_content = false;
  std::string_view sticky_parameter;
  uint32_t sticky_input = UINT32_MAX, sticky_offset = 0;  // the former beyond all: there is none
  uint32_t schema = 0;                                    // equal in variants of a model that decode alike
  std::shared_ptr<const EventPlan> events;                // null: its calls are not told
  VariantBatch* batch = nullptr;                          // this thread's; null: each call is computed alone
  std::string head_json;                                  // {"model_name":"m","model_version":"7"
  std::string parameters_json;  // "parameters":{"variant":"a","version":"7","digest":"sha256:..","prediction_id":"
  std::vector<std::string> outputs_json;  // one per output: {"name":"predict","datatype":"FP32","shape":[
  std::string id_prefix;                  // of prediction ids: VARIANT.POD.
};

struct ModelView {
  std::string_view name;
  bool ready = false;
  std::vector<std::string_view> versions;  // loaded
  const Target* target = nullptr;  // whose tensors describe the model (the stable variant, or the version asked for)
};

// One version of a model, as the protocol's repository extension lists it.
struct RepositoryEntry {
  std::string_view name, version;  // version empty: a variant that nothing is loaded for
  bool ready = false;
  std::string_view reason;  // why not
};

// One loaded version, as the statistics extension tells of it: all that this process has answered, on every thread.
struct StatisticsEntry {
  std::string_view name, version;
  uint64_t rows = 0, executions = 0;
  uint64_t successes = 0, success_ns = 0, failures = 0, failure_ns = 0;  // of whole requests
};

class ModelService {
 public:
  virtual ~ModelService() = default;
  [[nodiscard]] virtual bool ready() const = 0;
  [[nodiscard]] virtual bool draining() const = 0;  // will not be ready again
  // Whether whoever sends these headers may call, and under which name, as Gate::admit(); asked before anything but
  // health is answered.
  [[nodiscard]] virtual Result<std::string_view> admit(std::span<const HeaderView> headers) {
    (void)headers;
    return std::string_view();
  }
  // The variant that answers this call, unless a watcher refuses it. `version` empty: by the split; else whichever
  // variant serves that version. Each call that was begun is told the end of.
  [[nodiscard]] virtual Status begin(const CallInfo& call) = 0;
  [[nodiscard]] virtual Result<Target*> route(const CallInfo& call) = 0;
  // Where target.split_by_content: the variant that answers, now that one of its model's has decoded the request.
  [[nodiscard]] virtual Result<Target*> settle(const CallInfo& call, Target& target, InferRequest& request) = 0;
  // Its inputs are whole: the last that may refuse it.
  [[nodiscard]] virtual Status decoded(const CallInfo& call, Target& target, Inference& inference) = 0;
  virtual void end(const CallInfo& call, const CallEnd& end) = 0;
  [[nodiscard]] virtual Result<ModelView> describe(std::string_view model, std::string_view version) = 0;
  // Sorted by model. `ready_only`: without those that nothing is loaded for.
  [[nodiscard]] virtual std::vector<RepositoryEntry> repository(bool ready_only) = 0;
  // `model` empty: all; `version` empty: all of the model's.
  [[nodiscard]] virtual Result<std::vector<StatisticsEntry>> statistics(std::string_view model,
                                                                        std::string_view version) = 0;
  // Takes a model out of service, or back into it. As ModelManager::control(); PermissionDenied where that is not
  // allowed.
  [[nodiscard]] virtual Result<bool> control(std::string_view model, bool load, bool first) = 0;
  virtual void append_prediction_id(const Target& target, std::string& out) = 0;
  virtual void refused(int status) = 0;  // counts a request that never became a call
  [[nodiscard]] virtual TimePoint now() const = 0;
  // When what is being handled came, most likely.
  [[nodiscard]] virtual TimePoint arrived() const = 0;
  // Nothing else that has come is known to wait for this thread.
  [[nodiscard]] virtual bool alone() const { return true; }
  [[nodiscard]] virtual Batching* batching() { return nullptr; }
};

}  // namespace clops::serving
