#include "serving/validation/value_rules.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "serving/protocol/element_types.h"
#include "serving/protocol/infer_check.h"
#include "serving/protocol/json_text.h"

namespace clops::serving {
namespace {

constexpr size_t kFindingsShown = 5;
constexpr long double kNone = std::numeric_limits<long double>::infinity();

std::unexpected<Error> bad(std::string message) {
  return fail(Code::InvalidArgument, std::move(message));
}

std::string text_of(double value) {
  char digits[32];
  return {digits, std::to_chars(digits, digits + sizeof digits, value).ptr};
}

// A number as the datatype has it, to nearest, as a client's would become.
long double rounded(Datatype type, long double value) {
  const auto real = static_cast<double>(value);
  switch (type) {
    case Datatype::Fp64:
      return real;
    case Datatype::Fp32:
      return to_float32(real);
    case Datatype::Fp16:
      return Half(to_float32(real)).to_float();
    case Datatype::Bf16:
      return Bfloat16(to_float32(real)).to_float();
    default:
      return value;
  }
}

std::optional<long double> number_in(std::string_view text) {
  long double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || std::isnan(value)) return std::nullopt;
  return value;
}

// As rules compare it: double where that holds every value.
template <class T>
auto comparable(T value) {
  if constexpr (is_short_float<T>) {
    return static_cast<double>(value.to_float());
  } else if constexpr (std::is_floating_point_v<T>) {
    return static_cast<double>(value);
  } else {
    return static_cast<long double>(value);
  }
}

template <class T>
std::string shown_value(T value) {
  if constexpr (std::is_same_v<T, std::string_view>) {
    return json_text(value.substr(0, 64));
  } else if constexpr (is_short_float<T>) {
    return shown_value(value.to_float());
  } else if constexpr (std::is_same_v<T, bool>) {
    return value ? "true" : "false";
  } else {
    char digits[40];
    return {digits, std::to_chars(digits, digits + sizeof digits, value).ptr};
  }
}

std::string all_columns(const Columns& columns, const EngineInfo& info) {
  if (columns.size() == 0) return "its inputs are " + names_of(info.inputs);
  if (!columns.named()) return "it has " + std::to_string(columns.size()) + " without names";
  std::string out = "it has ";
  constexpr size_t kNamed = 32;
  for (size_t i = 0; i < std::min(columns.size(), kNamed); ++i) out += (i == 0 ? "" : ", ") + columns.shown(i);
  return out + (columns.size() > kNamed ? ", ..." : "");
}

std::optional<size_t> index_in(std::string_view text) {
  size_t index = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return index;
}

}  // namespace

Result<Columns::Place> place_of_column(std::string_view name, const EngineInfo& info) {
  Columns columns;
  columns.of(info);
  size_t column = columns.named() ? columns.find(name, 0) : Columns::kNone;
  if (!columns.named()) column = index_in(name).value_or(Columns::kNone);
  if (column < columns.size()) return columns.place(column);
  return bad("the model has no column " + json_text(name) + ": " + all_columns(columns, info));
}

Result<ValueRules> ValueRules::make(const crds::Validation& validation, const EngineInfo& info) {
  ValueRules out;
  out.rejects_ = validation.mode == crds::ValidationMode::Reject;
  Columns columns;
  columns.of(info);
  for (size_t i = 0; i < validation.columns.size(); ++i) {
    if (const Status added = out.add(validation.columns[i], info, columns); !added)
      return fail_in("validation.columns[" + std::to_string(i) + "]", added.error());
  }
  out.add_dense(info);
  return out;
}

Status ValueRules::place(const crds::ColumnRule& from, const EngineInfo& info, Columns& columns, Rule& rule) const {
  const bool by_name = !from.name.empty();
  size_t column = Columns::kNone;
  if (!by_name && from.index >= 0) column = static_cast<size_t>(from.index);
  if (by_name && columns.named()) column = columns.find(from.name, rules_.size());
  if (column < columns.size()) {
    rule.input = columns.place(column).input;
    rule.offset = columns.place(column).offset;
    rule.shown = "column " + columns.shown(column);
    return {};
  }
  const auto input = std::ranges::find(info.inputs, from.name, &TensorSpec::name);
  if (!by_name || input == info.inputs.end())
    return bad("the model has no column " + (by_name ? json_text(from.name) : std::to_string(from.index)) + ": " +
               all_columns(columns, info));
  rule.input = static_cast<uint32_t>(input - info.inputs.begin());
  rule.whole = true;
  rule.shown = "input " + json_text(from.name);
  return {};
}

