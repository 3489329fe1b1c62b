// Text for people: aligned columns, ages, durations. Pure.
#pragma once

#include <chrono>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/time.h"

namespace clops::cli {

using Row = std::vector<std::string>;
// Columns as wide as their widest cell, three spaces apart; empty cells print as "<none>" like kubectl's.
void print_columns(std::ostream& out, const std::vector<Row>& rows, std::string_view indent = "");

// The server's own table. `wide`: also the columns of lower priority; `with_namespace`: a first column NAMESPACE.
struct TableStyle {
  bool wide = false, with_namespace = false;
};
[[nodiscard]] std::vector<Row> rows_of_table(const Json& table, const TableStyle& style);

// "45s", "12m", "3h", "5d" between a timestamp and now; "<unknown>" for what is no timestamp.
[[nodiscard]] std::string age(std::string_view timestamp, WallTime now);

// "30s", "2m", "500ms", "1h"; a bare number is seconds.
[[nodiscard]] Result<std::chrono::milliseconds> parse_duration(std::string_view text);

}  // namespace clops::cli
