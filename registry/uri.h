// A model's URI taken apart. Pure; inner to registry/. Errors: InvalidArgument.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace clops::registry {

struct Uri {
  std::string scheme;     // lower case
  std::string authority;  // host[:port], or a claim; may be empty
  std::string path;       // from the first '/' on, still encoded, without query
  std::string query;      // without '?'
};

// Refuses user:password@ (credentials belong in a Secret), control characters and spaces.
[[nodiscard]] Result<Uri> parse_uri(std::string_view text);

// For messages: user names, passwords and the query (signatures of presigned URLs) left out, at most 300 bytes.
[[nodiscard]] std::string printable(std::string_view uri);

// The URL a redirect's Location names, seen from `base`. Refuses anything but http(s), and the step from https to http.
[[nodiscard]] Result<std::string> resolve_redirect(std::string_view base, std::string_view location);

}  // namespace clops::registry
