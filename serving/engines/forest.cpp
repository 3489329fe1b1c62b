#include "serving/engines/forest.h"

#include <algorithm>

#include "formats/model_file.h"
#include "serving/engines/linear.h"

namespace clops::serving {
namespace {

class ForestScratch final : public Scratch {
 public:
  explicit ForestScratch(const Forest& forest) : work(forest.make_work()) {}
  ForestWork work;
};

class ForestEngine final : public Engine {
 public:
  ForestEngine(EngineInfo info, Forest forest) : info_(std::move(info)), forest_(std::move(forest)) {}

  const EngineInfo& info() const override { return info_; }
  std::unique_ptr<Scratch> make_scratch() const override { return std::make_unique<ForestScratch>(forest_); }

  Status infer(std::span<const TensorView> inputs, Scratch& scratch, std::span<TensorBuffer> outputs) const override {
    const size_t rows = inputs[0].rows();
    const Datatype type = info_.outputs[0].datatype;
    if (info_.outputs[0].shape.size() == 1)
      outputs[0].reset(type, {static_cast<int64_t>(rows)});
    else
      outputs[0].reset(type, {static_cast<int64_t>(rows), static_cast<int64_t>(forest_.out_columns())});
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

  EngineInfo info_;
  Forest forest_;
};

Result<TensorSpec> to_spec(const formats::TensorDescription& tensor) {
  CLOPS_ASSIGN(const Datatype type, datatype_from(tensor.datatype));
  return TensorSpec{tensor.name, type, tensor.shape};
}

Result<EngineInfo> describe(const formats::Ensemble& model) {
  const formats::Summary summary = formats::summarize(model);
  EngineInfo info;
  info.platform = model.format;
  std::ranges::replace(info.platform, '-', '_');
  info.framework = model.framework;
  for (const auto& tensor : summary.inputs) {
    CLOPS_ASSIGN(TensorSpec spec, to_spec(tensor));
    info.inputs.push_back(std::move(spec));
  }
  for (const auto& tensor : summary.outputs) {
    CLOPS_ASSIGN(TensorSpec spec, to_spec(tensor));
    info.outputs.push_back(std::move(spec));
  }
  info.feature_names = model.feature_names;
  info.trees = summary.trees;
  info.depth_max = summary.depth_max;
  return info;
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
  CLOPS_ASSIGN(EngineInfo info, describe(ensemble));
  CLOPS_ASSIGN(Forest forest, Forest::make(ensemble, options));
  info.bytes = forest.bytes();
  info.evaluator = forest.explanation();
  return std::make_unique<ForestEngine>(std::move(info), std::move(forest));
}

}  // namespace clops::serving
