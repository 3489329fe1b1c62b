// ONNX models, evaluated by ONNX Runtime (onnx_runtime.h): any model of tensors that runs on a CPU, also scikit-learn
// classifiers with a ZipMap at the end.
//
// The results are ONNX Runtime's own, with its default optimisations; some of its kernels round differently for batches
// than for single rows. A session computes on the thread that asks it. Format accepted: "onnx".
// Thread rule, ownership: those of serving/protocol/engine.h; the runtime allocates while it computes. Errors: without
// the library load() is Unsupported with the way out; values that the model cannot work with are InvalidArgument.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "serving/protocol/engine.h"

namespace clops::serving {

struct OnnxOptions {
  std::vector<std::string> libraries;  // where ONNX Runtime may be: the first that opens is taken, at the first load
  int threads = 1;                     // of one computation; 1: only the caller's
};
[[nodiscard]] std::unique_ptr<EngineFactory> make_onnx_engine_factory(OnnxOptions options);

// `named` (may be empty) before the usual places: beside the program, its ../lib, the system's own search.
[[nodiscard]] std::vector<std::string> onnx_runtime_places(std::string_view named);

}  // namespace clops::serving
