// What must hold of the ONNX reader for any bytes: no crash, and a model without its ZipMaps reads as one.
// Seed corpus: tests/data/onnx; tests/unit/formats/onnx_test.cpp replays it with mutations.
#pragma once

#include <cstdlib>
#include <string>
#include <string_view>

#include "formats/onnx.h"

namespace clops::fuzz {

inline void check_onnx(std::string_view bytes) {
  const std::string exact(bytes);  // of exactly its size, so that a read past the end is seen
  const auto model = formats::read_onnx(exact);
  if (!model || model->zipmaps == 0) return;
  const auto again = formats::read_onnx(formats::without_zipmaps(exact));
  if (!again || again->zipmaps != 0 || again->outputs.size() != model->outputs.size()) std::abort();
}

}  // namespace clops::fuzz
