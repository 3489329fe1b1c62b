#include "serving/engines/forest.h"

#include <algorithm>
#include <optional>

#include "formats/model_file.h"
#include "serving/engines/describe.h"
#include "serving/engines/linear.h"
#include "serving/engines/tree_shap.h"

namespace clops::serving {
namespace {

class ForestScratch final : public Scratch {
 public:
  ForestScratch(const Forest& forest, const std::optional<TreeShap>& shap)
      : work(forest.make_work()), shap_work(shap ? shap->make_work() : nullptr) {}
  ForestWork work;
  TreeShap::WorkPtr shap_work;
};

class ForestEngine final : public Engine {
 public:
  ForestEngine(EngineInfo info, Forest forest, std::optional<TreeShap> shap)
      : info_(std::move(info)), forest_(std::move(forest)), shap_(std::move(shap)) {}

  const EngineInfo& info() const override { return info_; }
  std::unique_ptr<Scratch> make_scratch() const override { return std::make_unique<ForestScratch>(forest_, shap_); }

  Status infer(std::span<const TensorView> inputs, Scratch& scratch, std::span<TensorBuffer> outputs) const override {
    const size_t rows = inputs[0].rows();
    reset_rows(outputs[0], info_.outputs[0], rows);
    if (outputs.size() > 1 && outputs[1].wanted)
      CLOPS_TRY(explain(inputs[0], *static_cast<ForestScratch&>(scratch).shap_work, outputs[1]));
    ForestWork& work = static_cast<ForestScratch&>(scratch).work;
    if (info_.inputs[0].datatype == Datatype::Fp32)
      infer_rows(inputs[0].as<float>().data(), rows, work, outputs[0]);
    else
      infer_rows(inputs[0].as<double>().data(), rows, work, outputs[0]);
    return {};
  }

 private:
  template <class Number>
  void infer_rows(const Number* rows, size_t count, ForestWork& work, TensorBuffer& out) const {
    if (out.datatype() == Datatype::Fp32)
      forest_.predict(rows, count, work, out.as<float>().data());
    else
      forest_.predict(rows, count, work, out.as<double>().data());
  }

  // A prediction takes microseconds and answers with a few numbers a row; contributions can take a thousand times that,
  // on a thread that others wait for.
  static constexpr int64_t kContributionsMax = 1 << 20;

  Status explain(const TensorView& rows, TreeShap::Work& work, TensorBuffer& out) const {
    const auto count = static_cast<int64_t>(rows.rows()), columns = int64_t{shap_->features()} + 1;
    if (const int64_t most = std::max<int64_t>(1, kContributionsMax / (columns * shap_->outputs())); count > most)
      return fail(Code::InvalidArgument, "contributions of " + std::to_string(count) +
                                             " rows are asked for: this model gives " + std::to_string(most) +
                                             " at a time");
    reset_rows(out, info_.outputs[1], rows.rows());
    const auto write = [&](const auto* values) {
      if (out.datatype() == Datatype::Fp32)
        shap_->explain(values, rows.rows(), work, out.as<float>().data());
      else
        shap_->explain(values, rows.rows(), work, out.as<double>().data());
    };
    if (rows.datatype == Datatype::Fp32)
      write(rows.as<float>().data());
    else
      write(rows.as<double>().data());
    return {};
  }

  EngineInfo info_;
  Forest forest_;
  std::optional<TreeShap> shap_;  // of info_.outputs[1]
};

// Models that have exact contributions give them on request. Made at load: bounded, and cheap beside reading the file.
std::optional<TreeShap> add_contributions(const formats::Ensemble& model, EngineInfo& info) {
  auto shap = TreeShap::make(model);
  if (!shap) {
    info.evaluator += "; no contributions: " + shap.error().message;
    return std::nullopt;
  }
  std::vector<int64_t> shape{-1, int64_t{model.features} + 1};
  if (model.outputs != 1) shape.insert(shape.begin() + 1, model.outputs);
  info.outputs.push_back({.name = std::string(kContributions),
                          .datatype = model.sums == formats::Number::Float32 ? Datatype::Fp32 : Datatype::Fp64,
                          .shape = std::move(shape),
                          .on_request = true});
  info.bytes += shap->bytes();
  info.evaluator += "; " + shap->evaluator() + ", " + std::to_string((shap->bytes() + 1023) / 1024) + " KiB";
  return std::move(*shap);
}

class ForestEngineFactory final : public EngineFactory {
 public:
  bool accepts(std::string_view format) const override {
    return format == formats::to_string(formats::Format::XgboostJson) ||
           format == formats::to_string(formats::Format::XgboostUbj) ||
           format == formats::to_string(formats::Format::LightgbmText) ||
           format == formats::to_string(formats::Format::Skops);
  }
  Result<std::unique_ptr<Engine>> load(std::string_view path) const override {
    CLOPS_ASSIGN(const formats::Model model, formats::load_model(std::filesystem::path(path)));
    if (const auto* ensemble = std::get_if<formats::Ensemble>(&model)) return make_forest_engine(*ensemble);
    return make_linear_engine(std::get<formats::LinearModel>(model));  // in the same formats as trees
  }
};

}  // namespace

std::unique_ptr<EngineFactory> make_forest_engine_factory() {
  return std::make_unique<ForestEngineFactory>();
}

Result<std::unique_ptr<Engine>> make_forest_engine(const formats::Ensemble& ensemble, const ForestOptions& options) {
  CLOPS_ASSIGN(EngineInfo info, describe(formats::summarize(ensemble)));
  CLOPS_ASSIGN(Forest forest, Forest::make(ensemble, options));
  info.bytes = forest.bytes();
  info.evaluator = forest.explanation();
  std::optional<TreeShap> shap = add_contributions(ensemble, info);
  return std::make_unique<ForestEngine>(std::move(info), std::move(forest), std::move(shap));
}

}  // namespace clops::serving
