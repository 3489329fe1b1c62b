// One inference on its way, between a codec that reads the request and one that writes the answer: what both wires do
// with a model. Memory is kept for the next.
//
// Thread rule: one per serving thread. Ownership: borrows nothing between calls; `request`, outputs() and given() are
// good until the next run() or trim(). Errors: the engine's, and classify()'s with the output's name.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "serving/protocol/oip_json.h"
#include "serving/protocol/service.h"

namespace clops::serving {

class Inference {
 public:
  InferRequest request;       // what a codec has read
  std::string prediction_id;  // of this answer; made by who writes it
  std::string warning;        // of this answer: what its inputs are and should not be, where that is let pass

  // Computes what `request` asks for.
  [[nodiscard]] Status run(Target& target);
  [[nodiscard]] std::span<TensorBuffer> outputs(const Target& target) {  // all of the model's, as computed
    return std::span(values_).first(target.engine->info().outputs.size());
  }
  [[nodiscard]] TensorView computed(uint32_t output) const { return values_[output].view(); }
  // The i-th output that is asked for, in the form that is asked for: its values, or classes.
  [[nodiscard]] Result<TensorView> given(const Target& target, size_t i);
  // Of one computation of many calls' rows, this call's: those from `first` on, of the outputs that it asks for.
  void take_rows(const Target& target, std::span<const TensorBuffer> computed, size_t first);
  void trim(size_t bytes = 1u << 20);  // one huge batch must not pin its memory for the life of the thread

 private:
  std::vector<TensorBuffer> values_, classes_;  // as many as the widest model or request so far
  std::vector<int64_t> shape_;
};

}  // namespace clops::serving
