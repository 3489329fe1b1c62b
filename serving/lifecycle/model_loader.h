// From a reference to something that can answer: fetch, verify the digest, load, warm up. Never on a serving thread.
//
// Thread rule: load() blocks its caller; ModelLoader is used by one thread. Ownership: a LoadedModel keeps its artifact
// from eviction and is freed with its last holder. Errors: those of registry/source.h and EngineFactory::load, and
// Unsupported when no factory takes the format; messages name the ModelVersion.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "crds/serving_config.h"
#include "registry/source.h"
#include "serving/protocol/engine.h"

namespace clops::serving {

struct LoadedModel {
  std::string digest, format;
  registry::Artifact artifact;
  std::unique_ptr<Engine> engine;
};

class ModelLoader {
 public:
  virtual ~ModelLoader() = default;
  [[nodiscard]] virtual Result<std::shared_ptr<const LoadedModel>> load(const crds::ModelRef& ref) = 0;
};

struct LoaderParts {
  const registry::SourceTable& sources;
  registry::Store& store;
  std::span<const std::unique_ptr<EngineFactory>> factories;
  const Clock& clock;
  registry::FetchLimits limits;
};
[[nodiscard]] std::unique_ptr<ModelLoader> make_registry_loader(LoaderParts parts);

// What answers for this reference: the model's engine, between the reference's steps if it has any. Keeps the model
// alive. Errors: InvalidArgument, the steps do not fit the model; names the ModelVersion, step and column.
[[nodiscard]] Result<std::shared_ptr<const Engine>> engine_of(const std::shared_ptr<const LoadedModel>& model,
                                                              const crds::ModelRef& ref);

// By the factory that takes the format. Errors: those of EngineFactory::load, Unsupported if none does.
[[nodiscard]] Result<std::unique_ptr<Engine>> load_engine(std::span<const std::unique_ptr<EngineFactory>> factories,
                                                          std::string_view path, std::string_view format);

// Predictions of a few rows (zeros, ones, all missing) are computed once, so that the first client's is not the slow
// one. A model that refuses them is not at fault.
void warm_up(const Engine& engine);

}  // namespace clops::serving
