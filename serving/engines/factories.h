// Every engine there is: what a server, a verifying pod, `clops serve` and `clops inspect` load models with.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "serving/protocol/engine.h"

namespace clops::serving {

// `onnx_runtime`: where ONNX Runtime's shared library lies ($CLOPS_ONNXRUNTIME); empty: the usual places (onnx.h).
// `threads`: that may compute a large batch together, the caller's among them.
[[nodiscard]] std::vector<std::unique_ptr<EngineFactory>> make_engine_factories(std::string_view onnx_runtime,
                                                                                int threads = 1);

}  // namespace clops::serving
