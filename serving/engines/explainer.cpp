#include "serving/engines/explainer.h"

#include <algorithm>

#include "serving/engines/describe.h"

namespace clops::serving {
namespace {

// A prediction takes microseconds and answers with a few numbers a row; contributions can take a thousand times that,
// on a thread that others wait for.
constexpr size_t kNumbersMax = size_t{1} << 20;
constexpr size_t kPairsMax = size_t{1} << 22;  // rows times rows of the background times trees: about a second

template <class Number>
void explain_as(const TreeShap& shap, const TensorView& rows, TreeShap::Work& work, std::span<Number> out) {
  if (rows.datatype == Datatype::Fp32)
    shap.explain(rows.as<float>().data(), rows.rows(), work, out.data());
  else
    shap.explain(rows.as<double>().data(), rows.rows(), work, out.data());
}

}  // namespace

Explainer::Explainer(const formats::Ensemble& model)
    : trees_(model.trees.size()), outputs_(model.outputs), features_(model.features), packed_(model) {
  packed_bytes_ = packed_.bytes();
  std::vector<int64_t> shape{-1, int64_t{model.features} + 1};
  if (model.outputs != 1) shape.insert(shape.begin() + 1, model.outputs);
  output_ = {.name = std::string(kContributions),
             .datatype = model.sums == formats::Number::Float32 ? Datatype::Fp32 : Datatype::Fp64,
             .shape = std::move(shape),
             .on_request = true};
}

Result<std::unique_ptr<Explainer>> Explainer::make(const formats::Ensemble& model) {
  CLOPS_TRY(check_explainable(model));
  return std::unique_ptr<Explainer>(new Explainer(model));
}

Result<const TreeShap*> Explainer::shap() const {
  std::call_once(once_, [this] {
    shap_ = TreeShap::make(packed_.unpack());
    packed_ = {};
  });
  if (!*shap_) return std::unexpected(shap_->error());
  return &**shap_;
}

Status Explainer::check_size(size_t rows, size_t background) const {
  if (const size_t most = std::max<size_t>(1, kNumbersMax / ((features_ + 1) * outputs_)); rows > most)
    return fail(Code::InvalidArgument, "contributions of " + std::to_string(rows) +
                                           " rows are asked for: this model gives " + std::to_string(most) +
                                           " at a time");
  if (const size_t most = std::max<size_t>(1, kPairsMax / std::max<size_t>(1, trees_)); rows * background > most)
    return fail(Code::InvalidArgument, "contributions of " + std::to_string(rows) + " rows against " +
                                           std::to_string(background) +
                                           " of background are asked for: this model holds at most " +
                                           std::to_string(most) + " pairs against each other at a time");
  return {};
}

Status Explainer::explain(const TensorView& rows, const TensorView& background, Work& work, TensorBuffer& out) const {
  CLOPS_TRY(check_size(rows.rows(), background.rows()));
  CLOPS_ASSIGN(const TreeShap* shap, this->shap());
  reset_rows(out, output_, rows.rows());
  if (background.rows() > 0) return against(rows, background, *shap, work, out);
  if (out.datatype() == Datatype::Fp32)
    explain_as(*shap, rows, *work.work, out.as<float>());
  else
    explain_as(*shap, rows, *work.work, out.as<double>());
  return {};
}

Status Explainer::against(const TensorView& rows, const TensorView& background, const TreeShap& shap, Work& work,
                          TensorBuffer& out) const {
  if (background.datatype == Datatype::Fp32)
    work.background.assign(background.as<float>().begin(), background.as<float>().end());
  else
    work.background.assign(background.as<double>().begin(), background.as<double>().end());
  CLOPS_ASSIGN(const InterventionalShap held, shap.against(work.background));
  work.out.resize(out.count());
  if (rows.datatype == Datatype::Fp32)
    held.explain(rows.as<float>().data(), rows.rows(), work.out.data());
  else
    held.explain(rows.as<double>().data(), rows.rows(), work.out.data());
  if (out.datatype() == Datatype::Fp32)
    std::ranges::transform(work.out, out.as<float>().begin(), [](double x) { return static_cast<float>(x); });
  else
    std::ranges::copy(work.out, out.as<double>().begin());
  return {};
}

}  // namespace clops::serving
