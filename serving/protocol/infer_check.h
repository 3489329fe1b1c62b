// What every codec of inference requests says of a client's tensors in the same words: names, and whether a shape fits.
//
// Thread rule: pure functions. Errors: InvalidArgument.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "serving/protocol/engine.h"

namespace clops::serving {

[[nodiscard]] std::string quoted(std::string_view text);                     // a client's text, shortened
[[nodiscard]] std::string names_of(const std::vector<TensorSpec>& tensors);  // "a", "b", ...

// Which of the model's inputs a client's tensor is, `is(name)` telling; most clients send them in its order, so that
// `expected` is tried first. `text` is the client's word for it.
template <class Is>
[[nodiscard]] Result<size_t> find_input(std::string_view text, size_t expected, const EngineInfo& info,
                                        std::span<const uint8_t> given, const Is& is) {
  const std::vector<TensorSpec>& inputs = info.inputs;
  size_t index = expected;
  if (!is(inputs[index].name)) {
    index = 0;
    while (index < inputs.size() && !is(inputs[index].name)) ++index;
  }
  if (index == inputs.size())
    return fail(Code::InvalidArgument, "input " + quoted(text) + " is not known: this model takes " + names_of(inputs));
  if (given[index] != 0) return fail(Code::InvalidArgument, "input " + quoted(text) + " is given twice");
  return index;
}
// Every input that a request must bring was given.
[[nodiscard]] Status check_complete(const EngineInfo& info, std::span<const uint8_t> given);

// Holds a shape to the model's tensor: its dimensions, at most `rows_max` rows, at most `most` values, so that memory
// is never asked for that what has come cannot fill. `has_fewer` says where the values are to come from: "\"data\"
// has".
[[nodiscard]] Status check_shape(std::span<const int64_t> shape, const TensorSpec& spec, size_t rows_max, uint64_t most,
                                 std::string_view has_fewer);

}  // namespace clops::serving
