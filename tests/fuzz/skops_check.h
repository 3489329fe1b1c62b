// What must hold of the skops reader for any bytes: no crash, and what is taken is a whole model.
// Seed corpus: tests/data/golden-sklearn; tests/unit/formats/skops_test.cpp replays some with mutations.
#pragma once

#include <cstdlib>
#include <string>
#include <string_view>

#include "formats/npy.h"
#include "formats/skops.h"
#include "formats/zip.h"

namespace clops::fuzz {

inline void check_skops(std::string_view bytes) {
  const std::string exact(bytes);  // of exactly its size, so that a read past the end is seen
  const auto model = formats::read_skops(exact);
  if (!model) return;
  if (const auto* const forest = std::get_if<formats::Ensemble>(&*model)) {
    if (!formats::check_ensemble(*forest)) std::abort();
  } else if (const auto* const linear = std::get_if<formats::LinearModel>(&*model)) {
    if (linear->weights.size() != size_t{linear->features} * linear->outputs) std::abort();
    if (linear->intercepts.size() != linear->outputs) std::abort();
  }
}

// The inside of such files, which a checksum keeps mutations from.
inline void check_npy(std::string_view bytes) {
  const auto array = formats::NpyArray::parse(std::string(bytes));
  if (!array || array->count() == 0) return;
  double sum = 0;
  if (array->is_text()) sum += static_cast<double>(array->text(array->count() - 1).size());
  for (const std::string& name : array->field_names()) {
    if (const int field = array->field(name); field >= 0) {
      sum += array->real(array->count() - 1, field);
      sum += static_cast<double>(array->integer(0, field));
    }
  }
  if (const int field = array->field(""); field >= 0) sum += array->real(array->count() - 1, field);
  volatile double kept = sum;
  (void)kept;
}

}  // namespace clops::fuzz
