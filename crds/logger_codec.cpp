#include "crds/logger_codec.h"

#include <algorithm>
#include <array>

namespace clops::crds {
namespace {

constexpr std::array<std::string_view, 3> kModes = {"all", "request", "response"};
constexpr size_t kColumnsMax = 32;
constexpr int64_t kBytesLeast = 256, kBytesMost = 1 << 20;

}  // namespace

bool is_logger_url(std::string_view text) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!text.starts_with(scheme)) continue;
    const std::string_view rest = text.substr(scheme.size());
    const std::string_view host = rest.substr(0, rest.find('/'));
    return !host.empty() && host.find_first_of("@?#") == std::string_view::npos &&
           rest.find_first_of(" \t\n\f\r") == std::string_view::npos;
  }
  return false;
}

std::optional<Logger> read_logger(const Reader& in, bool strict) {
  if (!in.has("logger")) return std::nullopt;
  const Reader r = in.child("logger");
  if (strict) r.only({"url", "mode", "percent", "redactColumns", "maxBytes"});
  Logger out{.url = r.text("url", Need::Required, 2'048),
             .percent = static_cast<int>(r.integer("percent", 1, 100, 100)),
             .redact_columns = r.text_list("redactColumns", kColumnsMax),
             .bytes_max = r.integer("maxBytes", kBytesLeast, kBytesMost, Logger{}.bytes_max),
             .ns = strict ? "" : r.text("namespace")};
  if (!is_logger_url(out.url)) r.fail("url", kLoggerUrlMessage);
  if (const std::string mode = r.text("mode"); !mode.empty()) {
    const auto* const at = std::ranges::find(kModes, mode);
    if (at == kModes.end()) r.fail("mode", "must be all, request or response");
    out.mode = at == kModes.end() ? LogMode::All : static_cast<LogMode>(at - kModes.begin());
  }
  return out;
}

void put_logger(Json& out, const std::optional<Logger>& logger) {
  if (!logger) return;
  Json item{{"url", logger->url}};
  if (logger->mode != LogMode::All) item["mode"] = kModes[static_cast<size_t>(logger->mode)];
  if (logger->percent != 100) item["percent"] = logger->percent;
  put(item, "redactColumns", logger->redact_columns);
  if (logger->bytes_max != Logger{}.bytes_max) item["maxBytes"] = logger->bytes_max;
  put(item, "namespace", logger->ns);
  out["logger"] = std::move(item);
}

}  // namespace clops::crds
