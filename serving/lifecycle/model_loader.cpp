#include "serving/lifecycle/model_loader.h"

#include <limits>

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
    for (const auto& factory : parts_.factories) {
      if (!factory->accepts(ref.format)) continue;
      auto engine = factory->load(artifact->path.string());
      if (!engine) return fail_in(where, engine.error());
      warm_up(**engine);
      return std::make_shared<const LoadedModel>(
          LoadedModel{ref.digest, ref.format, std::move(*artifact), std::move(*engine)});
    }
    return fail(Code::Unsupported, where + ": format \"" + ref.format + "\" is not one that this server loads");
  }

 private:
  LoaderParts parts_;
};

}  // namespace

std::unique_ptr<ModelLoader> make_registry_loader(LoaderParts parts) {
  return std::make_unique<RegistryLoader>(std::move(parts));
}

void warm_up(const Engine& engine) {
  constexpr size_t kRows = 3;
  const size_t columns = engine.input_columns();
  std::vector<float> rows(kRows * columns, 0.0f);
  for (size_t i = 0; i < columns; ++i) {
    rows[columns + i] = 1.0f;
    rows[2 * columns + i] = std::numeric_limits<float>::quiet_NaN();
  }
  std::vector<float> out(kRows * engine.output_columns());
  const auto scratch = engine.make_scratch();
  engine.infer(rows, kRows, *scratch, out);
  for (size_t row = 0; row < kRows; ++row) {
    engine.infer(std::span(rows).subspan(row * columns, columns), 1, *scratch,
                 std::span(out).first(engine.output_columns()));
  }
}

}  // namespace clops::serving
