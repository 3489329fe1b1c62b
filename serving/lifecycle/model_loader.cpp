#include "serving/lifecycle/model_loader.h"

#include "serving/engines/steps/stepped.h"
#include "serving/lifecycle/trial.h"

namespace clops::serving {
namespace {

class RegistryLoader final : public ModelLoader {
 public:
  explicit RegistryLoader(LoaderParts parts) : parts_(parts) {}

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

}  // namespace

std::unique_ptr<ModelLoader> make_registry_loader(LoaderParts parts) {
  return std::make_unique<RegistryLoader>(parts);
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
  Trial trial(engine);
  const auto ask = [&trial](int64_t rows, int64_t row) {
    trial.fill(rows, Trial::Rows::Mixed, row);
    // Values that mean nothing may well be refused by a model: that says nothing about the client's.
    [[maybe_unused]] const Status refused = trial.infer();
  };
  ask(kRows, 0);
  for (int64_t row = 0; row < kRows; ++row) ask(1, row);
}

}  // namespace clops::serving
