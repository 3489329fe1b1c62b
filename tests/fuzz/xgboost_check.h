// What both XGBoost fuzzers do with their bytes: no input crashes a reader, and what is accepted keeps the invariants
// of its form, is no greater than the file allows, and can be evaluated. Seed corpus: tests/data/golden and
// tests/data/refused; tests/unit/formats/hostile_test.cpp replays them with mutations.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>
#include <vector>

#include "formats/document.h"
#include "formats/xgboost.h"
#include "serving/engines/forest.h"
#include "serving/engines/linear.h"
#include "tests/support/tabular.h"

namespace clops::fuzz {

inline void check_engine(const serving::Engine& engine) {
  constexpr size_t kRows = 9;  // more than one lockstep group, less than a block
  const size_t columns = test::input_columns(engine), outputs = test::output_columns(engine);
  std::vector<float> rows(columns * kRows);
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = i % 3 == 0 ? NAN : static_cast<float>(i) - 10.0F;
  std::vector<float> out(outputs * kRows);
  const auto scratch = engine.make_scratch();
  const std::span<const float> all(rows);
  test::infer_rows(engine, all, kRows, *scratch, std::span(out));
  test::infer_rows(engine, all.first(columns), 1, *scratch, std::span(out).first(outputs));
}

inline size_t bytes_of(const formats::Ensemble& model) {
  size_t bytes = model.margins.size() * sizeof(double);
  for (const formats::Tree& tree : model.trees) {
    bytes += tree.nodes.capacity() * sizeof(formats::TreeNode) + tree.vectors.size() * sizeof(double);
    for (const formats::CategorySet& set : tree.sets) bytes += set.words.size() * sizeof(uint32_t);
  }
  return bytes;
}

inline int check_xgboost(const uint8_t* data, size_t size, formats::Encoding encoding) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto reader =
      encoding == formats::Encoding::Json ? formats::make_json_reader(bytes) : formats::make_ubjson_reader(bytes);
  if (reader->skip()) (void)reader->end();
  const auto model = formats::read_xgboost(bytes, encoding);
  if (!model) return 0;
  if (const auto* ensemble = std::get_if<formats::Ensemble>(&*model)) {
    if (!formats::check_ensemble(*ensemble) || bytes_of(*ensemble) > (32u << 20) + 128 * size) std::abort();
    if (ensemble->features > 4096) return 0;
    if (const auto engine = serving::make_forest_engine(*ensemble)) check_engine(**engine);
  } else if (const auto& linear = std::get<formats::LinearModel>(*model); linear.features <= 4096) {
    if (const auto engine = serving::make_linear_engine(linear)) check_engine(**engine);
  }
  return 0;
}

}  // namespace clops::fuzz
