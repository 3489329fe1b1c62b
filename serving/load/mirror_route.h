// Where a variant's calls are computed once more, and how its inputs become the other model's.
//
// Thread rule: immutable once made. Ownership: shared by a table and by calls that are under way; keeps the model
// alive. Errors: none; what does not fit is said by `fits`.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "serving/protocol/engine.h"

namespace clops::serving {

class CounterSet;
class Predictions;

struct MirrorRoute {
  std::string model, variant, version, digest;  // of who computes
  std::shared_ptr<const Engine> engine;         // keeps its model
  std::shared_ptr<CounterSet> counters;         // of mirrored calls
  std::shared_ptr<Predictions> predictions;     // likewise
  uint32_t percent = 0;
  bool fits = false;
  std::vector<int> inputs;  // per input of the model: which of the answering one's; -1: left out
};

// As MirrorRoute::inputs; nothing where one model cannot be asked what another is: inputs go by name (one alone by
// itself), columns must be called the same, their categories have the same codes where both models name them, and of
// datatypes only FP32 and FP64 become each other.
[[nodiscard]] std::optional<std::vector<int>> inputs_for(const EngineInfo& asked, const EngineInfo& mirror);

}  // namespace clops::serving