Status ValueRules::add(const crds::ColumnRule& from, const EngineInfo& info, Columns& columns) {
  Rule rule{.forbid_nulls = from.forbid_nulls, .min = -kNone, .max = kNone};
  CLOPS_TRY(place(from, info, columns, rule));
  for (const Rule& other : rules_)
    if (other.input == rule.input && (other.whole || rule.whole || other.offset == rule.offset))
      return bad(rule.shown + " has a rule already");
  const Datatype type = info.inputs[rule.input].datatype;
  const bool text = type == Datatype::Bytes;
  if (text && (from.min || from.max)) return bad(rule.shown + " is text, so it has no min or max: use categories");
  if (from.min) rule.min = rounded(type, *from.min);
  if (from.max) rule.max = rounded(type, *from.max);
  if (from.min) rule.min_text = text_of(*from.min);
  if (from.max) rule.max_text = text_of(*from.max);
  for (const std::string& category : from.categories) {
    if (text) {
      rule.texts.push_back(category);
      continue;
    }
    const auto number = number_in(category);
    if (!number)
      return bad("categories: " + json_text(category) + " is no number, and " + rule.shown + " is " +
                 std::string(to_string(type)));
    rule.numbers.push_back(rounded(type, *number));
  }
  std::ranges::sort(rule.numbers);
  std::ranges::sort(rule.texts);
  columns_.push_back(from.name.empty() ? std::to_string(from.index) : from.name);
  rules_.push_back(std::move(rule));
  return {};
}

void ValueRules::add_dense(const EngineInfo& info) {
  const auto join = [&]<class T>(std::vector<Dense<T>>& all, Rule& rule, size_t width) {
    auto at = std::ranges::find(all, rule.input, &Dense<T>::input);
    if (at == all.end()) {
      constexpr T kFar = std::numeric_limits<T>::infinity();
      at = all.insert(all.end(), {rule.input, std::vector<T>(width, -kFar), std::vector<T>(width, kFar),
                                  std::vector<typename Dense<T>::Mask>(width, 0)});
    }
    at->min[rule.offset] = static_cast<T>(rule.min);
    at->max[rule.offset] = static_cast<T>(rule.max);
    at->forbid[rule.offset] = rule.forbid_nulls ? ~typename Dense<T>::Mask{0} : 0;
    rule.dense = rule.numbers.empty();
  };
  for (Rule& rule : rules_) {
    const TensorSpec& spec = info.inputs[rule.input];
    if (rule.whole || spec.shape.size() > 2) continue;
    const int64_t width = spec.shape.size() == 2 ? spec.shape[1] : 1;
    if (width <= static_cast<int64_t>(rule.offset)) continue;  // not known before a request comes
    if (spec.datatype == Datatype::Fp32) join(floats_, rule, static_cast<size_t>(width));
    if (spec.datatype == Datatype::Fp64) join(doubles_, rule, static_cast<size_t>(width));
  }
}

template <class T>
bool ValueRules::Dense<T>::holds(const T* row) const {
  const size_t width = min.size();
  const T *const low = min.data(), *const high = max.data();
  const Mask* const nulls = forbid.data();
  Mask faults = 0;
  for (size_t i = 0; i < width; ++i) {  // without a branch, so that compilers make vectors of it
    const Mask outside = row[i] < low[i] || row[i] > high[i] ? ~Mask{0} : 0;
    const Mask null = __builtin_isnan(row[i]) ? nulls[i] : 0;
    faults |= outside | null;
  }
  return faults == 0;
}

// Rows that are beyond an input's, whose first dimension may be its own, have nothing that could be wrong.
bool ValueRules::dense_hold(std::span<const TensorView> inputs, size_t row) const {
  const auto holds = [&]<class T>(const Dense<T>& dense) {
    const TensorView& view = inputs[dense.input];
    const size_t width = dense.min.size();
    return (row + 1) * width > view.count || dense.holds(static_cast<const T*>(view.data) + row * width);
  };
  return std::ranges::all_of(floats_, holds) && std::ranges::all_of(doubles_, holds);
}

