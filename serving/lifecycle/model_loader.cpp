#include "serving/lifecycle/model_loader.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "serving/engines/steps/stepped.h"

namespace clops::serving {
namespace {

class RegistryLoader final : public ModelLoader {
 public:
  explicit RegistryLoader(LoaderParts parts) : parts_(std::move(parts)) {}

  Result<std::shared_ptr<const LoadedModel>> load(const crds::ModelRef& ref) override {
    const std::string where = "ModelVersion " + ref.model_version;
    if (ref.digest.empty())
      return fail(Code::InvalidArgument, where + ": no digest is given, and an unverified model never serves");
    auto artifact = registry::fetch(parts_.sources, parts_.store, parts_.clock, ref.uri, ref.digest, parts_.limits);
    if (!artifact) return fail_in(where, artifact.error());
    if (artifact->digest != ref.digest)
      return fail(Code::DataLoss, where + ": the content is " + artifact->digest + ", not " + ref.digest);
    auto engine = load_engine(parts_.factories, artifact->path.string(), ref.format);
    if (!engine) return fail_in(where, engine.error());
    warm_up(**engine);
    return std::make_shared<const LoadedModel>(
        LoadedModel{ref.digest, ref.format, std::move(*artifact), std::move(*engine)});
  }

 private:
  LoaderParts parts_;
};

template <class Number>
void fill_numbers(TensorBuffer& out, size_t row_elements, int64_t first) {
  const std::array<Number, 3> kinds = {Number{0}, Number{1}, std::numeric_limits<Number>::quiet_NaN()};
  const std::span<Number> values = out.as<Number>();
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = kinds[(i / row_elements + static_cast<size_t>(first)) % kinds.size()];
}

// Rows from `first` on of: zeros, ones, all missing. What is no float is 0, false or empty.
void fill(const TensorSpec& spec, int64_t rows, int64_t first, TensorBuffer& out) {
  std::vector<int64_t> shape = spec.shape;
  for (size_t i = 0; i < shape.size(); ++i)
    if (shape[i] < 0) shape[i] = i == 0 ? rows : 1;
  out.reset(spec.datatype, shape);
  const size_t row_elements = out.count() / std::max<size_t>(1, shape.empty() ? 1 : static_cast<size_t>(shape[0]));
  if (spec.datatype == Datatype::Fp32) {
    fill_numbers<float>(out, row_elements, first);
  } else if (spec.datatype == Datatype::Fp64) {
    fill_numbers<double>(out, row_elements, first);
  } else if (spec.datatype != Datatype::Bytes) {
    std::memset(out.data(), 0, out.count() * size_of(spec.datatype));
  }
}

}  // namespace

std::unique_ptr<ModelLoader> make_registry_loader(LoaderParts parts) {
  return std::make_unique<RegistryLoader>(std::move(parts));
}

Result<std::shared_ptr<const Engine>> engine_of(const std::shared_ptr<const LoadedModel>& model,
                                                const crds::ModelRef& ref) {
  auto engine = with_steps(std::shared_ptr<const Engine>(model, model->engine.get()), ref.steps);
  if (!engine) return fail_in("ModelVersion " + ref.model_version, engine.error());
  return engine;
}

Result<std::unique_ptr<Engine>> load_engine(std::span<const std::unique_ptr<EngineFactory>> factories,
                                            std::string_view path, std::string_view format) {
  for (const auto& factory : factories)
    if (factory->accepts(format)) return factory->load(path);
  return fail(Code::Unsupported, "format \"" + std::string(format) + "\" is not one that this server loads");
}

void warm_up(const Engine& engine) {
  constexpr int64_t kRows = 3;
  const auto& specs = engine.info().inputs;
  std::vector<TensorBuffer> inputs(specs.size()), outputs(engine.info().outputs.size());
  std::vector<TensorView> views(specs.size());
  for (size_t i = 0; i < outputs.size(); ++i) outputs[i].wanted = !engine.info().outputs[i].on_request;
  const auto scratch = engine.make_scratch();
  const auto ask = [&](int64_t rows, int64_t row) {
    for (size_t i = 0; i < specs.size(); ++i) {
      fill(specs[i], specs[i].optional ? 0 : rows, row, inputs[i]);
      views[i] = inputs[i].view();
    }
    // Values that mean nothing may well be refused by a model: that says nothing about the client's.
    (void)engine.infer(views, *scratch, outputs);
  };
  ask(kRows, 0);
  for (int64_t row = 0; row < kRows; ++row) ask(1, row);
}

}  // namespace clops::serving
