#include "serving/engines/steps/stepped.h"

#include <algorithm>

#include "serving/engines/steps/post.h"
#include "serving/engines/steps/pre.h"

namespace clops::serving {
namespace {

// As ModelVersion.status has it, so that operator and server judge alike.
crds::ModelTensor tensor_of(const TensorSpec& spec) {
  return {spec.name, std::string(to_string(spec.datatype)), spec.any_shape ? std::vector<int64_t>() : spec.shape};
}

crds::ModelSchema schema_of(const EngineInfo& info) {
  crds::ModelSchema schema;
  for (const TensorSpec& input : info.required()) schema.inputs.push_back(tensor_of(input));
  for (const TensorSpec& output : info.outputs)
    if (!output.on_request) schema.outputs.push_back(tensor_of(output));
  schema.feature_names = info.feature_names;
  return schema;
}

Result<TensorSpec> spec_of(const crds::ModelTensor& tensor) {
  CLOPS_ASSIGN(const Datatype type, datatype_from(tensor.datatype));
  return TensorSpec{.name = tensor.name, .datatype = type, .shape = tensor.shape};
}

Result<std::vector<TensorSpec>> outputs_of(const EngineInfo& inner, const crds::StepsPlan& plan) {
  std::vector<TensorSpec> values;
  for (size_t i = 0; i < plan.values.size(); ++i) {
    if (i < plan.given) {
      values.push_back(inner.outputs[i]);
      continue;
    }
    CLOPS_ASSIGN(TensorSpec value, spec_of(plan.values[i]));
    values.push_back(std::move(value));
  }
  for (const crds::PostOp& op : plan.post)
    if (op.kind == crds::PostOp::Kind::Clip || op.kind == crds::PostOp::Kind::Label)
      values[op.to].any_shape = values[op.from].any_shape;
  std::vector<TensorSpec> out;
  for (size_t i = 0; i < plan.outputs.size(); ++i) {
    out.push_back(values[plan.outputs[i]]);
    out.back().name = plan.renamed[i];
  }
  if (!plan.computes)
    out.insert(out.end(), inner.outputs.begin() + static_cast<ptrdiff_t>(plan.given), inner.outputs.end());
  return out;
}

// The names of the model's categories, in the columns of requests that become those of the model in their place.
void keep_categories(const EngineInfo& inner, const crds::StepsPlan& plan, std::vector<TensorSpec>& inputs) {
  const CategoryNames* const names = inner.inputs[0].categories.get();
  if (names == nullptr) return;
  std::vector<size_t> from(plan.raw, CategoryNames::kNone);
  for (size_t i = 0; i < plan.feeds.size(); ++i)
    if (plan.feeds[i] < plan.raw && plan.text[plan.feeds[i]] == 0) from[plan.feeds[i]] = i;
  if (plan.tabular) {
    inputs[0].categories = names->picked(from, plan.columns);
    return;
  }
  for (size_t i = 0; i < inputs.size(); ++i)
    inputs[i].categories = names->picked(std::span(from).subspan(i, 1), std::span(plan.names).subspan(i, 1));
}

Result<EngineInfo> info_of(const EngineInfo& inner, const crds::StepsPlan& plan) {
  EngineInfo info = inner;
  if (plan.has_pre) {
    info.inputs.clear();
    for (const crds::ModelTensor& input : plan.inputs) {
      CLOPS_ASSIGN(TensorSpec spec, spec_of(input));
      info.inputs.push_back(std::move(spec));
    }
    info.feature_names = plan.columns;
    keep_categories(inner, plan, info.inputs);
  }
  CLOPS_ASSIGN(info.outputs, outputs_of(inner, plan));
  info.evaluator += ", between declared steps";
  return info;
}

class SteppedScratch final : public Scratch {
 public:
  std::unique_ptr<Scratch> inner;
  PreScratch pre;
  PostScratch post;
};

class SteppedEngine final : public Engine {
 public:
  SteppedEngine(std::shared_ptr<const Engine> inner, crds::StepsPlan plan, EngineInfo info)
      : inner_(std::move(inner)),
        plan_(std::move(plan)),
        info_(std::move(info)),
        pre_(plan_, inner_->info().required()),
        post_(plan_, inner_->info().outputs.size()) {}

  const EngineInfo& info() const override { return info_; }
  std::unique_ptr<Scratch> make_scratch() const override {
    auto scratch = std::make_unique<SteppedScratch>();
    scratch->inner = inner_->make_scratch();
    return scratch;
  }

  Status infer(std::span<const TensorView> inputs, Scratch& scratch, std::span<TensorBuffer> outputs) const override {
    auto& work = static_cast<SteppedScratch&>(scratch);
    const Status done = run(inputs, work, outputs);
    constexpr size_t kKeepBytes = 1u << 20;  // one huge batch must not pin its memory for the life of a thread
    for (std::vector<TensorBuffer>* const buffers : {&work.pre.fed, &work.post.model, &work.post.made})
      for (TensorBuffer& buffer : *buffers) buffer.trim(kKeepBytes);
    if (work.post.numbers.capacity() * sizeof(double) > kKeepBytes) std::vector<double>().swap(work.post.numbers);
    return done;
  }

 private:
  Status run(std::span<const TensorView> inputs, SteppedScratch& work, std::span<TensorBuffer> outputs) const {
    if (plan_.has_pre) {
      CLOPS_TRY(pre_.run(inputs, work.pre));
      inputs = work.pre.views;
    }
    post_.begin(outputs, work.post);
    CLOPS_TRY(inner_->infer(inputs, *work.inner, work.post.model));
    return post_.run(work.post, outputs);
  }

  const std::shared_ptr<const Engine> inner_;
  const crds::StepsPlan plan_;
  const EngineInfo info_;
  const PreSteps pre_;
  const PostSteps post_;
};

}  // namespace

Result<std::shared_ptr<const Engine>> with_steps(std::shared_ptr<const Engine> inner, const crds::Steps& steps) {
  if (steps.empty()) return inner;
  CLOPS_ASSIGN(crds::StepsPlan plan, crds::plan_steps(steps, schema_of(inner->info())));
  CLOPS_ASSIGN(EngineInfo info, info_of(inner->info(), plan));
  return std::make_shared<const SteppedEngine>(std::move(inner), std::move(plan), std::move(info));
}

}  // namespace clops::serving
