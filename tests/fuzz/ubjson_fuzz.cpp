// XGBoost models as UBJSON, and the bare UBJSON reader: no input crashes the reader, and what it accepts can be
// evaluated. Seed corpus: tests/data/golden and tests/data/refused; tests/unit/formats/hostile_test.cpp replays them
// with mutations.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "formats/document.h"
#include "formats/xgboost.h"
#include "serving/engines/forest.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace clops;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto reader = formats::make_ubjson_reader(bytes);
  if (reader->skip()) (void)reader->end();
  const auto model = formats::read_xgboost(bytes, formats::Encoding::Ubjson);
  if (!model || model->features > 4096) return 0;
  const auto engine = serving::make_forest_engine(*model);
  if (!engine) return 0;
  constexpr size_t kRows = 9;  // more than one lockstep group, less than a block
  std::vector<float> rows((*engine)->input_columns() * kRows);
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = i % 3 == 0 ? NAN : static_cast<float>(i) - 10.0F;
  std::vector<float> out((*engine)->output_columns() * kRows);
  const auto scratch = (*engine)->make_scratch();
  (*engine)->infer(rows, kRows, *scratch, out);
  (*engine)->infer(std::span(rows).first((*engine)->input_columns()), 1, *scratch, out);
  return 0;
}
