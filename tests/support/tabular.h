// Rows in, predictions out, for engines of one tabular input and one output: what tests and fuzzers mostly want.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <stdexcept>

#include "serving/protocol/engine.h"

namespace clops::test {

inline size_t input_columns(const serving::Engine& engine) {
  return static_cast<size_t>(engine.info().inputs.front().shape.at(1));
}
inline size_t output_columns(const serving::Engine& engine) {
  const auto& shape = engine.info().outputs.front().shape;
  return shape.size() == 1 ? 1 : static_cast<size_t>(shape.at(1));
}

// Number: float or double, which must be the engine's own; throws where the engine does not keep to its schema.
template <class In, class Out>
void infer_rows(const serving::Engine& engine, std::span<const In> rows, size_t count, serving::Scratch& scratch,
                std::span<Out> out) {
  const auto type_of = [](auto number) {
    return sizeof number == sizeof(float) ? serving::Datatype::Fp32 : serving::Datatype::Fp64;
  };
  const auto& info = engine.info();
  if (info.inputs.front().datatype != type_of(In{}) || info.outputs.front().datatype != type_of(Out{}))
    throw std::logic_error("the engine's numbers are of another width");
  const std::array<int64_t, 2> shape = {static_cast<int64_t>(count), info.inputs.front().shape.at(1)};
  const serving::TensorView view{info.inputs.front().datatype, shape, rows.data(), rows.size()};
  serving::TensorBuffer buffer;
  if (const Status done = engine.infer({&view, 1}, scratch, {&buffer, 1}); !done)
    throw std::logic_error(done.error().message);
  if (buffer.count() != out.size() || buffer.datatype() != type_of(Out{}))
    throw std::logic_error("the engine's output is not of its schema");
  std::ranges::copy(buffer.as<Out>(), out.begin());
}

}  // namespace clops::test
