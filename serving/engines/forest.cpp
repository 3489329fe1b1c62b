#include "serving/engines/forest.h"

#include <algorithm>

#include "formats/model_file.h"
#include "serving/engines/describe.h"
#include "serving/engines/explainer.h"
#include "serving/engines/linear.h"

namespace clops::serving {
namespace {

// A batch that takes one thread so long is shared out, in chunks of about an eighth of that: helpers wake in some tens
// of microseconds, and the last chunk leaves the others idle for half its time. By rows: whole blocks for any kernel.
constexpr double kSharedUs = 500, kChunkUs = 60;
constexpr size_t kChunkRows = 1024;

class ForestScratch final : public Scratch {
 public:
  explicit ForestScratch(const Forest& forest) : work(forest.make_work()) {}
  ForestWork work;
  std::vector<ForestWork> helpers;  // made for the first batch that is shared out
  Explainer::Work explaining;
};

class ForestEngine final : public Engine {
 public:
  ForestEngine(EngineInfo info, Forest forest, std::unique_ptr<const Explainer> explainer,
               std::shared_ptr<RowPool> pool)
      : info_(std::move(info)),
        forest_(std::move(forest)),
        explainer_(std::move(explainer)),
        pool_(std::move(pool)),
        shared_from_(pool_ == nullptr ? SIZE_MAX : rows_in(kSharedUs)) {}

  const EngineInfo& info() const override { return info_; }
  std::unique_ptr<Scratch> make_scratch() const override { return std::make_unique<ForestScratch>(forest_); }

  Status infer(std::span<const TensorView> inputs, Scratch& scratch, std::span<TensorBuffer> outputs) const override {
    const size_t rows = inputs[0].rows();
    reset_rows(outputs[0], info_.outputs[0], rows);
    if (explainer_ != nullptr && outputs.size() > 1)
      CLOPS_TRY(explain(inputs, static_cast<ForestScratch&>(scratch), outputs[1]));
    auto& own = static_cast<ForestScratch&>(scratch);
    if (info_.inputs[0].datatype == Datatype::Fp32)
      infer_rows(inputs[0].as<float>().data(), rows, own, outputs[0]);
    else
      infer_rows(inputs[0].as<double>().data(), rows, own, outputs[0]);
    return {};
  }

 private:
  [[nodiscard]] size_t rows_in(double us) const {
    const double rows = us / std::max(forest_.row_us(), 1e-3);
    return (static_cast<size_t>(rows) / kChunkRows + 1) * kChunkRows;
  }

  template <class Number>
  void infer_rows(const Number* rows, size_t count, ForestScratch& own, TensorBuffer& out) const {
    if (out.datatype() == Datatype::Fp32)
      predict(rows, count, own, out.as<float>().data());
    else
      predict(rows, count, own, out.as<double>().data());
  }

  template <class Number, class Out>
  void predict(const Number* rows, size_t count, ForestScratch& own, Out* out) const {
    if (count < shared_from_ || !share(rows, count, own, out)) forest_.predict(rows, count, own.work, out);
  }

  template <class Number, class Out>
  bool share(const Number* rows, size_t count, ForestScratch& own, Out* out) const {
    while (own.helpers.size() + 1 < pool_->workers()) own.helpers.push_back(forest_.make_work());
    return pool_->run(count, rows_in(kChunkUs), [&](size_t worker, size_t first, size_t some) {
      forest_.predict(rows + first * forest_.features(), some, worker == 0 ? own.work : own.helpers[worker - 1],
                      out + first * forest_.out_columns());
    });
  }

  Status explain(std::span<const TensorView> inputs, ForestScratch& scratch, TensorBuffer& out) const {
    static constexpr int64_t kNone[] = {0};
    const TensorView background = inputs.size() > 1 ? inputs[1] : TensorView{inputs[0].datatype, kNone, nullptr, 0};
    if (out.wanted) return explainer_->explain(inputs[0], background, scratch.explaining, out);
    if (background.rows() == 0) return {};
    return fail(Code::InvalidArgument, info_.inputs[1].name + " is given, but contributions are not asked for");
  }

  EngineInfo info_;
  Forest forest_;
  std::unique_ptr<const Explainer> explainer_;  // of info_.inputs[1] and info_.outputs[1]
  std::shared_ptr<RowPool> pool_;
  size_t shared_from_;  // rows
};

// Models that have exact contributions give them on request.
std::unique_ptr<const Explainer> add_contributions(const formats::Ensemble& model, EngineInfo& info) {
  auto explainer = Explainer::make(model);
  if (!explainer) {
    info.evaluator += "; no contributions: " + explainer.error().message;
    return nullptr;
  }
  info.inputs.push_back({.name = std::string(kContributionsBackground),
                         .datatype = info.inputs[0].datatype,
                         .shape = info.inputs[0].shape,
                         .optional = true,
                         .categories = info.inputs[0].categories});
  info.outputs.push_back((*explainer)->output());
  info.bytes += (*explainer)->bytes();
  info.evaluator += "; contributions on request, of trees kept in " +
                    std::to_string(((*explainer)->bytes() + 1023) / 1024) + " KiB until the first";
  return std::move(*explainer);
}

class ForestEngineFactory final : public EngineFactory {
 public:
  explicit ForestEngineFactory(std::shared_ptr<RowPool> pool) : pool_(std::move(pool)) {}
  bool accepts(std::string_view format) const override {
    return format == formats::to_string(formats::Format::XgboostJson) ||
           format == formats::to_string(formats::Format::XgboostUbj) ||
           format == formats::to_string(formats::Format::LightgbmText) ||
           format == formats::to_string(formats::Format::Skops);
  }
  Result<std::unique_ptr<Engine>> load(std::string_view path) const override {
    CLOPS_ASSIGN(const formats::Model model, formats::load_model(std::filesystem::path(path)));
    if (const auto* ensemble = std::get_if<formats::Ensemble>(&model)) return make_forest_engine(*ensemble, {}, pool_);
    return make_linear_engine(std::get<formats::LinearModel>(model));  // in the same formats as trees
  }

 private:
  std::shared_ptr<RowPool> pool_;
};

}  // namespace

std::unique_ptr<EngineFactory> make_forest_engine_factory(std::shared_ptr<RowPool> pool) {
  return std::make_unique<ForestEngineFactory>(std::move(pool));
}

Result<std::unique_ptr<Engine>> make_forest_engine(const formats::Ensemble& ensemble, const ForestOptions& options,
                                                   std::shared_ptr<RowPool> pool) {
  CLOPS_ASSIGN(EngineInfo info, describe(formats::summarize(ensemble)));
  CLOPS_ASSIGN(Forest forest, Forest::make(ensemble, options));
  info.bytes = forest.bytes();
  if (info.inputs[0].categories != nullptr) info.bytes += info.inputs[0].categories->bytes();
  info.evaluator = forest.explanation();
  std::unique_ptr<const Explainer> explainer = add_contributions(ensemble, info);
  return std::make_unique<ForestEngine>(std::move(info), std::move(forest), std::move(explainer), std::move(pool));
}

}  // namespace clops::serving
