#include "serving/protocol/columns.h"

#include <algorithm>
#include <numeric>

#include "serving/protocol/json_cursor.h"
#include "serving/protocol/json_text.h"

namespace clops::serving {
namespace {

bool one_value_a_row(const TensorSpec& spec) {
  if (spec.any_shape || spec.shape.empty()) return false;
  return spec.shape.size() == 1 || (spec.shape.size() == 2 && spec.shape[1] == 1);
}

}  // namespace

void Columns::of(const EngineInfo& info) {
  places_.clear();
  names_.clear();
  sorted_.clear();
  const std::span<const TensorSpec> inputs = info.required();
  if (inputs.size() == 1 && !inputs[0].any_shape && inputs[0].shape.size() == 2) {
    const int64_t width = inputs[0].shape[1];
    const size_t named = info.feature_names.size();
    const size_t count = width > 0 ? static_cast<size_t>(width) : named;
    if (count != 1 || named == 1) {
      for (uint32_t i = 0; i < count; ++i) places_.push_back({0, i});
      if (named == count) names_.assign(info.feature_names.begin(), info.feature_names.end());
      return;
    }
  }
  if (!std::ranges::all_of(inputs, one_value_a_row)) return;
  for (uint32_t i = 0; i < inputs.size(); ++i) {
    places_.push_back({i, 0});
    names_.push_back(inputs[i].name);
  }
}

size_t Columns::find(std::string_view name, size_t expected) {
  if (expected < names_.size() && names_[expected] == name) return expected;
  const auto name_of = [this](uint32_t column) { return names_[column]; };
  if (sorted_.empty()) {
    sorted_.resize(names_.size());
    std::iota(sorted_.begin(), sorted_.end(), 0U);
    std::ranges::sort(sorted_, {}, name_of);
  }
  const auto at = std::ranges::lower_bound(sorted_, name, {}, name_of);
  return at == sorted_.end() || names_[*at] != name ? kNone : *at;
}

size_t Columns::find_raw(std::string_view raw, size_t expected) {
  if (raw.find('\\') == std::string_view::npos) return find(raw, expected);
  return find(unescaped(raw), expected);
}

std::string Columns::shown(size_t column) const {
  return named() ? json_text(names_[column]) : std::to_string(column);
}

}  // namespace clops::serving
