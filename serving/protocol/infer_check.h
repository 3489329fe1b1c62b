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

// Holds a shape to the model's tensor: its dimensions, at most `rows_max` rows, at most `most` values, so that memory
// is never asked for that what has come cannot fill. `has_fewer` says where the values are to come from: "\"data\"
// has".
[[nodiscard]] Status check_shape(std::span<const int64_t> shape, const TensorSpec& spec, size_t rows_max, uint64_t most,
                                 std::string_view has_fewer);

}  // namespace clops::serving
