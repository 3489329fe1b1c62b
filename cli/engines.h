// The engines that `serve` and `inspect` know: all that this program was built with.
#pragma once

#include <memory>
#include <vector>

#include "cli/command_line.h"
#include "serving/engines/forest.h"
#include "serving/engines/onnx.h"

namespace clops::cli {

[[nodiscard]] inline std::vector<std::unique_ptr<serving::EngineFactory>> engine_factories(const Context& context) {
  std::vector<std::unique_ptr<serving::EngineFactory>> out;
  out.push_back(serving::make_forest_engine_factory());
  out.push_back(serving::make_onnx_engine_factory(
      {.libraries = serving::onnx_runtime_places(context.env("CLOPS_ONNXRUNTIME").value_or(""))}));
  return out;
}

}  // namespace clops::cli
