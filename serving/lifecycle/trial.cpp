#include "serving/lifecycle/trial.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

namespace clops::serving {
namespace {

template <class Number>
void fill_numbers(TensorBuffer& out, size_t row_elements, int64_t first) {
  const std::array<Number, 3> kinds = {Number{0}, Number{1}, std::numeric_limits<Number>::quiet_NaN()};
  const std::span<Number> values = out.as<Number>();
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = kinds[(i / row_elements + static_cast<size_t>(first)) % kinds.size()];
}

void fill_input(const TensorSpec& spec, int64_t rows, Trial::Rows kind, int64_t first, TensorBuffer& out) {
  std::vector<int64_t> shape = spec.shape;
  for (size_t i = 0; i < shape.size(); ++i)
    if (shape[i] < 0) shape[i] = i == 0 ? rows : 1;
  out.reset(spec.datatype, shape);
  const size_t row_elements = out.count() / std::max<size_t>(1, shape.empty() ? 1 : static_cast<size_t>(shape[0]));
  if (kind == Trial::Rows::Mixed && spec.datatype == Datatype::Fp32) {
    fill_numbers<float>(out, row_elements, first);
  } else if (kind == Trial::Rows::Mixed && spec.datatype == Datatype::Fp64) {
    fill_numbers<double>(out, row_elements, first);
  } else if (spec.datatype != Datatype::Bytes) {
    std::memset(out.data(), 0, out.count() * size_of(spec.datatype));
  }
}

}  // namespace

Trial::Trial(const Engine& engine)
    : engine_(engine),
      scratch_(engine.make_scratch()),
      inputs_(engine.info().inputs.size()),
      outputs_(engine.info().outputs.size()),
      views_(inputs_.size()) {
  for (size_t i = 0; i < outputs_.size(); ++i) outputs_[i].wanted = !engine.info().outputs[i].on_request;
}

void Trial::fill(int64_t rows, Rows kind, int64_t first) {
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const TensorSpec& spec = engine_.info().inputs[i];
    fill_input(spec, spec.optional ? 0 : rows, kind, first, inputs_[i]);
    views_[i] = inputs_[i].view();
  }
}

Status Trial::infer() {
  return engine_.infer(views_, *scratch_, outputs_);
}

}  // namespace clops::serving
