#include "formats/model.h"

#include <algorithm>

namespace clops::formats {
namespace {

std::string_view datatype(Number number) {
  return number == Number::Float32 ? "FP32" : "FP64";
}

// What ensembles and linear models have alike.
template <class Tabular>
Summary summarize_tabular(const Tabular& model) {
  Summary out{.format = model.format, .framework = model.framework, .objective = model.objective};
  out.inputs.push_back({"input-0", std::string(datatype(model.rows)), {-1, static_cast<int64_t>(model.features)}});
  TensorDescription output{"predict", std::string(datatype(model.sums)), {-1}};
  const uint32_t columns = output_columns(model.transform, model.outputs);
  if (columns > 1) output.shape.push_back(columns);
  out.outputs.push_back(std::move(output));
  out.feature_names = model.feature_names;
  out.notes = model.notes;
  return out;
}

// A long list is cut: this is for people.
std::string joined(const std::vector<std::string>& items) {
  constexpr size_t kShown = 20;
  std::string out;
  for (size_t i = 0; i < std::min(items.size(), kShown); ++i) out += (i > 0 ? ", " : "") + items[i];
  return out + (items.size() > kShown ? ", and " + std::to_string(items.size() - kShown) + " more" : "");
}

}  // namespace

Summary summarize(const Ensemble& model) {
  Summary out = summarize_tabular(model);
  out.category_names = model.category_names;
  out.unknown_category = model.unknown_category;
  out.trees = model.trees.size();
  for (const Tree& tree : model.trees) {
    out.depth_max = std::max<size_t>(out.depth_max, tree.depth);
    out.nodes += tree.nodes.size();
  }
  return out;
}

Summary summarize(const LinearModel& model) {
  return summarize_tabular(model);
}

Summary summarize(const OnnxModel& model) {
  Summary out{.format = "onnx", .framework = model.framework, .objective = {}};
  for (const OnnxTensor& input : model.inputs) out.inputs.push_back({input.name, input.datatype, input.shape});
  for (const OnnxTensor& output : model.outputs) out.outputs.push_back({output.name, output.datatype, output.shape});
  out.details = {{"opsets", joined(model.opsets)}, {"operators", std::to_string(model.nodes)}};
  for (const OnnxTensor& output : model.outputs)
    if (!output.labels.empty()) out.details.emplace_back("classes", output.name + ": " + joined(output.labels));
  if (!model.external_files.empty()) out.details.emplace_back("weights in", joined(model.external_files));
  return out;
}

Summary summarize(const Model& model) {
  return std::visit([](const auto& one) { return summarize(one); }, model);
}

uint32_t output_columns(Transform transform, uint32_t outputs) {
  if (transform == Transform::Argmax) return 1;
  return transform == Transform::Pair ? 2 : outputs;
}

}  // namespace clops::formats
