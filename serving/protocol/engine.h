// What a loaded model is to the server: a schema and a function from tensors to tensors.
//
// Thread rule: an Engine is immutable once made; infer() may run on any number of threads at once, each with a Scratch
// of its own. Ownership: the caller owns inputs and outputs. infer() of trees and linear models does not allocate in
// steady state. Errors: InvalidArgument when the model itself finds fault with values of the right schema, Internal for
// the rest; tabular engines cannot fail.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "serving/protocol/category_names.h"
#include "serving/protocol/tensor.h"

namespace clops::serving {

struct TensorSpec {
  std::string name;
  Datatype datatype = Datatype::Fp32;
  std::vector<int64_t> shape;  // -1 = any; the first is the row count
  bool any_shape = false;      // not even the rank is said
  bool on_request = false;     // of outputs: given only where a request asks for it
  bool optional = false;       // of inputs: may be left out, and then has no rows
  // Of inputs of rows of FP32 or FP64, if some columns have names for their codes: of as many columns as a row has.
  std::shared_ptr<const CategoryNames> categories = nullptr;

  [[nodiscard]] bool takes(std::span<const int64_t> given) const {  // with at least one of everything
    bool fits = any_shape || given.size() == shape.size();
    for (size_t i = 0; fits && i < given.size(); ++i)
      fits = given[i] > 0 && (any_shape || shape[i] < 0 || given[i] == shape[i]);
    return fits;
  }
};

// What each feature adds to each raw score, then what is expected of no row (serving/engines/tree_shap.h): an output on
// request of engines that can tell.
inline constexpr std::string_view kContributions = "contributions";
// Request parameter, as Triton has it: microseconds in which the answer is wanted. Beyond a day: never.
inline constexpr std::string_view kTimeoutParameter = "timeout";
inline constexpr size_t kTimeoutMicrosecondsMost = size_t{86'400} * 1'000'000;
// Optional input of such engines: rows of training data that contributions are to be held against.
inline constexpr std::string_view kContributionsBackground = "contributions_background";

struct EngineInfo {
  std::string platform;   // "xgboost_json", as OIP model metadata's platform
  std::string framework;  // "xgboost 3.2.0"
  std::vector<TensorSpec> inputs, outputs;
  std::vector<std::string> feature_names;  // columns of the tabular input, if the model names them
  size_t trees = 0, depth_max = 0, bytes = 0;
  bool exact_batches = true;  // a row's answer has the same bits whatever rows are beside it
  std::string evaluator;      // which kernel, and why, for people

  // Inputs that a request must bring. They come first, the optional ones after them.
  [[nodiscard]] std::span<const TensorSpec> required() const {
    const auto end = std::ranges::find(inputs, true, &TensorSpec::optional);
    return {inputs.begin(), end};
  }
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
  // `inputs` are those of info(), in its order, each with exactly its datatype and a shape that fits (whoever decoded
  // them has seen to it), optional ones at the end left out or without rows; `outputs` likewise, reset and filled here
  // with the datatypes of info(), those not wanted at will, those on request at the end left out where nobody asks for
  // them. A missing value is NaN. Single rows and batches give the same bits, but
  // for engines that say otherwise (exact_batches).
  [[nodiscard]] virtual Status infer(std::span<const TensorView> inputs, Scratch& scratch,
                                     std::span<TensorBuffer> outputs) const = 0;
};

// One maker per model format; engines/factories.h has the table of them.
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
