// Declared pre- and post-processing of a ModelDeployment (spec.steps, spec.variants[].steps) and of serving.json: what
// is done to a request's columns before the model, and to its outputs after. Small and typed; nothing is a program.
//
// A step is a list of one kind of item; steps run in their order. What they come to for a given model: steps_plan.h.
// Thread rule: values. Errors: none; the codec's are in steps_codec.h.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace clops::crds {

enum class ColumnType : uint8_t { Number, Text };

struct StepColumn {
  std::string name;
  ColumnType type = ColumnType::Number;
  bool operator==(const StepColumn&) const = default;
};

// ---- of both
using SelectStep = std::vector<std::string>;  // these, in this order, and no others
struct RenameItem {
  std::string from, to;
  bool operator==(const RenameItem&) const = default;
};
struct ClipItem {
  std::string of;                  // a column, or an output
  std::optional<double> min, max;  // at least one
  bool operator==(const ClipItem&) const = default;
};

// ---- before the model
struct ImputeItem {  // a missing number is NaN, a missing text is empty
  std::string column;
  std::optional<double> value;  // or
  std::string text;
  bool operator==(const ImputeItem&) const = default;
};
struct StandardScale {  // (x - mean) / std
  double mean = 0, std = 1;
  bool operator==(const StandardScale&) const = default;
};
struct MinMaxScale {  // to 0..1, by the least and the greatest value seen in training
  double min = 0, max = 1;
  bool operator==(const MinMaxScale&) const = default;
};
struct RobustScale {  // (x - center) / scale
  double center = 0, scale = 1;
  bool operator==(const RobustScale&) const = default;
};
struct ScaleItem {
  std::string column;
  std::variant<StandardScale, MinMaxScale, RobustScale> by;
  bool operator==(const ScaleItem&) const = default;
};
struct MapLabelsItem {  // text to number
  std::string column;
  std::map<std::string, double> labels;
  std::optional<double> otherwise;  // of a text that is not among them; absent: such a row is refused
  bool operator==(const MapLabelsItem&) const = default;
};
struct OneHotItem {  // one column of 0 and 1 for each category, in the column's place
  std::string column;
  std::vector<std::string> categories;  // or
  std::vector<double> numbers;
  bool ignore_unknown = false;     // all are 0 then; else such a row is refused
  std::vector<std::string> names;  // of the columns; empty: COLUMN_CATEGORY, as scikit-learn has them
  bool operator==(const OneHotItem&) const = default;
};
using PreStep = std::variant<SelectStep, std::vector<RenameItem>, std::vector<ImputeItem>, std::vector<ScaleItem>,
                             std::vector<ClipItem>, std::vector<MapLabelsItem>, std::vector<OneHotItem>>;

// ---- after the model
struct PlattCurve {  // 1 / (1 + exp(a x + b))
  double a = 0, b = 0;
  bool operator==(const PlattCurve&) const = default;
};
struct IsotonicCurve {  // straight lines from point to point, level beyond the outer ones
  std::vector<double> scores, probabilities;
  bool operator==(const IsotonicCurve&) const = default;
};
struct CalibrateItem {
  std::string output;
  std::variant<PlattCurve, IsotonicCurve> by;
  bool operator==(const CalibrateItem&) const = default;
};
struct ThresholdItem {
  std::string output;
  double at = 0;
  std::optional<int64_t> column;  // of an output with several values a row; absent: the last of two
  std::string above, below;       // both or none; none: 1 and 0
  std::string as;                 // the new output; empty: it takes the place of `output`
  bool operator==(const ThresholdItem&) const = default;
};
struct TopKItem {  // the output keeps its k highest values a row, highest first; `as` says which they are
  std::string output;
  int64_t k = 1;
  std::vector<std::string> labels;  // of the values by their place; empty: their numbers
  std::string as;                   // empty: OUTPUT_labels, or OUTPUT_index without labels
  bool operator==(const TopKItem&) const = default;
};
struct NameLabelsItem {  // mapLabels of outputs: an index to its label
  std::string output;
  std::vector<std::string> labels;
  bool operator==(const NameLabelsItem&) const = default;
};
using PostStep = std::variant<SelectStep, std::vector<RenameItem>, std::vector<ClipItem>, std::vector<CalibrateItem>,
                              std::vector<ThresholdItem>, std::vector<TopKItem>, std::vector<NameLabelsItem>>;

struct Steps {
  std::vector<StepColumn> columns;  // of requests; empty: the model's, as the steps need them
  std::vector<PreStep> pre;
  std::vector<PostStep> post;
  bool operator==(const Steps&) const = default;
  [[nodiscard]] bool empty() const { return columns.empty() && pre.empty() && post.empty(); }
};

}  // namespace clops::crds
