// Rows as dialects older than the Open Inference Protocol write them, straight into a model's tensors.
//
//   KServe V1   {"instances": ROWS} | {"inputs": ROWS or COLUMNS}
//   MLflow      {"dataframe_split": {"columns", "data"}} | {"dataframe_records": ROWS} | as above; CSV with a head line
// ROWS: arrays of values, or objects by column or input; COLUMNS: an object of arrays by column or input. Columns are
// matched by name (columns.h), in any order; those the model does not know are left aside, those it needs must be
// there. A model without names takes its columns in their order. NaN and Infinity are taken as Python writes them.
// Values become the model's as oip_values.h's untyped ones do, names of categories too; in CSV an empty cell, NA, NaN,
// null and None are missing unless they are such a name, and a cell that is a number is a code. Thread rule: one
// RowReader per thread, reused. Ownership: strings view the body. Errors: InvalidArgument that names row and column.
// Memory is never asked for that the body cannot fill.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "serving/protocol/columns.h"
#include "serving/protocol/json_cursor.h"
#include "serving/protocol/oip_json.h"

namespace clops::serving {

class RowReader {
 public:
  // Each begins and finishes `out`; `contributions` asks for them too.
  [[nodiscard]] Status read_v1(std::string_view body, const EngineInfo& info, const InferLimits& limits,
                               bool contributions, InferRequest& out);
  [[nodiscard]] Status read_mlflow(std::string_view body, const EngineInfo& info, const InferLimits& limits,
                                   InferRequest& out);
  [[nodiscard]] Status read_csv(std::string_view body, const EngineInfo& info, const InferLimits& limits,
                                InferRequest& out);

 private:
  void begin(std::string_view body, const EngineInfo& info, const InferLimits& limits, InferRequest& out);
  Status finish();
  [[nodiscard]] JsonCursor cursor(size_t from) const;
  [[nodiscard]] Status read_members(std::span<const std::string_view> names, std::span<size_t> at);
  Status read_value(size_t from, std::string_view member);
  Status read_arrays(size_t from, size_t rows);
  Status read_objects(size_t from, size_t rows);
  Status read_object(JsonCursor& json, size_t row);
  Status read_columns(size_t from);
  Status read_column(JsonCursor& json, size_t column, size_t rows);
  Status read_split(size_t from);
  Status read_split_head(size_t from);
  Status judge_order(bool positional);
  Status read_split_rows(size_t from);
  Status check_params(size_t from) const;
  Status read_sticky_at(size_t from) const;
  Status check_complete(size_t stamp, bool is_row) const;
  Status read_cell(JsonCursor& json, size_t row, size_t column);
  Result<size_t> count_rows(JsonCursor json) const;
  Status make_room(size_t rows);
  Status make_room_for(size_t input, std::vector<int64_t> shape);
  [[nodiscard]] size_t input_called(std::string_view raw) const;
  [[nodiscard]] const CategoryNames* names_of(size_t input) const { return info_->inputs[input].categories.get(); }
  [[nodiscard]] std::unexpected<Error> malformed(const JsonCursor& json) const;

  Status read_csv_head(std::string_view& rest);
  Status read_csv_rows(std::string_view rest);
  Status set_csv_cell(std::string_view text, bool doubled_quotes, size_t row, size_t column);

  std::string_view body_;
  size_t most_ = 0;  // values that the body can hold
  const EngineInfo* info_ = nullptr;
  const InferLimits* limits_ = nullptr;
  InferRequest* out_ = nullptr;
  Columns columns_;
  std::vector<size_t> widths_;              // of a row, per input
  std::vector<size_t> order_;               // of the columns that come: which the model's, or kNone
  std::vector<size_t> seen_, whole_;        // per column, per input: the last row that had it, counted from 1
  std::vector<std::vector<int64_t>> dims_;  // per input: its row's dimensions as measured
};

}  // namespace clops::serving
