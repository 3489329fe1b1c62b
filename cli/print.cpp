#include "cli/print.h"

#include <algorithm>
#include <charconv>
#include <ostream>

namespace clops::cli {
namespace {

// Terminal cells of UTF-8 text, near enough for columns: one per code point.
size_t width(std::string_view text) {
  return static_cast<size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string cell_text(const Json& cell) {
  if (cell.is_string()) return cell.get_ref<const std::string&>();
  return cell.is_null() ? "" : dump_json(cell);
}

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

}  // namespace

void print_columns(std::ostream& out, const std::vector<Row>& rows, std::string_view indent) {
  std::vector<size_t> widths;
  const auto shown = [](const std::string& cell) -> std::string_view {
    return cell.empty() ? "<none>" : std::string_view(cell);
  };
  for (const Row& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(shown(row[i])));
  }
  for (const Row& row : rows) {
    out << indent;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string_view cell = shown(row[i]);
      out << cell;
      if (i + 1 < row.size()) out << std::string(widths[i] - width(cell) + 3, ' ');
    }
    out << '\n';
  }
}

std::vector<Row> rows_of_table(const Json& table, const TableStyle& style) {
  std::vector<Row> out;
  const Json* columns = find_path(table, {"columnDefinitions"});
  const Json* rows = find_path(table, {"rows"});
  if (columns == nullptr || rows == nullptr || !columns->is_array() || !rows->is_array()) return out;
  std::vector<size_t> shown;
  Row head;
  if (style.with_namespace) head.emplace_back("NAMESPACE");
  for (size_t i = 0; i < columns->size(); ++i) {
    if (!style.wide && int_at((*columns)[i], {"priority"}) > 0) continue;
    shown.push_back(i);
    head.push_back(upper(string_at((*columns)[i], {"name"})));
  }
  out.push_back(std::move(head));
  for (const Json& row : *rows) {
    Row line;
    if (style.with_namespace) line.push_back(string_at(row, {"object", "metadata", "namespace"}));
    const Json* cells = find_path(row, {"cells"});
    for (const size_t i : shown) line.push_back(cells != nullptr && i < cells->size() ? cell_text((*cells)[i]) : "");
    out.push_back(std::move(line));
  }
  return out;
}

std::string age(std::string_view timestamp, WallTime now) {
  const auto then = from_rfc3339(timestamp);
  if (!then) return "<unknown>";
  const auto seconds = std::max<int64_t>(0, std::chrono::duration_cast<std::chrono::seconds>(now - *then).count());
  if (seconds < 120) return std::to_string(seconds) + "s";
  if (seconds < 120 * 60) return std::to_string(seconds / 60) + "m";
  if (seconds < 48 * 3600) return std::to_string(seconds / 3600) + "h";
  return std::to_string(seconds / 86400) + "d";
}

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit = text.substr(static_cast<size_t>(end - text.data()));
  double scale = -1;
  if (unit.empty() || unit == "s") scale = 1'000;
  if (unit == "ms") scale = 1;
  if (unit == "m") scale = 60'000;
  if (unit == "h") scale = 3'600'000;
  if (error != std::errc{} || scale < 0 || !(number >= 0 && number <= 1e6)) {
    return fail(Code::InvalidArgument, "\"" + std::string(text) + "\" is no duration: write 500ms, 30s, 2m or 1h");
  }
  return std::chrono::milliseconds(static_cast<int64_t>(number * scale));
}

}  // namespace clops::cli
