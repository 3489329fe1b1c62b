// Text as a JSON string. Thread rule: pure.
#pragma once

#include <string>
#include <string_view>

namespace clops::serving {

void append_json_string(std::string& out, std::string_view text);  // quoted; bytes that are not UTF-8 become U+FFFD
[[nodiscard]] std::string json_text(std::string_view text);

}  // namespace clops::serving
