#include "serving/http/content.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace clops::serving::http {
namespace {

constexpr size_t kKeepBytes = 1u << 20;
// Python's clients ask for gzip without being told to: below this size it costs more time than the bytes it saves.
constexpr size_t kWorthPackingBytes = 4096;

// "0.8" in thousandths; what is no weight counts as none.
int quality_of(std::string_view parameters) {
  while (!parameters.empty()) {
    const size_t end = std::min(parameters.find(';'), parameters.size());
    const std::string_view item = trimmed(parameters.substr(0, end));
    parameters.remove_prefix(std::min(end + 1, parameters.size()));
    if (item.size() < 3 || (item[0] != 'q' && item[0] != 'Q') || item[1] != '=') continue;
    double value = 0;
    const auto [stop, error] = std::from_chars(item.data() + 2, item.data() + item.size(), value);
    if (error != std::errc{} || stop != item.data() + item.size() || !(value >= 0 && value <= 1)) return 0;
    return static_cast<int>(std::lround(value * 1000));
  }
  return 1000;
}

}  // namespace

ContentHeaders ContentHeaders::of(const Request& request) {
  ContentHeaders out;
  for (const auto& [name, value] : request.headers) {
    switch (name.size()) {
      case 12:
        if (out.type.empty() && same_header_name(name, "content-type")) out.type = value;
        break;
      case 15:
        if (out.accept_encoding.empty() && same_header_name(name, "accept-encoding")) out.accept_encoding = value;
        break;
      case 16:
        if (out.encoding.empty() && same_header_name(name, "content-encoding")) out.encoding = value;
        break;
      case 30:
        if (same_header_name(name, "x-envoy-expected-rq-timeout-ms")) out.timeout_ms = value;
        break;
      case 31:
        if (same_header_name(name, "inference-header-content-length")) {
          out.json_bytes_twice = out.json_bytes.has_value();
          out.json_bytes = value;
        }
        break;
      default:
        break;
    }
  }
  return out;
}

Status ContentHeaders::must_be(std::string_view media_types) const {
  return fail(Code::Unsupported,
              "the body's type is " + std::string(type.substr(0, 64)) + ": it must be " + std::string(media_types));
}

bool ContentHeaders::is(std::string_view media_type) const {
  return same_header_name(type.substr(0, type.find_first_of("; \t")), media_type);
}

bool ContentHeaders::may_be_json() const {
  constexpr std::string_view kSuffix = "+json";
  const std::string_view name = type.substr(0, type.find_first_of("; \t"));
  return name.empty() || same_header_name(name, "application/json") ||
         same_header_name(name, "application/x-www-form-urlencoded") ||
         (name.size() > kSuffix.size() && same_header_name(name.substr(name.size() - kSuffix.size()), kSuffix));
}

Coding coding_for(std::string_view accept_encoding, size_t body_bytes) {
  // In the order in which they are preferred where the client has no preference; -1: not named.
  struct Choice {
    Coding coding;
    int quality = -1;
  };
  std::array<Choice, 4> choices = {{{Coding::Zstd}, {Coding::Gzip}, {Coding::Deflate}, {Coding::Identity}}};
  int others = -1;
  for (std::string_view list = accept_encoding; !list.empty();) {
    const size_t comma = std::min(list.find(','), list.size());
    const std::string_view item = trimmed(list.substr(0, comma));
    list.remove_prefix(std::min(comma + 1, list.size()));
    const size_t semicolon = std::min(item.find(';'), item.size());
    const std::string_view name = trimmed(item.substr(0, semicolon));
    const int quality = quality_of(item.substr(semicolon));
    if (name == "*") others = quality;
    const auto coding = coding_from(name);
    if (!coding) continue;
    for (Choice& choice : choices)
      if (choice.coding == *coding) choice.quality = std::max(choice.quality, quality);
  }
  Choice& identity = choices.back();
  const bool forbidden = identity.quality == 0 || (identity.quality < 0 && others == 0);
  if (identity.quality < 0) identity.quality = forbidden ? 0 : 1;  // of last resort, unless it is named
  for (Choice& choice : choices)
    if (choice.quality < 0) choice.quality = std::max(others, 0);
  if (body_bytes < kWorthPackingBytes && !forbidden) return Coding::Identity;
  const auto best = std::ranges::max_element(choices, {}, &Choice::quality);  // the first of equals
  return best->quality > 0 ? best->coding : Coding::Identity;
}

bool Content::unpack(std::string_view encoding, std::string_view body, std::string_view& plain, Answer& answer) {
  const auto coding = coding_from(encoding);
  if (!coding) {
    answer.error(415, "Content-Encoding " + std::string(encoding.substr(0, 64)) +
                          " is not taken here: gzip, deflate and zstd are, one at a time");
    answer.extra = "Accept-Encoding: gzip, deflate, zstd\r\n";
    return false;
  }
  if (*coding == Coding::Identity) return true;
  if (const Status done = compressor_.unpack(*coding, body, bytes_max_, unpacked_); !done) {
    answer.error(done.error().code == Code::TooLarge ? 413 : 400, "the body: " + done.error().message);
    return false;
  }
  plain = unpacked_;
  return true;
}

void Content::pack(std::string_view accept_encoding, Answer& answer) {
  const Coding coding = coding_for(accept_encoding, answer.body.size());
  if (coding == Coding::Identity) return;
  compressor_.pack(coding, answer.body, packed_);
  if (packed_.empty()) return;  // no memory for it: the body is good as it is
  answer.body.swap(packed_);
  ((answer.headers += "Content-Encoding: ") += to_string(coding)) += "\r\nVary: Accept-Encoding\r\n";
}

void Content::trim() {
  for (std::string* const text : {&unpacked_, &packed_})
    if (text->capacity() > kKeepBytes) std::string().swap(*text);
}

}  // namespace clops::serving::http
