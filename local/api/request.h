// A request to the API as values: which resource its path names, and what its query and headers ask for. Pure and
// fuzzed.
#pragma once

#include <string>
#include <vector>

#include "base/http.h"
#include "local/api/core.h"
#include "local/api/table.h"

namespace clops::local {

struct Route {
  std::string group, version, plural, ns, name, subresource;  // name empty: the collection
  bool operator==(const Route&) const = default;
};

// 404 when the path is no resource's. Takes the path decoded step by step; bounded by the URL.
[[nodiscard]] Outcome<Route> parse_route(std::string_view path);

struct Accepts {
  bool table = false, aggregated = false, json = true;
};
[[nodiscard]] Accepts parse_accept(std::string_view header);

[[nodiscard]] Outcome<WriteContext> write_context(const Target& target, const Headers& headers,
                                                  std::vector<std::string>& warnings);
[[nodiscard]] Outcome<DeleteOptions> delete_options(const Target& target, const Json& body, bool& dry_run);
[[nodiscard]] Outcome<IncludeObject> include_object(const Target& target);
// JSON, or YAML where the content type says so.
[[nodiscard]] Outcome<Json> parse_body(const HttpRequest& request);
// Also protobuf, of a built-in kind.
[[nodiscard]] Outcome<Json> parse_object(const Resource& resource, const HttpRequest& request);
[[nodiscard]] Outcome<PatchKind> patch_kind(const Headers& headers);
[[nodiscard]] Outcome<std::optional<int64_t>> number_param(const Target& target, const char* name);
[[nodiscard]] bool flag_param(const Target& target, const char* name);

}  // namespace clops::local
