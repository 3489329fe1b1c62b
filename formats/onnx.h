// ONNX files: what a model takes and gives, told from the bytes alone, without the runtime that evaluates it.
//
// scikit-learn classifiers end in ZipMap, which gives a list of dictionaries: no tensor, so no answer in the Open
// Inference Protocol. without_zipmaps() gives the same model with each such output as the tensor of probabilities that
// the ZipMap is made from (columns in the order of its labels), and read_onnx() describes that.
// Thread rule: pure functions. Errors: InvalidArgument (damaged), Unsupported with the reason and the way out: inputs
// or outputs that are no tensors, weights outside the file that do not lie beside it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace clops::formats {

struct OnnxTensor {
  std::string name, datatype;           // OIP: "FP32"
  bool any_shape = false;               // the model does not say even the rank
  std::vector<int64_t> shape;           // -1 = any
  std::vector<std::string> dimensions;  // per dimension: its name where the model gives one
  std::vector<std::string> labels;      // of a ZipMap's columns
  bool operator==(const OnnxTensor&) const = default;
};

struct OnnxModel {
  std::string framework;  // "skl2onnx 1.20.0": who wrote it
  int64_t ir_version = 0;
  std::vector<std::string> opsets;  // "ai.onnx 17"
  std::vector<OnnxTensor> inputs, outputs;
  size_t nodes = 0;
  size_t zipmaps = 0;                       // outputs that without_zipmaps() changes
  std::vector<std::string> external_files;  // weights that lie outside the file: plain paths below its folder
  bool operator==(const OnnxModel&) const = default;
};

[[nodiscard]] bool looks_like_onnx(std::string_view bytes);
[[nodiscard]] Result<OnnxModel> read_onnx(std::string_view bytes);
// `bytes` must have been read well by read_onnx.
[[nodiscard]] std::string without_zipmaps(std::string_view bytes);

}  // namespace clops::formats
