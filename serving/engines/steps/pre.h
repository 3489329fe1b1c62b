// Runs the steps before a model: a request's columns to the model's tensors, a block of rows at a time, column by
// column. Inner to serving/engines/steps.
//
// Thread rule: immutable; a PreScratch per thread. Ownership: views that are given out are of the inputs, or of the
// scratch until it is used again. Errors: InvalidArgument with row and column.
#pragma once

#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "crds/steps_plan.h"
#include "serving/protocol/engine.h"

namespace clops::serving {

struct PreScratch {
  std::vector<double> numbers;  // a block of each slot
  std::vector<std::string_view> texts;
  std::vector<TensorBuffer> fed;  // per input of the model
  std::vector<TensorView> views;
};

class PreSteps {
 public:
  // `plan` outlives it. `model`: the inputs that a request to the model must bring.
  PreSteps(const crds::StepsPlan& plan, std::span<const TensorSpec> model);

  // scratch.views are the model's inputs then.
  [[nodiscard]] Status run(std::span<const TensorView> inputs, PreScratch& scratch) const;

 private:
  struct Lookup {  // of one operation: sorted
    std::vector<std::pair<std::string_view, uint32_t>> texts;
    std::vector<std::pair<double, uint32_t>> numbers;
  };
  struct Rows {
    size_t begin = 0, count = 0;
  };
  template <class T>
  struct Column {  // of a tensor: every stride-th element
    T* data = nullptr;
    size_t stride = 1;
  };
  void make_room(size_t rows, PreScratch& scratch) const;
  [[nodiscard]] bool passes(size_t feed) const;
  void pick(std::span<const TensorView> inputs, PreScratch& scratch) const;
  [[nodiscard]] Column<const std::byte> raw(std::span<const TensorView> inputs, size_t column) const;
  [[nodiscard]] Column<std::byte> fed(PreScratch& scratch, size_t feed) const;
  void load(std::span<const TensorView> inputs, Rows rows, PreScratch& scratch) const;
  [[nodiscard]] Status compute(size_t op, Rows rows, PreScratch& scratch) const;
  [[nodiscard]] Status compute_by_text(size_t op, Rows rows, PreScratch& scratch) const;
  [[nodiscard]] Status one_hot_number(size_t op, Rows rows, PreScratch& scratch) const;
  [[nodiscard]] Status store(size_t feed, Rows rows, PreScratch& scratch) const;
  [[nodiscard]] double* numbers(PreScratch& scratch, uint32_t slot) const {
    return scratch.numbers.data() + places_[slot] * block_;
  }
  [[nodiscard]] std::string_view* texts(PreScratch& scratch, uint32_t slot) const {
    return scratch.texts.data() + places_[slot] * block_;
  }

  const crds::StepsPlan& plan_;
  std::vector<TensorSpec> model_;
  bool one_tensor_ = false, same_ = false;  // same_: the columns are the model's as they come
  size_t element_ = 0;                      // bytes, where columns are only picked
  std::vector<uint32_t> places_;            // per slot: which of the numbers, or of the texts
  size_t number_slots_ = 0, text_slots_ = 0, block_ = 1;
  std::vector<uint32_t> loads_;  // slots of a request's columns that are worked on
  std::vector<Lookup> lookups_;  // per operation
};

}  // namespace clops::serving
