#include "serving/protocol/rows.h"

#include <algorithm>
#include <array>
#include <utility>

#include "serving/protocol/json_text.h"
#include "serving/protocol/oip_values.h"
#include "serving/protocol/sticky.h"

namespace clops::serving {
namespace {

constexpr size_t kAbsent = SIZE_MAX;
constexpr size_t kRankMax = 8;

std::unexpected<Error> bad(std::string message) {
  return fail(Code::InvalidArgument, std::move(message));
}

// The dimensions of nested arrays, as their first elements show them.
void measure(JsonCursor json, std::vector<int64_t>& shape) {
  while (json.peek() == '[' && shape.size() < kRankMax) {
    JsonCursor inner = json;
    inner.take('[');
    bool first = true;
    int64_t count = 0;
    for (; inner.next_element(first); ++count) inner.skip_value();
    shape.push_back(count);
    if (count == 0 || !inner.ok()) return;
    json.take('[');
  }
}

}  // namespace

void RowReader::begin(std::string_view body, const EngineInfo& info, const InferLimits& limits, InferRequest& out) {
  body_ = body;
  info_ = &info;
  limits_ = &limits;
  out_ = &out;
  most_ = body.size() / 2 + 1;  // a value takes two bytes of JSON at least
  out.begin(info);
  columns_.of(info);
  widths_.assign(info.required().size(), 0);
  dims_.assign(info.required().size(), {});
  whole_.assign(info.required().size(), 0);
  seen_.assign(columns_.size(), 0);
  order_.clear();
}

Status RowReader::finish() {
  out_->finish(*info_);
  return {};
}

JsonCursor RowReader::cursor(size_t from) const {
  JsonCursor json(body_, limits_->depth_max, from);
  json.allow_words();
  return json;
}

std::unexpected<Error> RowReader::malformed(const JsonCursor& json) const {
  return bad("at byte " + std::to_string(json.at()) + " of the body: " + json.why());
}

// Where the values of the body's members called so are; all others are passed over.
Status RowReader::read_members(std::span<const std::string_view> names, std::span<size_t> at) {
  std::ranges::fill(at, kAbsent);
  JsonCursor json = cursor(0);
  if (!json.take('{')) return bad("the body is not a JSON object");
  bool first = true;
  for (std::string_view key; json.next_key(first, key);) {
    for (size_t i = 0; i < names.size(); ++i) {
      if (!raw_equals(key, names[i])) continue;
      if (at[i] != kAbsent) return bad(json_text(names[i]) + " is given twice");
      (void)json.peek();
      at[i] = json.at();
    }
    json.skip_value();
  }
  json.expect_end();
  return json.ok() ? Status() : malformed(json);
}

Status RowReader::read_v1(std::string_view body, const EngineInfo& info, const InferLimits& limits, bool contributions,
                          InferRequest& out) {
  begin(body, info, limits, out);
  out.contributions = contributions;
  static constexpr std::array<std::string_view, 3> kNames = {"instances", "inputs", "parameters"};
  std::array<size_t, kNames.size()> at{};
  CLOPS_TRY(read_members(kNames, at));
  if ((at[0] == kAbsent) == (at[1] == kAbsent))
    return bad("the body has not exactly one of \"instances\" and \"inputs\"");
  if (!out.sticky_parameter.empty() && at[2] != kAbsent) CLOPS_TRY(read_sticky_at(at[2]));
  const size_t which = at[0] == kAbsent ? 1 : 0;
  CLOPS_TRY(read_value(at[which], kNames[which]));
  return finish();
}

Status RowReader::read_mlflow(std::string_view body, const EngineInfo& info, const InferLimits& limits,
                              InferRequest& out) {
  begin(body, info, limits, out);
  static constexpr std::array<std::string_view, 5> kNames = {"dataframe_split", "dataframe_records", "instances",
                                                             "inputs", "params"};
  std::array<size_t, kNames.size()> at{};
  CLOPS_TRY(read_members(kNames, at));
  if (std::count(at.begin(), at.end() - 1, kAbsent) != 3)
    return bad("the body has not exactly one of dataframe_split, dataframe_records, instances and inputs");
  if (at.back() != kAbsent) CLOPS_TRY(check_params(at.back()));
  const auto which = static_cast<size_t>(std::ranges::find_if(at, [](size_t a) { return a != kAbsent; }) - at.begin());
  const Status read = which == 0 ? read_split(at[which]) : read_value(at[which], kNames[which]);
  if (!read) return fail_in(kNames[which], read.error());
  return finish();
}

// Parameters of MLflow are for models that are programs; none here is. One may keep a user on a side.
Status RowReader::check_params(size_t from) const {
  JsonCursor json = cursor(from);
  if (json.null_if_next()) return {};
  bool first = true;
  std::string_view key;
  if (!json.take('{')) return bad("this model takes no params");
  while (json.next_key(first, key)) {
    const bool sticky = !out_->sticky_parameter.empty() && raw_equals(key, out_->sticky_parameter);
    if (!sticky) return bad("this model takes no params");
    CLOPS_TRY(read_sticky(json, key, *out_));
  }
  return json.ok() ? Status() : malformed(json);
}

Status RowReader::read_sticky_at(size_t from) const {
  JsonCursor json = cursor(from);
  return read_sticky_of(json, *out_);
}

// Elements of the array that comes, of which there is at least one.
Result<size_t> RowReader::count_rows(JsonCursor json) const {
  if (!json.take('[')) return bad("is not an array");
  bool first = true;
  size_t rows = 0;
  for (; json.next_element(first); ++rows) json.skip_value();
  if (!json.ok()) return malformed(json);
  if (rows == 0) return bad("there are no rows");
  if (rows > limits_->rows_max)
    return bad(std::to_string(rows) + " rows are more than " + std::to_string(limits_->rows_max));
  return rows;
}

Status RowReader::read_value(size_t from, std::string_view member) {
  JsonCursor json = cursor(from);
  if (json.peek() == '{') return read_columns(from);
  if (json.peek() != '[') return bad(json_text(member) + " is neither an array nor an object");
  CLOPS_ASSIGN(const size_t rows, count_rows(json));
  json.take('[');
  return json.peek() == '{' ? read_objects(from, rows) : read_arrays(from, rows);
}

size_t RowReader::input_called(std::string_view raw) const {
  const auto inputs = info_->required();
  const auto at = std::ranges::find_if(inputs, [&](const TensorSpec& spec) { return raw_equals(raw, spec.name); });
  return at == inputs.end() ? kAbsent : static_cast<size_t>(at - inputs.begin());
}

Status RowReader::make_room_for(size_t input, std::vector<int64_t> shape) {
  const TensorSpec& spec = info_->inputs[input];
  // One value a row may be written without brackets, and with them.
  if (!spec.any_shape && spec.shape.size() == 2 && shape.size() == 1) shape.push_back(1);
  if (!spec.takes(shape))
    return bad("shape " + shape_text(shape) + " does not fit " + shape_text(spec.shape) + ", with at least one row");
  size_t count = 1;
  for (const int64_t dimension : shape) {
    if (static_cast<uint64_t>(dimension) > most_) count = most_ + 1;
    if (count <= most_) count *= static_cast<size_t>(dimension);
  }
  if (count > most_) return bad("the body has too few values for shape " + shape_text(shape));
  out_->inputs[input].reset(spec.datatype, shape);
  out_->given[input] = 1;
  widths_[input] = count / static_cast<size_t>(shape[0]);
  return {};
}

Status RowReader::make_room(size_t rows) {
  for (size_t i = 0; i < info_->required().size(); ++i) {
    const TensorSpec& spec = info_->inputs[i];
    std::vector<int64_t> shape{static_cast<int64_t>(rows)};
    if (!dims_[i].empty()) {
      shape.insert(shape.end(), dims_[i].begin(), dims_[i].end());
    } else {
      for (size_t d = 1; d < spec.shape.size(); ++d)
        shape.push_back(spec.shape[d] < 0 && d == 1 && columns_.size() > 0 ? static_cast<int64_t>(columns_.size())
                                                                           : spec.shape[d]);
    }
    if (std::ranges::count(shape, -1) > 0)
      return bad("input " + json_text(spec.name) + ": this model's columns have no names: send rows as arrays");
    if (const Status made = make_room_for(i, std::move(shape)); !made)
      return fail_in("input " + json_text(spec.name), made.error());
  }
  return {};
}

Status RowReader::read_arrays(size_t from, size_t rows) {
  if (info_->required().size() != 1)
    return bad("this model takes " + std::to_string(info_->required().size()) + " inputs: send objects by name");
  std::vector<int64_t> shape;
  measure(cursor(from), shape);
  shape[0] = static_cast<int64_t>(rows);
  CLOPS_TRY(make_room_for(0, std::move(shape)));
  JsonCursor json = cursor(from);
  return read_untyped_values(json, out_->inputs[0], names_of(0));
}

Status RowReader::read_cell(JsonCursor& json, size_t row, size_t column) {
  const auto [input, offset] = columns_.place(column);
  const bool wrapped = json.take('[');
  read_untyped_cell(json, row * widths_[input] + offset, out_->inputs[input], names_of(input));
  if (wrapped) json.expect(']', "a cell has more than one value");
  if (json.ok()) return {};
  return bad("row " + std::to_string(row) + ", column " + columns_.shown(column) + ": " + json.why() + " (byte " +
             std::to_string(json.at()) + " of the body)");
}

// Every column and input was there, alone or as part of its input.
Status RowReader::check_complete(size_t stamp, bool is_row) const {
  const std::string where = is_row ? "row " + std::to_string(stamp - 1) + ": " : "";
  for (size_t column = 0; column < seen_.size(); ++column) {
    const auto [input, offset] = columns_.place(column);
    if (seen_[column] == stamp || whole_[input] == stamp) continue;
    if (columns_.named()) return bad(where + "column " + columns_.shown(column) + " is missing");
    return bad(where + "this model's columns have no names: send rows as arrays");
  }
  if (!seen_.empty()) return {};
  for (size_t input = 0; input < whole_.size(); ++input)
    if (whole_[input] != stamp) return bad(where + "input " + json_text(info_->inputs[input].name) + " is missing");
  return {};
}

Status RowReader::read_objects(size_t from, size_t rows) {
  JsonCursor json = cursor(from);
  json.take('[');
  json.take('{');
  bool first = true;
  for (std::string_view key; json.next_key(first, key); json.skip_value())
    if (const size_t input = input_called(key); input != kAbsent && columns_.find_raw(key, 0) == Columns::kNone)
      measure(json, dims_[input]);
  CLOPS_TRY(make_room(rows));
  json = cursor(from);
  json.take('[');
  first = true;
  for (size_t row = 0; json.next_element(first); ++row) CLOPS_TRY(read_object(json, row));
  return json.ok() ? Status() : malformed(json);
}

Status RowReader::read_object(JsonCursor& json, size_t row) {
  if (!json.take('{')) return bad("row " + std::to_string(row) + " is not an object");
  bool first = true;
  size_t expected = 0;
  for (std::string_view key; json.next_key(first, key);) {
    const size_t column = columns_.find_raw(key, expected);
    const size_t input = column == Columns::kNone ? input_called(key) : kAbsent;
    if (column == Columns::kNone && input == kAbsent) {
      json.skip_value();
      continue;
    }
    size_t& stamp = input == kAbsent ? seen_[column] : whole_[input];
    if (stamp == row + 1)
      return bad("row " + std::to_string(row) + ": " + json_text(unescaped(key)) + " is given twice");
    stamp = row + 1;
    if (input == kAbsent) {
      expected = column + 1;
      CLOPS_TRY(read_cell(json, row, column));
    } else if (const Status read = read_untyped_row(json, row, out_->inputs[input], names_of(input)); !read) {
      return fail_in("input " + json_text(info_->inputs[input].name), read.error());
    }
  }
  return json.ok() ? check_complete(row + 1, true) : malformed(json);
}

Status RowReader::read_columns(size_t from) {
  JsonCursor json = cursor(from);
  json.take('{');
  bool first = true;
  size_t rows = 0;
  for (std::string_view key; json.next_key(first, key); json.skip_value()) {
    const size_t column = columns_.find_raw(key, 0);
    const size_t input = column == Columns::kNone ? input_called(key) : kAbsent;
    if (column == Columns::kNone && input == kAbsent) continue;
    const auto count = count_rows(json);
    if (!count) return fail_in(json_text(unescaped(key)), count.error());
    if (rows == 0) rows = *count;
    if (input == kAbsent) continue;
    measure(json, dims_[input]);
    dims_[input].erase(dims_[input].begin());
  }
  if (!json.ok()) return malformed(json);
  if (rows == 0) return bad("there is no column that this model knows");
  CLOPS_TRY(make_room(rows));
  json = cursor(from);
  json.take('{');
  first = true;
  for (std::string_view key; json.next_key(first, key);) {
    const size_t column = columns_.find_raw(key, 0);
    const size_t input = column == Columns::kNone ? input_called(key) : kAbsent;
    if (column == Columns::kNone && input == kAbsent) {
      json.skip_value();
      continue;
    }
    size_t& stamp = input == kAbsent ? seen_[column] : whole_[input];
    if (std::exchange(stamp, 1) == 1) return bad(json_text(unescaped(key)) + " is given twice");
    const Status read = input == kAbsent ? read_column(json, column, rows)
                                         : read_untyped_values(json, out_->inputs[input], names_of(input));
    if (!read) return fail_in(json_text(unescaped(key)), read.error());
  }
  return check_complete(1, false);
}

Status RowReader::read_column(JsonCursor& json, size_t column, size_t rows) {
  json.take('[');
  bool first = true;
  size_t row = 0;
  for (; json.next_element(first); ++row) {
    if (row == rows) return bad("has more than " + std::to_string(rows) + " values");
    CLOPS_TRY(read_cell(json, row, column));
  }
  if (!json.ok()) return malformed(json);
  return row == rows ? Status() : bad("has " + std::to_string(row) + " values, not " + std::to_string(rows));
}

Status RowReader::read_split(size_t from) {
  JsonCursor json = cursor(from);
  if (!json.take('{')) return bad("is not an object");
  size_t columns = kAbsent, data = kAbsent;
  bool first = true;
  for (std::string_view key; json.next_key(first, key); json.skip_value()) {
    size_t* const at = raw_equals(key, "columns") ? &columns : raw_equals(key, "data") ? &data : nullptr;
    if (at == nullptr) continue;
    if (*at != kAbsent) return bad(json_text(unescaped(key)) + " is given twice");
    (void)json.peek();
    *at = json.at();
  }
  if (data == kAbsent) return bad("\"data\" is missing");
  CLOPS_ASSIGN(const size_t rows, count_rows(cursor(data)));
  if (columns == kAbsent || columns_.size() == 0) return read_arrays(data, rows);
  CLOPS_TRY(read_split_head(columns));
  CLOPS_TRY(make_room(rows));
  return read_split_rows(data);
}

// The columns' names, or numbers where nobody named them.
Status RowReader::read_split_head(size_t from) {
  JsonCursor json = cursor(from);
  if (!json.take('[')) return bad("\"columns\" is not an array");
  bool first = true, text = false;
  while (json.next_element(first)) {
    if (json.peek() != '"') {
      json.skip_value();
      order_.push_back(Columns::kNone);
      continue;
    }
    text = true;
    order_.push_back(columns_.find_raw(json.string_raw(), order_.size()));
  }
  if (!json.ok()) return malformed(json);
  return judge_order(!text || !columns_.named());
}

// Which of the model's columns each that comes is; `positional`: they have no names that count.
Status RowReader::judge_order(bool positional) {
  if (positional) {
    if (order_.size() != columns_.size())
      return bad("there are " + std::to_string(order_.size()) + " columns, and this model takes " +
                 std::to_string(columns_.size()));
    for (size_t i = 0; i < order_.size(); ++i) order_[i] = i;
  }
  for (const size_t column : order_) {
    if (column == Columns::kNone) continue;
    if (std::exchange(seen_[column], 1) == 1) return bad("column " + columns_.shown(column) + " is given twice");
  }
  return check_complete(1, false);
}

Status RowReader::read_split_rows(size_t from) {
  JsonCursor json = cursor(from);
  json.take('[');
  bool first = true;
  for (size_t row = 0; json.next_element(first); ++row) {
    if (!json.take('[')) return bad("row " + std::to_string(row) + " is not an array");
    bool first_cell = true;
    size_t cell = 0;
    for (; json.next_element(first_cell); ++cell) {
      if (cell == order_.size()) return bad("row " + std::to_string(row) + " has more values than there are columns");
      if (order_[cell] == Columns::kNone) {
        json.skip_value();
      } else {
        CLOPS_TRY(read_cell(json, row, order_[cell]));
      }
    }
    if (!json.ok()) return malformed(json);
    if (cell != order_.size())
      return bad("row " + std::to_string(row) + " has " + std::to_string(cell) + " values, not " +
                 std::to_string(order_.size()));
  }
  return json.ok() ? Status() : malformed(json);
}

}  // namespace clops::serving
