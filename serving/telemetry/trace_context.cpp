#include "serving/telemetry/trace_context.h"

#include <algorithm>

namespace clops::serving {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";
constexpr size_t kTraceAt = 3, kParentAt = 36, kFlagsAt = 53;

int digit(char c) {  // lower case only
  return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool read_hex(std::string_view text, std::span<uint8_t> out) {
  for (size_t i = 0; i < out.size(); ++i) {
    const int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return true;
}

bool is_zero(std::span<const uint8_t> bytes) {
  return std::ranges::all_of(bytes, [](uint8_t byte) { return byte == 0; });
}

}  // namespace

std::optional<TraceParent> parse_traceparent(std::string_view text) {
  if (text.size() < kTraceParentSize || text[2] != '-' || text[kParentAt - 1] != '-' || text[kFlagsAt - 1] != '-')
    return std::nullopt;
  std::array<uint8_t, 1> version{}, flags{};
  TraceParent out;
  if (!read_hex(text, version) || !read_hex(text.substr(kTraceAt), out.trace) ||
      !read_hex(text.substr(kParentAt), out.parent) || !read_hex(text.substr(kFlagsAt), flags))
    return std::nullopt;
  if (version[0] == 0xff || is_zero(out.trace) || is_zero(out.parent)) return std::nullopt;
  // Later versions may say more, after another dash.
  if (text.size() > kTraceParentSize && (version[0] == 0 || text[kTraceParentSize] != '-')) return std::nullopt;
  out.sampled = (flags[0] & 1) != 0;
  return out;
}

std::optional<TraceParent> find_traceparent(std::span<const HeaderView> headers) {
  constexpr std::string_view kName = "traceparent";
  const HeaderView* found = nullptr;
  for (const HeaderView& header : headers) {
    if (header.name.size() != kName.size() || !same_header_name(header.name, kName)) continue;
    if (found != nullptr) return std::nullopt;
    found = &header;
  }
  return found == nullptr ? std::nullopt : parse_traceparent(found->value);
}

std::string_view kept_tracestate(std::string_view text, size_t bytes_max) {
  if (!std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; })) return {};
  if (text.size() <= bytes_max) return text;
  const size_t comma = text.substr(0, bytes_max + 1).rfind(',');
  return comma == std::string_view::npos ? std::string_view() : text.substr(0, comma);
}

void append_hex(std::string& out, std::span<const uint8_t> bytes) {
  for (const uint8_t byte : bytes) {
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
}

std::string print_traceparent(const TraceParent& parent) {
  std::string out = "00-";
  append_hex(out, parent.trace);
  out += '-';
  append_hex(out, parent.parent);
  out += parent.sampled ? "-01" : "-00";
  return out;
}

}  // namespace clops::serving
