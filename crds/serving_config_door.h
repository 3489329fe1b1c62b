// What must hold of the values that a model is asked with, column by column: as a ModelDeployment's spec.validation has
// it and, in the same words, serving.json. Datatypes, shapes and which columns must be there come from the model's own
// schema and are always held; these add what only people know.
//
// Thread rule: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace clops::crds {

inline constexpr size_t kColumnRulesMax = 128, kCategoriesMax = 64;

struct ColumnRule {
  std::string name;  // of a feature, or of an input; empty: `index` says which
  int index = -1;    // of the columns, from 0
  std::optional<double> min, max;
  std::vector<std::string> categories;  // none: any value; numbers as they are written
  bool forbid_nulls = false;
  bool operator==(const ColumnRule&) const = default;
};

enum class ValidationMode : uint8_t { Off, Warn, Reject };

struct Validation {
  ValidationMode mode = ValidationMode::Off;
  std::vector<ColumnRule> columns;
  bool operator==(const Validation&) const = default;
};

}  // namespace clops::crds
