// What a ModelDeployment says of its model's values, column by column, made ready for one model's tensors.
//
// Bounds and categories are rounded to the tensor's datatype as a client's numbers are, so that a value that is right
// as it was written is right as it arrives. NaN is the null of floats; other datatypes have none. Columns are those of
// protocol/columns.h; a name that is no column's may be an input's, and then all of its values are held to the rule.
// Thread rule: immutable once made. Errors: make() InvalidArgument that names the field: a column that the model does
// not have, a bound on text, a category that is no number, two rules on a column.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "crds/serving_config_door.h"
#include "serving/protocol/columns.h"

namespace clops::serving {

enum class ValueFault : uint8_t { Range, Category, Null };
inline constexpr std::array<std::string_view, 3> kValueFaults = {"range", "category", "null"};

// The column called `name`, or its number where the columns have no names.
[[nodiscard]] Result<Columns::Place> place_of_column(std::string_view name, const EngineInfo& info);

class ValueRules {
 public:
  struct Finding {
    uint32_t rule = 0;
    ValueFault fault = ValueFault::Range;
    size_t element = 0;  // of the rule's input
  };
  static constexpr size_t kFindingsMost = 10'000;  // of one request that are looked for

  [[nodiscard]] static Result<ValueRules> make(const crds::Validation& validation, const EngineInfo& info);

  [[nodiscard]] bool rejects() const { return rejects_; }
  [[nodiscard]] const std::vector<std::string>& columns() const { return columns_; }  // one per rule, as it is called
  [[nodiscard]] bool hold(std::span<const TensorView> inputs) const;
  // What does not hold, by rows. Only once hold() said so: this takes its time.
  void find(std::span<const TensorView> inputs, std::vector<Finding>& out) const;
  // The first few in words, and how many there are.
  [[nodiscard]] std::string describe(std::span<const TensorView> inputs, std::span<const Finding> findings) const;

 private:
  struct Rule {
    uint32_t input = 0, offset = 0;
    bool whole = false;  // of the input's every value
    bool forbid_nulls = false, dense = false;
    long double min = 0, max = 0;
    std::vector<long double> numbers;  // categories, sorted; of text `texts`
    std::vector<std::string> texts;
    std::string shown;               // "column \"age\"", for people
    std::string min_text, max_text;  // as they were declared
  };
  // Bounds of one float input's row, side by side: one row is a handful of vector instructions.
  template <class T>
  struct Dense {
    using Mask = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
    uint32_t input = 0;
    std::vector<T> min, max;
    std::vector<Mask> forbid;
    [[nodiscard]] bool holds(const T* row) const;
  };

  [[nodiscard]] Status add(const crds::ColumnRule& from, const EngineInfo& info, Columns& columns);
  [[nodiscard]] Status place(const crds::ColumnRule& from, const EngineInfo& info, Columns& columns, Rule& rule) const;
  void add_dense(const EngineInfo& info);
  [[nodiscard]] bool dense_hold(std::span<const TensorView> inputs, size_t row) const;
  template <class Tell>
  bool look(std::span<const TensorView> inputs, const Tell& tell) const;

  bool rejects_ = false;
  std::vector<Rule> rules_;
  std::vector<std::string> columns_;
  std::vector<Dense<float>> floats_;
  std::vector<Dense<double>> doubles_;
};

}  // namespace clops::serving
