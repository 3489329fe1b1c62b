// What is to be told of a variant's calls as CloudEvents, worked out once when it comes into force: which columns of
// which tensors are told as null.
//
// A column that is to be redacted and that the model does not know (neither a feature's name nor a tensor's) withholds
// all values: a slip of the pen must not publish what was to stay private. Thread rule: immutable once made.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "crds/serving_config_logger.h"
#include "serving/protocol/engine.h"

namespace clops::serving {

struct EventTensor {
  std::string name;
  bool whole = false;             // nothing of it is told
  size_t width = 1;               // of a row
  std::vector<uint32_t> columns;  // of a row, not told; sorted
};

struct EventPlan : std::enable_shared_from_this<EventPlan> {
  crds::Logger logger;
  std::string model, version, variant;  // version, variant empty: of calls that reach none
  std::vector<EventTensor> inputs, outputs;
  std::vector<std::string> unknown_columns;  // not empty: values are withheld
  [[nodiscard]] bool redacts() const { return !logger.redact_columns.empty(); }
};

// `info`: null: for calls that reach no variant.
[[nodiscard]] std::shared_ptr<const EventPlan> make_event_plan(const crds::Logger& logger, std::string model,
                                                               std::string version, std::string variant,
                                                               const EngineInfo* info);

}  // namespace clops::serving
