#include "formats/document.h"

#include <limits>

namespace clops::formats {

std::unexpected<Error> DocumentReader::fail_here(std::string_view what) const {
  return fail(Code::InvalidArgument, "at byte " + std::to_string(position()) + ": " + std::string(what));
}

Status DocumentReader::integers(std::vector<int32_t>& into) {
  into.clear();
  CLOPS_TRY(begin_array());
  while (true) {
    CLOPS_ASSIGN(const bool more, next_item());
    if (!more) return {};
    CLOPS_ASSIGN(const int64_t value, integer());
    if (value < std::numeric_limits<int32_t>::min() || value > std::numeric_limits<int32_t>::max())
      return fail_here("an integer beyond 32 bits");
    into.push_back(static_cast<int32_t>(value));
  }
}

Status DocumentReader::reals(std::vector<float>& into) {
  into.clear();
  CLOPS_TRY(begin_array());
  while (true) {
    CLOPS_ASSIGN(const bool more, next_item());
    if (!more) return {};
    CLOPS_ASSIGN(const float value, real());
    into.push_back(value);
  }
}

Status DocumentReader::reals_at(size_t position, std::vector<float>& into) {
  const size_t here = this->position();
  seek(position);
  CLOPS_TRY(reals(into));
  seek(here);
  return {};
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
      if (!skip_numbers()) {
        CLOPS_TRY(begin_array());
        open.push_back(false);
      }
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
