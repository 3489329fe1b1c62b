// Runs the steps after a model: its outputs to those of the answer. Inner to serving/engines/steps.
//
// Thread rule: immutable; a PostScratch per thread. Ownership: labels in outputs view the plan. Errors: InvalidArgument
// where a value has no label, Internal where an output has not the shape that it was declared with.
#pragma once

#include <span>
#include <vector>

#include "crds/steps_plan.h"
#include "serving/protocol/engine.h"

namespace clops::serving {

struct PostScratch {
  std::vector<TensorBuffer> model, made;  // the model's outputs; what steps make
  std::vector<double> numbers;
  std::vector<uint32_t> order;
  std::vector<uint8_t> needed;  // per slot
};

class PostSteps {
 public:
  // `plan` outlives it. `model_outputs`: all of them, those on request at the end.
  PostSteps(const crds::StepsPlan& plan, size_t model_outputs);

  // Says in scratch.model which outputs of the model are wanted for those that are wanted of the answer, the first
  // being the plan's and what follows the model's on request.
  void begin(std::span<const TensorBuffer> outputs, PostScratch& scratch) const;
  [[nodiscard]] Status run(PostScratch& scratch, std::span<TensorBuffer> outputs) const;

 private:
  [[nodiscard]] TensorBuffer& slot(PostScratch& scratch, uint32_t index) const {
    return index < plan_.given ? scratch.model[index] : scratch.made[index - plan_.given];
  }
  [[nodiscard]] Status compute(const crds::PostOp& op, PostScratch& scratch) const;
  void calibrate(const crds::PostOp& op, PostScratch& scratch) const;
  [[nodiscard]] Status threshold(const crds::PostOp& op, PostScratch& scratch) const;
  [[nodiscard]] Status label(const crds::PostOp& op, PostScratch& scratch) const;

  const crds::StepsPlan& plan_;
  size_t model_outputs_;
};

}  // namespace clops::serving
