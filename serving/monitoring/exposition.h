// Writes the Prometheus text exposition, format 0.0.4. Thread rule: values.
#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

namespace clops::serving {

struct Exposition {
  std::string& out;

  void family(std::string_view name, std::string_view type, std::string_view help) {
    (((((out += "# HELP ") += name) += ' ') += help) += "\n# TYPE ") += name;
    ((out += ' ') += type) += '\n';
  }
  template <class T>
  void line(std::string_view name, std::string_view labels, T value) {
    out += name;
    if (!labels.empty()) ((out += '{') += labels) += '}';
    out += ' ';
    append(out, value);
    out += '\n';
  }

  static void append(std::string& out, double value) {
    char digits[32];
    out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
  }
  static void append(std::string& out, uint64_t value) { out += std::to_string(value); }

  static void append_label(std::string& out, std::string_view name, std::string_view value) {
    out += name;
    out += "=\"";
    for (const char c : value) {
      if (c == '\\' || c == '"') out += '\\';
      if (c == '\n') {
        out += "\\n";
      } else {
        out += c;
      }
    }
    out += '"';
  }
};

}  // namespace clops::serving
