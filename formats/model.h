// Any model that a file can hold, and what it looks like from outside: engines and inspection both say exactly this.
//
// Thread rule: values and pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "formats/ensemble.h"
#include "formats/linear.h"
#include "formats/onnx.h"

namespace clops::formats {

// A tensor as the Open Inference Protocol describes it.
struct TensorDescription {
  std::string name, datatype;  // OIP: "FP32"
  std::vector<int64_t> shape;  // -1 = any
  bool operator==(const TensorDescription&) const = default;
};

// What clops evaluates itself, or the description of what ONNX Runtime does.
using Model = std::variant<Ensemble, LinearModel, OnnxModel>;

struct Summary {
  std::string format, framework, objective;
  std::vector<TensorDescription> inputs, outputs;
  std::vector<std::string> feature_names;                // columns of the tabular input, if the model names them
  std::vector<std::vector<std::string>> category_names;  // as Ensemble::category_names
  UnknownCategory unknown_category = UnknownCategory::Missing;
  std::vector<std::string> notes;                            // as Ensemble::notes
  size_t trees = 0, depth_max = 0, nodes = 0;                // 0 where there are none
  std::vector<std::pair<std::string, std::string>> details;  // what else is worth knowing of it, for people
  bool operator==(const Summary&) const = default;
};
[[nodiscard]] Summary summarize(const Ensemble& model);
[[nodiscard]] Summary summarize(const LinearModel& model);
[[nodiscard]] Summary summarize(const OnnxModel& model);
[[nodiscard]] Summary summarize(const Model& model);

[[nodiscard]] uint32_t output_columns(Transform transform, uint32_t outputs);  // after the transform

}  // namespace clops::formats
