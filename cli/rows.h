// Rows for a prediction as people have them, and the Open Inference Protocol request they become. Pure.
// Errors: InvalidArgument naming the line (and column) at fault; TooLarge.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace clops::cli {

struct Rows {
  size_t columns = 0;
  std::vector<std::string> cells;  // row by row, as JSON: numbers as written, texts, or "null" for a missing value
  [[nodiscard]] size_t count() const { return columns == 0 ? 0 : cells.size() / columns; }
};

// CSV: numbers by commas, an optional first line of names; an empty cell, NA, nan or null is a missing value. Or JSON:
// an array of arrays of numbers, nulls, and names of categories.
[[nodiscard]] Result<Rows> parse_rows(std::string_view text);

// One FP32 tensor of the rows [first, first + count).
[[nodiscard]] std::string infer_request(const Rows& rows, size_t first, size_t count, std::string_view input_name);

}  // namespace clops::cli
