#include "serving/engines/describe.h"

#include <algorithm>
#include <array>

namespace clops::serving {
namespace {

Result<std::vector<TensorSpec>> to_specs(const std::vector<formats::TensorDescription>& tensors) {
  std::vector<TensorSpec> specs;
  for (const auto& tensor : tensors) {
    CLOPS_ASSIGN(const Datatype type, datatype_from(tensor.datatype));
    specs.push_back({tensor.name, type, tensor.shape});
  }
  return specs;
}

}  // namespace

Result<EngineInfo> describe(const formats::Summary& model) {
  EngineInfo info;
  info.platform = model.format;
  std::ranges::replace(info.platform, '-', '_');
  info.framework = model.framework;
  CLOPS_ASSIGN(info.inputs, to_specs(model.inputs));
  CLOPS_ASSIGN(info.outputs, to_specs(model.outputs));
  info.feature_names = model.feature_names;
  if (!model.category_names.empty())
    info.inputs.at(0).categories =
        CategoryNames::make(model.category_names, model.feature_names, model.unknown_category);
  info.trees = model.trees;
  info.depth_max = model.depth_max;
  return info;
}

void reset_rows(TensorBuffer& out, const TensorSpec& spec, size_t rows) {
  std::array<int64_t, 3> shape{};  // contributions have the most: rows, raw scores, features
  const auto end = std::ranges::copy(spec.shape, shape.begin()).out;
  shape[0] = static_cast<int64_t>(rows);
  out.reset(spec.datatype, std::span(shape.begin(), end));
}

}  // namespace clops::serving
