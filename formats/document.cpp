#include "formats/document.h"

#include <limits>

namespace clops::formats {

std::unexpected<Error> DocumentReader::fail_here(std::string_view what) const {
  return fail(Code::InvalidArgument, "at byte " + std::to_string(position()) + ": " + std::string(what));
}

Result<std::vector<int32_t>> DocumentReader::integers() {
  std::vector<int32_t> values;
  CLOPS_TRY(begin_array());
  while (true) {
    CLOPS_ASSIGN(const bool more, next_item());
    if (!more) return values;
    CLOPS_ASSIGN(const int64_t value, integer());
    if (value < std::numeric_limits<int32_t>::min() || value > std::numeric_limits<int32_t>::max())
      return fail_here("an integer beyond 32 bits");
    values.push_back(static_cast<int32_t>(value));
  }
}

Result<std::vector<float>> DocumentReader::reals() {
  std::vector<float> values;
  CLOPS_TRY(begin_array());
  while (true) {
    CLOPS_ASSIGN(const bool more, next_item());
    if (!more) return values;
    CLOPS_ASSIGN(const float value, real());
    values.push_back(value);
  }
}

Result<std::vector<std::string>> DocumentReader::strings() {
  std::vector<std::string> values;
  CLOPS_TRY(begin_array());
  while (true) {
    CLOPS_ASSIGN(const bool more, next_item());
    if (!more) return values;
    CLOPS_ASSIGN(std::string value, string());
    values.push_back(std::move(value));
  }
}

Status DocumentReader::skip() {
  std::vector<bool> open;  // true = object; the depth is the reader's to limit
  std::string key;
  while (true) {
    CLOPS_ASSIGN(const Kind next, kind());
    if (next == Kind::Object) {
      CLOPS_TRY(begin_object());
      open.push_back(true);
    } else if (next == Kind::Array) {
      CLOPS_TRY(begin_array());
      open.push_back(false);
    } else if (next == Kind::String) {
      CLOPS_TRY(string());
    } else {
      CLOPS_TRY(real());
    }
    while (!open.empty()) {
      CLOPS_ASSIGN(const bool more, open.back() ? next_key(key) : next_item());
      if (more) break;
      open.pop_back();
    }
    if (open.empty()) return {};
  }
}

}  // namespace clops::formats
