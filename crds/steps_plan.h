// What declared steps come to for one model: which tensors a request brings, what is computed of them, which outputs an
// answer has. The operator makes one to see whether a ModelDeployment can be served at all, the server to serve it: the
// same function, so that both refuse the same with the same words.
//
// Columns have slots: those of a request come first, in their order; a step works in place or makes new ones. Outputs
// have slots likewise, and a step always makes a new one. Numbers are float64 between the steps. Thread rule: pure.
// Errors: InvalidArgument that names step, field and column: `steps.pre[2].scale[0].column: there is no column "agee"`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "crds/model_version.h"
#include "crds/steps.h"

namespace clops::crds {

struct PreOp {
  enum class Kind : uint8_t {
    FillNumber,    // NaN becomes a
    FillText,      // an empty text becomes texts[0]
    ShiftScale,    // (x - a) / b
    ScaleShift,    // x * a + b
    Clip,          // at least a, at most b
    Label,         // texts[i] becomes numbers[i], another text a
    OneHotText,    // 1 in the slot of texts[i], 0 in the others
    OneHotNumber,  // of numbers[i]
  };
  Kind kind = Kind::Clip;
  uint32_t from = 0, to = 0;  // slots; `to`: the first of one or more
  double a = 0, b = 0;
  std::vector<std::string> texts;
  std::vector<double> numbers;
  bool refuses = false;  // what is not among them
  std::string column;    // as it was called there, for people
};

struct PostOp {
  enum class Kind : uint8_t {
    Clip,
    Sigmoid,    // 1 / (1 + exp(a x + b)), as FP64
    Isotonic,   // by xs and ys, as FP64
    Threshold,  // element `column` of a row: labels[0] from a on, else labels[1]; without labels 1 and 0, as INT64
    TopK,       // the k highest; their places or labels in the next slot
    Label,      // labels by index
  };
  Kind kind = Kind::Clip;
  uint32_t from = 0, to = 0;
  uint32_t width = 1;  // values of a row of `from`; Clip and Label: not said
  uint32_t column = 0, k = 0;
  double a = 0, b = 0;
  std::vector<double> xs, ys;
  std::vector<std::string> labels;
  std::string output;  // as it was called there
};

struct StepsPlan {
  bool has_pre = false;              // false: requests bring what the model takes
  bool computes = false;             // values are changed or made; else columns are only picked, and stay as they are
  bool tabular = false;              // all columns of a request are one tensor; else each is one, of shape [-1, 1]
  std::vector<ModelTensor> inputs;   // that requests bring, with has_pre
  std::vector<std::string> columns;  // with tabular: their names, if they have any
  size_t raw = 0, slots = 0;         // columns of a request; slots in all
  std::vector<uint8_t> text;         // per slot: it holds text
  std::vector<uint8_t> computed;     // per slot: not as it came
  std::vector<std::string> names;    // per slot: as it came or was made
  std::vector<PreOp> pre;
  std::vector<uint32_t> feeds;  // per column of the model: its slot

  size_t given = 0;  // the model's outputs that count: slots 0 to given
  std::vector<PostOp> post;
  std::vector<ModelTensor> values;   // per slot
  std::vector<uint32_t> outputs;     // of answers: their slots
  std::vector<std::string> renamed;  // and names
};

// `model`: without what is optional or on request.
[[nodiscard]] Result<StepsPlan> plan_steps(const Steps& steps, const ModelSchema& model);

// Whether `model` as the inspection document tells it is enough to judge: a long list of columns is left out of it.
[[nodiscard]] bool can_judge_steps(const Steps& steps, const ModelSchema& model);

}  // namespace clops::crds
