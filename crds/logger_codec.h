// The codec of spec.logger and of its like in serving.json, which the CRD's rules hold for too.
//
// Thread rule: pure. Errors: as crds/json_reader.h, by the path.
#pragma once

#include <optional>
#include <string_view>

#include "crds/json_reader.h"
#include "crds/serving_config_logger.h"

namespace clops::crds {

// http:// or https://, a host, and neither spaces nor credentials.
[[nodiscard]] bool is_logger_url(std::string_view text);
inline constexpr const char* kLoggerUrlMessage =
    "write http://host[:port][/path] or https://host[:port][/path], without spaces and without credentials";

// `in`: what has the field "logger". `strict`: unknown fields are errors (the spec; serving.json leaves them to later
// programs, and has the namespace).
[[nodiscard]] std::optional<Logger> read_logger(const Reader& in, bool strict);
void put_logger(Json& out, const std::optional<Logger>& logger);

}  // namespace clops::crds
