#include "serving/engines/linear.h"

#include <algorithm>

#include "formats/model.h"
#include "serving/engines/linear_kernels.h"

namespace clops::serving {
namespace {

class LinearScratch final : public Scratch {
 public:
  explicit LinearScratch(size_t outputs) : sums(outputs) {}
  std::vector<float> sums;
};

class LinearEngine final : public Engine {
 public:
  LinearEngine(EngineInfo info, const formats::LinearModel& model)
      : info_(std::move(info)),
        order_(model.order),
        transform_(model.transform),
        columns_(model.features),
        out_columns_(formats::output_columns(model.transform, model.outputs)) {
    for (const double weight : model.weights) weights_.push_back(static_cast<float>(weight));
    for (const double intercept : model.intercepts) intercepts_.push_back(static_cast<float>(intercept));
    info_.bytes = (weights_.size() + intercepts_.size()) * sizeof(float);
    info_.evaluator = "features in order, one row at a time";
  }

  const EngineInfo& info() const override { return info_; }
  std::unique_ptr<Scratch> make_scratch() const override { return std::make_unique<LinearScratch>(intercepts_.size()); }

  Status infer(std::span<const TensorView> inputs, Scratch& scratch, std::span<TensorBuffer> outputs) const override {
    const size_t row_count = inputs[0].rows();
    const auto row_dimension = static_cast<int64_t>(row_count);
    if (info_.outputs[0].shape.size() == 1) {
      outputs[0].reset(Datatype::Fp32, {row_dimension});
    } else {
      outputs[0].reset(Datatype::Fp32, {row_dimension, static_cast<int64_t>(out_columns_)});
    }
    const std::span<const float> rows = inputs[0].as<float>();
    const std::span<float> out = outputs[0].as<float>(), sums = static_cast<LinearScratch&>(scratch).sums;
    for (size_t row = 0; row < row_count; ++row) {
      linear_sums<float, float>(order_, weights_, intercepts_, rows.subspan(row * columns_, columns_), sums);
      linear_transform(transform_, sums, out.data() + row * out_columns_);
    }
    return {};
  }

 private:
  EngineInfo info_;
  formats::LinearModel::Order order_;
  formats::Transform transform_;
  std::vector<float> weights_, intercepts_;
  size_t columns_, out_columns_;
};

Result<std::vector<TensorSpec>> to_specs(const std::vector<formats::TensorDescription>& tensors) {
  std::vector<TensorSpec> specs;
  for (const auto& tensor : tensors) {
    CLOPS_ASSIGN(const Datatype type, datatype_from(tensor.datatype));
    specs.push_back({tensor.name, type, tensor.shape});
  }
  return specs;
}

Result<EngineInfo> describe(const formats::LinearModel& model) {
  formats::Summary summary = formats::summarize(model);
  EngineInfo info;
  info.platform = std::move(summary.format);
  std::ranges::replace(info.platform, '-', '_');
  info.framework = std::move(summary.framework);
  CLOPS_ASSIGN(info.inputs, to_specs(summary.inputs));
  CLOPS_ASSIGN(info.outputs, to_specs(summary.outputs));
  info.feature_names = std::move(summary.feature_names);
  return info;
}

}  // namespace

Result<std::unique_ptr<Engine>> make_linear_engine(const formats::LinearModel& model) {
  if (model.rows != formats::Number::Float32 || model.sums != formats::Number::Float32)
    return fail(Code::Unsupported, "a linear model in float64 is not supported yet");
  if (model.weights.size() != size_t{model.features} * model.outputs || model.intercepts.size() != model.outputs)
    return fail(Code::InvalidArgument, "there is not one weight for each feature and output");
  std::vector<float> probe(model.outputs), out(std::max(2U, model.outputs));
  if (!linear_transform<float>(model.transform, probe, out.data()))
    return fail(Code::Unsupported, "a linear model with a transform that only trees have");
  CLOPS_ASSIGN(EngineInfo info, describe(model));
  return std::make_unique<LinearEngine>(std::move(info), model);
}

}  // namespace clops::serving
