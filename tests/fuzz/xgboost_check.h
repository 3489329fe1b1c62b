// What both XGBoost fuzzers do with their bytes: no input crashes a reader, and what is accepted can be evaluated.
// Seed corpus: tests/data/golden and tests/data/refused; tests/unit/formats/hostile_test.cpp replays them with
// mutations.
#pragma once

#include <cmath>
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "formats/document.h"
#include "formats/xgboost.h"
#include "serving/engines/forest.h"
#include "tests/support/tabular.h"

namespace clops::fuzz {

template <class MakeReader>
void check_xgboost(std::string_view bytes, MakeReader make_reader, formats::Encoding encoding) {
  const auto reader = make_reader(bytes);
  if (reader->skip()) (void)reader->end();
  const auto model = formats::read_xgboost(bytes, encoding);
  if (!model || model->features > 4096) return;
  const auto engine = serving::make_forest_engine(*model);
  if (!engine) return;
  constexpr size_t kRows = 9;  // more than one lockstep group, less than a block
  std::vector<float> rows(test::input_columns(**engine) * kRows);
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = i % 3 == 0 ? NAN : static_cast<float>(i) - 10.0F;
  const size_t columns = test::input_columns(**engine), outputs = test::output_columns(**engine);
  std::vector<float> out(outputs * kRows);
  const auto scratch = (*engine)->make_scratch();
  test::infer_rows(**engine, std::span(rows), kRows, *scratch, std::span(out));
  test::infer_rows(**engine, std::span(rows).first(columns), 1, *scratch, std::span(out).first(outputs));
}

}  // namespace clops::fuzz
