#include "serving/engines/factories.h"

#include "serving/engines/forest.h"
#include "serving/engines/onnx.h"

namespace clops::serving {

std::vector<std::unique_ptr<EngineFactory>> make_engine_factories(std::string_view onnx_runtime, int threads) {
  std::vector<std::unique_ptr<EngineFactory>> out;
  out.push_back(
      make_forest_engine_factory(threads > 1 ? std::make_shared<RowPool>(static_cast<size_t>(threads) - 1) : nullptr));
  out.push_back(make_onnx_engine_factory({.libraries = onnx_runtime_places(onnx_runtime)}));
  return out;
}

}  // namespace clops::serving