namespace {

template <class Rule>
std::optional<ValueFault> judge(const Rule& rule, const TensorView& view, size_t element) {
  return with_type(view.datatype, [&](auto type) -> std::optional<ValueFault> {
    using T = decltype(type);
    const T& value = static_cast<const T*>(view.data)[element];
    if constexpr (std::is_same_v<T, std::string_view>) {
      if (!rule.texts.empty() && !std::binary_search(rule.texts.begin(), rule.texts.end(), value, std::less<>()))
        return ValueFault::Category;
    } else {
      const auto number = comparable(value);
      if (std::isnan(number)) return rule.forbid_nulls ? std::optional(ValueFault::Null) : std::nullopt;
      if (number < rule.min || number > rule.max) return ValueFault::Range;
      if (!rule.numbers.empty() && !std::ranges::binary_search(rule.numbers, static_cast<long double>(number)))
        return ValueFault::Category;
    }
    return std::nullopt;
  });
}

}  // namespace

// tell(rule, fault, element) → whether to go on. True: all was looked at.
template <class Tell>
bool ValueRules::look(std::span<const TensorView> inputs, const Tell& tell) const {
  size_t rows = 0;
  bool others = false;  // rules that bounds side by side do not hold
  for (const Rule& rule : rules_) {
    if (!rule.whole) rows = std::max(rows, inputs[rule.input].count == 0 ? 0 : inputs[rule.input].rows());
    others = others || (!rule.whole && !rule.dense);
  }
  for (size_t row = 0; row < rows; ++row) {
    const bool dense = dense_hold(inputs, row);
    if (dense && !others) continue;
    for (uint32_t i = 0; i < rules_.size(); ++i) {
      const Rule& rule = rules_[i];
      const TensorView& view = inputs[rule.input];
      if (rule.whole || (dense && rule.dense) || view.count == 0 || row >= view.rows()) continue;
      const size_t width = view.count / view.rows();
      if (rule.offset >= width) continue;
      const size_t element = row * width + rule.offset;
      if (const auto fault = judge(rule, view, element); fault && !tell(i, *fault, element)) return false;
    }
  }
  for (uint32_t i = 0; i < rules_.size(); ++i) {
    const TensorView& view = inputs[rules_[i].input];
    for (size_t element = 0; rules_[i].whole && element < view.count; ++element)
      if (const auto fault = judge(rules_[i], view, element); fault && !tell(i, *fault, element)) return false;
  }
  return true;
}

bool ValueRules::hold(std::span<const TensorView> inputs) const {
  return look(inputs, [](uint32_t, ValueFault, size_t) { return false; });
}

void ValueRules::find(std::span<const TensorView> inputs, std::vector<Finding>& out) const {
  out.clear();
  (void)look(inputs, [&](uint32_t rule, ValueFault fault, size_t element) {
    out.push_back({rule, fault, element});
    return out.size() < kFindingsMost;
  });
}

std::string ValueRules::describe(std::span<const TensorView> inputs, std::span<const Finding> findings) const {
  std::string out = "validation: ";
  for (size_t i = 0; i < std::min(findings.size(), kFindingsShown); ++i) {
    const Finding& finding = findings[i];
    const Rule& rule = rules_[finding.rule];
    const TensorView& view = inputs[rule.input];
    if (i > 0) out += "; ";
    out += rule.whole ? rule.shown + ", " + place_in(view.shape, finding.element)
                      : "row " + std::to_string(finding.element / (view.count / view.rows())) + ", " + rule.shown;
    if (finding.fault == ValueFault::Null) {
      out += " is null";
      continue;
    }
    with_type(view.datatype, [&](auto type) {
      using T = decltype(type);
      const T& value = static_cast<const T*>(view.data)[finding.element];
      out += ": " + shown_value(value);
      if (finding.fault == ValueFault::Category) {
        out += " is none of its categories";
      } else if constexpr (!std::is_same_v<T, std::string_view>) {
        out += comparable(value) < rule.min ? " is below " + rule.min_text : " is above " + rule.max_text;
      }
    });
  }
  if (findings.size() > kFindingsShown)
    out += "; and " + std::to_string(findings.size() - kFindingsShown) +
           (findings.size() == kFindingsMost ? " values more or above" : " values more");
  return out;
}

}  // namespace clops::serving
