#include "cli/rows.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/json.h"

namespace clops::cli {
namespace {

constexpr size_t kCellsMax = 10'000'000;

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\"";
  const size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

bool is_missing(std::string_view cell) {
  return cell.empty() || cell == "NA" || cell == "null" || cell == "NaN" || cell == "nan" || cell == "NAN";
}

// A number as JSON has it ("+1", ".5" and "1." are none there, so they are printed anew).
// Text in quotes, which JSON alone brings, is for the server to judge: it may be the name of a category.
Result<std::string> value_of(std::string_view cell) {
  if (cell.starts_with('"')) return std::string(cell);
  if (is_missing(cell)) return std::string("null");
  const std::string_view digits = cell.front() == '+' ? cell.substr(1) : cell;
  double value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc{} || end != digits.data() + digits.size() || !std::isfinite(value)) {
    return fail(Code::InvalidArgument, "\"" + std::string(cell) + "\" is no number");
  }
  if (parse_json(cell)) return std::string(cell);
  return dump_json(Json(value));
}

std::vector<std::string_view> split(std::string_view line) {
  std::vector<std::string_view> cells;
  for (size_t at = 0; at <= line.size();) {
    const size_t comma = std::min(line.find(',', at), line.size());
    cells.push_back(trim(line.substr(at, comma - at)));
    at = comma + 1;
  }
  return cells;
}

bool is_header(const std::vector<std::string_view>& cells) {
  return std::ranges::any_of(cells, [](std::string_view cell) { return !value_of(cell); });
}

Status add_row(const std::vector<std::string_view>& cells, const std::string& where, Rows& rows) {
  if (rows.columns == 0) rows.columns = cells.size();
  if (cells.size() != rows.columns) {
    return fail(Code::InvalidArgument, where + ": " + std::to_string(cells.size()) + " values; the rows before have " +
                                           std::to_string(rows.columns));
  }
  for (size_t i = 0; i < cells.size(); ++i) {
    auto value = value_of(cells[i]);
    if (!value) return fail_in(where + ", column " + std::to_string(i + 1), value.error());
    rows.cells.push_back(std::move(*value));
  }
  if (rows.cells.size() > kCellsMax) return fail(Code::TooLarge, "more than 10 million values");
  return {};
}

Result<Rows> from_json(std::string_view text) {
  CLOPS_ASSIGN(const Json json, parse_json(text, {.bytes_max = 256u << 20}));
  Rows rows;
  for (size_t r = 0; r < json.size(); ++r) {
    const std::string where = "row " + std::to_string(r + 1);
    if (!json[r].is_array()) return fail(Code::InvalidArgument, where + ": not an array of values");
    std::vector<std::string> texts;
    for (const Json& cell : json[r]) texts.push_back(dump_json(cell));
    CLOPS_TRY(add_row({texts.begin(), texts.end()}, where, rows));
  }
  return rows;
}

}  // namespace

Result<Rows> parse_rows(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return fail(Code::InvalidArgument, "no rows");
  Rows rows;
  if (text[first] == '[') {
    CLOPS_ASSIGN(rows, from_json(text));
  } else {
    size_t number = 0;
    for (size_t at = 0; at < text.size();) {
      const size_t end = std::min(text.find('\n', at), text.size());
      const std::string_view line = text.substr(at, end - at);
      at = end + 1;
      ++number;
      if (trim(line).empty()) continue;
      const std::vector<std::string_view> cells = split(line);
      if (rows.cells.empty() && number == 1 && is_header(cells)) continue;
      CLOPS_TRY(add_row(cells, "line " + std::to_string(number), rows));
    }
  }
  if (rows.cells.empty()) return fail(Code::InvalidArgument, "no rows");
  return rows;
}

// FP64: the decimals as written, whatever the model turns them into.
std::string infer_request(const Rows& rows, size_t first, size_t count, std::string_view input_name) {
  std::string body = "{\"inputs\":[{\"name\":" + dump_json(Json(input_name)) + ",\"datatype\":\"FP64\",\"shape\":[" +
                     std::to_string(count) + "," + std::to_string(rows.columns) + "],\"data\":[";
  for (size_t i = first * rows.columns; i < (first + count) * rows.columns; ++i) {
    if (i != first * rows.columns) body += ',';
    body += rows.cells[i];
  }
  return body + "]}]}";
}

}  // namespace clops::cli
