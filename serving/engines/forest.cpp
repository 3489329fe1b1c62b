#include "serving/engines/forest.h"

#include <algorithm>

#include "formats/model_file.h"
#include "serving/engines/forest_kernels.h"
#include "serving/engines/forest_layout.h"
#include "serving/engines/linear.h"

namespace clops::serving {
namespace {

// Rows gathered at once: many, unless rows are so wide that a block would not stay in the second cache.
constexpr uint32_t kManyRows = 64, kFewRows = kLanes;
uint32_t rows_per_block(size_t slots) {
  constexpr size_t kBlockBytes = 64u << 10;
  return slots * sizeof(float) * kManyRows <= kBlockBytes ? kManyRows : kFewRows;
}

class ForestScratch final : public Scratch {
 public:
  ForestScratch(size_t slot_count, uint32_t rows, uint32_t outputs)
      : slots(slot_count * rows), sums(size_t{rows} * outputs) {}
  std::vector<float> slots, sums;
};

template <class Node>
class ForestEngine final : public Engine {
 public:
  ForestEngine(EngineInfo info, ForestLayout<Node> forest, formats::Transform transform, size_t columns,
               size_t out_columns)
      : info_(std::move(info)),
        forest_(std::move(forest)),
        transform_(transform),
        columns_(columns),
        out_columns_(out_columns),
        block_(rows_per_block(forest_.slots.size())) {}

  const EngineInfo& info() const override { return info_; }
  std::unique_ptr<Scratch> make_scratch() const override {
    return std::make_unique<ForestScratch>(forest_.slots.size(), block_, forest_.outputs);
  }

  Status infer(std::span<const TensorView> inputs, Scratch& scratch, std::span<TensorBuffer> outputs) const override {
    const size_t row_count = inputs[0].rows();
    const auto row_dimension = static_cast<int64_t>(row_count);
    if (info_.outputs[0].shape.size() == 1) {
      outputs[0].reset(Datatype::Fp32, {row_dimension});
    } else {
      outputs[0].reset(Datatype::Fp32, {row_dimension, static_cast<int64_t>(out_columns_)});
    }
    infer_rows(inputs[0].as<float>(), row_count, static_cast<ForestScratch&>(scratch), outputs[0].as<float>());
    return {};
  }

 private:
  void infer_rows(std::span<const float> rows, size_t row_count, ForestScratch& work, std::span<float> out) const {
    if (row_count < kLanes / 2) {  // below this a block's idle lanes cost more than walking trees side by side
      for (size_t row = 0; row < row_count; ++row)
        infer_row(rows.data() + row * columns_, work, out.data() + row * out_columns_);
      return;
    }
    for (size_t first = 0; first < row_count; first += block_) {
      const auto count = static_cast<uint32_t>(std::min<size_t>(block_, row_count - first));
      infer_block(rows.data() + first * columns_, count, work, out.data() + first * out_columns_);
    }
  }

  void infer_row(const float* row, ForestScratch& work, float* out) const {
    gather(forest_.slots, row, work.slots.data(), 1);
    sum_row(forest_, work.slots.data(), work.sums.data());
    transform_row(transform_, work.sums.data(), forest_.outputs, out);
  }

  void infer_block(const float* rows, uint32_t count, ForestScratch& work, float* out) const {
    for (uint32_t row = 0; row < count; ++row)
      gather(forest_.slots, rows + row * columns_, work.slots.data() + row, block_);
    if (block_ == kManyRows) {
      sum_block<kManyRows>(forest_, work.slots.data(), count, work.sums.data());
    } else {
      sum_block<kFewRows>(forest_, work.slots.data(), count, work.sums.data());
    }
    for (uint32_t row = 0; row < count; ++row)
      transform_row(transform_, work.sums.data() + size_t{row} * forest_.outputs, forest_.outputs,
                    out + row * out_columns_);
  }

  EngineInfo info_;
  ForestLayout<Node> forest_;
  formats::Transform transform_;
  size_t columns_, out_columns_;
  uint32_t block_;
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

template <class Node>
Result<std::unique_ptr<Engine>> make(const formats::Ensemble& model, std::string_view node_name) {
  CLOPS_ASSIGN(EngineInfo info, describe(model));
  CLOPS_ASSIGN(auto forest, lay_out<Node>(model));
  info.bytes = forest.bytes();
  info.evaluator = "lockstep walk, " + std::to_string(kLanes) + " trees at once for single rows, " +
                   std::to_string(rows_per_block(forest.slots.size())) + " rows per tree for batches, " +
                   std::string(node_name) + " nodes";
  return std::make_unique<ForestEngine<Node>>(std::move(info), std::move(forest), model.transform, model.features,
                                              formats::output_columns(model.transform, model.outputs));
}

// What the kernels below walk: float32 rows and sums, numeric splits, one number a leaf; and the transforms they know.
bool is_plain(const formats::Ensemble& model) {
  using formats::Transform;
  const bool over_all = model.transform == Transform::Softmax || model.transform == Transform::Argmax;
  const bool of_one = model.transform == Transform::Identity || model.transform == Transform::Sigmoid ||
                      model.transform == Transform::Exp || model.transform == Transform::Step;
  return (over_all || (of_one && model.outputs == 1)) && model.rows == formats::Number::Float32 &&
         model.sums == formats::Number::Float32 && model.divisor == 1 &&
         std::ranges::all_of(model.trees, [](const formats::Tree& tree) {
           return tree.sets.empty() && tree.linear.empty() && tree.vectors.empty() &&
                  std::ranges::none_of(tree.nodes, &formats::TreeNode::zero_is_missing);
         });
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

Result<std::unique_ptr<Engine>> make_forest_engine(const formats::Ensemble& ensemble) {
  if (!is_plain(ensemble))
    return fail(Code::Unsupported, "a model of categories, float64 or leaves that are not one number");
  if (fits_compact(ensemble)) return make<CompactNode>(ensemble, "8-byte");
  return make<WideNode>(ensemble, "12-byte");
}

}  // namespace clops::serving
