#include "serving/engines/linear.h"

#include <algorithm>

#include "formats/model.h"
#include "serving/engines/describe.h"
#include "serving/engines/linear_kernels.h"
#include "serving/engines/transform.h"

namespace clops::serving {
namespace {

using formats::LinearModel;
using formats::Number;

template <class Sum>
class LinearScratch final : public Scratch {
 public:
  explicit LinearScratch(size_t outputs) : sums(outputs) {}
  std::vector<Sum> sums;
};

template <class Real, class Sum>
class LinearEngine final : public Engine {
 public:
  LinearEngine(EngineInfo info, const LinearModel& model)
      : info_(std::move(info)),
        order_(model.order),
        transform_(model.transform),
        columns_(model.features),
        out_columns_(formats::output_columns(model.transform, model.outputs)) {
    for (const double weight : model.weights) weights_.push_back(static_cast<Sum>(weight));
    for (const double intercept : model.intercepts) intercepts_.push_back(static_cast<Sum>(intercept));
    info_.bytes = (weights_.size() + intercepts_.size()) * sizeof(Sum);
    info_.evaluator = "features in order, one row at a time";
  }

  const EngineInfo& info() const override { return info_; }
  std::unique_ptr<Scratch> make_scratch() const override {
    return std::make_unique<LinearScratch<Sum>>(intercepts_.size());
  }

  Status infer(std::span<const TensorView> inputs, Scratch& scratch, std::span<TensorBuffer> outputs) const override {
    const size_t count = inputs[0].rows();
    const std::span<const Real> rows = inputs[0].as<Real>();
    if (order_ == LinearModel::Order::Dot) {
      CLOPS_TRY(check_finite(rows));
    }
    reset_rows(outputs[0], info_.outputs[0], count);
    const std::span<Sum> out = outputs[0].as<Sum>(), sums = static_cast<LinearScratch<Sum>&>(scratch).sums;
    for (size_t row = 0; row < count; ++row) {
      linear_sums<Sum, Real>(order_, weights_, intercepts_, rows.subspan(row * columns_, columns_), sums);
      transform_row(transform_, 1, sums.data(), static_cast<uint32_t>(sums.size()), out.data() + row * out_columns_);
    }
    return {};
  }

 private:
  [[nodiscard]] Status check_finite(std::span<const Real> rows) const {
    const auto bad = std::ranges::find_if(rows, [](Real x) { return !std::isfinite(x); });
    if (bad == rows.end()) return {};
    const auto at = static_cast<size_t>(bad - rows.begin());
    const size_t column = at % columns_;
    return fail(Code::InvalidArgument,
                "row " + std::to_string(at / columns_) + ", column " +
                    (info_.feature_names.empty() ? std::to_string(column) : info_.feature_names[column]) +
                    ": a missing or infinite value, which the framework refuses, too");
  }

  EngineInfo info_;
  LinearModel::Order order_;
  formats::Transform transform_;
  std::vector<Sum> weights_, intercepts_;
  size_t columns_, out_columns_;
};

bool only_trees_have(formats::Transform transform) {
  using formats::Transform;
  return transform == Transform::SignSquare || transform == Transform::Log1pExp || transform == Transform::Normalize ||
         transform == Transform::PathLength;
}

template <class Real>
std::unique_ptr<Engine> make(EngineInfo info, const LinearModel& model) {
  if (model.sums == Number::Float32) return std::make_unique<LinearEngine<Real, float>>(std::move(info), model);
  return std::make_unique<LinearEngine<Real, double>>(std::move(info), model);
}

}  // namespace

Result<std::unique_ptr<Engine>> make_linear_engine(const LinearModel& model) {
  if (model.features == 0 || model.outputs == 0 || model.intercepts.size() != model.outputs ||
      model.weights.size() != size_t{model.features} * model.outputs)
    return fail(Code::InvalidArgument, "there is not one weight for each feature and output");
  if (only_trees_have(model.transform))
    return fail(Code::Unsupported, "a linear model with a transform that only trees have");
  CLOPS_ASSIGN(EngineInfo info, describe(formats::summarize(model)));
  return model.rows == Number::Float32 ? make<float>(std::move(info), model) : make<double>(std::move(info), model);
}

}  // namespace clops::serving
