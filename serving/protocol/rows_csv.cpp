// CSV, as RFC 4180 has it and pandas writes it.
#include <algorithm>
#include <array>
#include <limits>
#include <optional>

#include "serving/protocol/json_text.h"
#include "serving/protocol/oip_values.h"
#include "serving/protocol/rows.h"

namespace clops::serving {
namespace {

std::unexpected<Error> bad(std::string message) {
  return fail(Code::InvalidArgument, std::move(message));
}

struct Cell {
  std::string_view text;
  bool doubled_quotes = false;  // in a quoted cell, where two mean one
  bool last = false;            // of its line
};

// Takes the next cell of `rest`, and the line's end after the last one. False: a quote does not end where a cell does.
bool next_cell(std::string_view& rest, Cell& cell) {
  cell = {};
  size_t end = 0;
  if (rest.starts_with('"')) {
    for (end = 1;; ++end) {
      end = rest.find('"', end);
      if (end == std::string_view::npos) return false;
      if (end + 1 >= rest.size() || rest[end + 1] != '"') break;
      cell.doubled_quotes = true;
      ++end;
    }
    cell.text = rest.substr(1, end - 1);
    ++end;
  } else {
    end = std::min(rest.find_first_of(",\n"), rest.size());
    cell.text = rest.substr(0, end);
    if (cell.text.ends_with('\r') && (end == rest.size() || rest[end] == '\n')) cell.text.remove_suffix(1);
  }
  rest.remove_prefix(end);
  if (rest.starts_with("\r\n")) rest.remove_prefix(1);
  cell.last = rest.empty() || rest.front() == '\n';
  if (!cell.last && rest.front() != ',') return false;
  rest.remove_prefix(rest.empty() ? 0 : 1);
  return true;
}

void skip_empty_lines(std::string_view& rest) {
  while (rest.starts_with('\n') || rest.starts_with("\r\n")) rest.remove_prefix(rest.front() == '\n' ? 1 : 2);
}

bool is_missing(std::string_view text) {
  static constexpr std::array<std::string_view, 10> kWords = {"",    "NA",   "N/A",  "NaN",  "nan",
                                                              "n/a", "NULL", "null", "None", "<NA>"};
  return std::ranges::find(kWords, text) != kWords.end();
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

std::string_view with_single_quotes(std::string_view text, std::string& room) {
  room.clear();
  for (size_t i = 0; i < text.size(); ++i) {
    room += text[i];
    if (text[i] == '"') ++i;
  }
  return room;
}

void set_number(double value, size_t element, TensorBuffer& to) {
  if (to.datatype() == Datatype::Fp32) {
    to.as<float>()[element] = static_cast<float>(value);
  } else {
    to.as<double>()[element] = value;
  }
}

// Digits, whatever they are followed by: not a word that may stand for a number.
bool begins_with_digits(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  if (text.starts_with('.')) text.remove_prefix(1);
  return !text.empty() && text.front() >= '0' && text.front() <= '9';
}

}  // namespace

Status RowReader::read_csv(std::string_view body, const EngineInfo& info, const InferLimits& limits,
                           InferRequest& out) {
  begin(body, info, limits, out);
  most_ = body.size() + 1;  // a cell may be as short as the comma after it
  if (columns_.size() == 0) return bad("this model is no table: send JSON");
  std::string_view rest = body;
  if (rest.starts_with("\xef\xbb\xbf")) rest.remove_prefix(3);
  CLOPS_TRY(read_csv_head(rest));
  size_t rows = 0;
  Cell cell;
  std::string_view counted = rest;
  for (skip_empty_lines(counted); !counted.empty(); skip_empty_lines(counted)) {
    do {
      if (!next_cell(counted, cell))
        return bad("row " + std::to_string(rows) + ": a quote does not end where a cell does");
    } while (!cell.last);
    ++rows;
  }
  if (rows == 0) return bad("there are no rows after the head line");
  if (rows > limits.rows_max)
    return bad(std::to_string(rows) + " rows are more than " + std::to_string(limits.rows_max));
  CLOPS_TRY(make_room(rows));
  CLOPS_TRY(read_csv_rows(rest));
  return finish();
}

Status RowReader::read_csv_head(std::string_view& rest) {
  skip_empty_lines(rest);
  Cell cell;
  std::string room;
  do {
    if (!next_cell(rest, cell)) return bad("the head line: a quote does not end where a cell does");
    const size_t expected = order_.size();
    order_.push_back(cell.doubled_quotes ? columns_.find(with_single_quotes(cell.text, room), expected)
                                         : columns_.find(cell.text, expected));
  } while (!cell.last);
  return judge_order(!columns_.named());
}

Status RowReader::read_csv_rows(std::string_view rest) {
  size_t row = 0;
  for (skip_empty_lines(rest); !rest.empty(); skip_empty_lines(rest), ++row) {
    Cell cell;
    size_t place = 0;
    for (; !cell.last; ++place) {
      if (place == order_.size() || !next_cell(rest, cell)) break;
      if (order_[place] != Columns::kNone) CLOPS_TRY(set_csv_cell(cell.text, cell.doubled_quotes, row, order_[place]));
    }
    if (place != order_.size() || !cell.last)
      return bad("row " + std::to_string(row) + " has not the " + std::to_string(order_.size()) +
                 " cells of the head line");
  }
  return {};
}

Status RowReader::set_csv_cell(std::string_view text, bool doubled_quotes, size_t row, size_t column) {
  const auto [input, offset] = columns_.place(column);
  TensorBuffer& to = out_->inputs[input];
  const size_t element = row * widths_[input] + offset;
  if (to.datatype() == Datatype::Bytes) {
    if (doubled_quotes) {
      to.set_text(element, with_single_quotes(text, to.room()));
    } else {
      to.as<std::string_view>()[element] = text;
    }
    return {};
  }
  const CategoryNames* names = names_of(input);
  if (names != nullptr && !names->has(offset)) names = nullptr;
  const std::string_view word = trimmed(text);
  std::optional<double> code;
  if (names != nullptr) {
    if (doubled_quotes) text = with_single_quotes(text, to.room());
    if (!begins_with_digits(word)) code = names->find(offset, text);
  }
  if (!code && read_cell_text(is_missing(word) ? "nan" : word, element, to)) return {};
  if (!code && names != nullptr) code = names->code(offset, text);
  if (code) {
    set_number(*code, element, to);
    return {};
  }
  return bad("row " + std::to_string(row) + ", column " + columns_.shown(column) + ": " +
             (names != nullptr ? names->refusal(offset, text)
                               : json_text(text.substr(0, 64)) + " is not a number that fits " +
                                     std::string(to_string(to.datatype()))));
}

}  // namespace clops::serving
