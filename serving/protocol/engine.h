// What a loaded model is to the server: a schema and a function from tensors to tensors.
//
// Thread rule: an Engine is immutable once made; infer() may run on any number of threads at once, each with a Scratch
// of its own. Ownership: tensors are views; the caller owns inputs and outputs. infer() does not allocate in steady
// state. Errors: infer() cannot fail on inputs that match the schema; what does not match is refused before it gets
// here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace clops::serving {

enum class Datatype : uint8_t {
  Bool,
  Uint8,
  Uint16,
  Uint32,
  Uint64,
  Int8,
  Int16,
  Int32,
  Int64,
  Fp16,
  Fp32,
  Fp64,
  Bytes
};
[[nodiscard]] std::string_view to_string(Datatype type);  // "FP32"
[[nodiscard]] Result<Datatype> datatype_from(std::string_view name);
[[nodiscard]] size_t size_of(Datatype type);  // bytes of one element; 0 for Bytes

struct TensorSpec {
  std::string name;
  Datatype datatype = Datatype::Fp32;
  std::vector<int64_t> shape;  // -1 = any; the first is the row count
};

struct EngineInfo {
  std::string platform;   // "xgboost_json", as OIP model metadata's platform
  std::string framework;  // "xgboost 3.2.0"
  std::vector<TensorSpec> inputs, outputs;
  std::vector<std::string> feature_names;  // columns of the tabular input, if the model names them
  size_t trees = 0, depth_max = 0, bytes = 0;
  std::string evaluator;  // which kernel, and why, for people
};

// Per-thread working memory, grown on first use and kept. One per (thread, engine).
class Scratch {
 public:
  virtual ~Scratch() = default;
};

class Engine {
 public:
  virtual ~Engine() = default;
  [[nodiscard]] virtual const EngineInfo& info() const = 0;
  [[nodiscard]] virtual std::unique_ptr<Scratch> make_scratch() const = 0;
  // The tabular form, the only one so far: `rows` is row-major float32 of row_count x columns (NaN = missing), `out`
  // row-major float32 of row_count x output columns. Single rows and batches give the same bits.
  virtual void infer(std::span<const float> rows, size_t row_count, Scratch& scratch, std::span<float> out) const = 0;
  [[nodiscard]] virtual size_t input_columns() const = 0;
  [[nodiscard]] virtual size_t output_columns()
      const = 0;  // 1: the output tensor has shape [rows]; else [rows, columns]
};

// One maker per model format. The table of makers is built in cmd/.
class EngineFactory {
 public:
  virtual ~EngineFactory() = default;
  // `format` as inspection names it. Unsupported when the format is not this factory's.
  [[nodiscard]] virtual bool accepts(std::string_view format) const = 0;
  // Loads and verifies structure. InvalidArgument: damaged (names the place in the file). Unsupported: cannot be
  // reproduced exactly; the message says what and the way out.
  [[nodiscard]] virtual Result<std::unique_ptr<Engine>> load(std::string_view path) const = 0;
};

}  // namespace clops::serving
