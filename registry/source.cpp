#include "registry/source.h"

#include "base/digest.h"
#include "registry/file_source.h"
#include "registry/http_source.h"
#include "registry/uri.h"

namespace clops::registry {
namespace {

std::unexpected<Error> unknown_scheme(const SourceTable& sources, const std::string& scheme) {
  if (scheme == "file")
    return fail(Code::Unsupported,
                "file:// is only for the embedded plane; put the model on a PersistentVolumeClaim (pvc://CLAIM/PATH) "
                "or a web server");
  std::string known;
  for (const auto& [name, source] : sources) known += (known.empty() ? "" : ", ") + name + "://";
  return fail(Code::Unsupported,
              "the scheme '" + scheme + "' is not supported; these are: " + (known.empty() ? "none" : known));
}

}  // namespace

SourceTable make_sources(const SourceOptions& options, const Clock& clock) {
  SourceTable sources;
  if (options.allow_file_uris) sources.emplace("file", make_file_source(clock));
  sources.emplace("pvc", make_pvc_source(options.claims, clock));
  if (options.http != nullptr) {
    sources.emplace("http", make_http_source(*options.http, clock));
    sources.emplace("https", make_http_source(*options.http, clock));
  }
  return sources;
}

Result<Artifact> fetch(const SourceTable& sources, Store& store, const Clock& clock, std::string_view uri,
                       std::string_view digest, const FetchLimits& limits) {
  const auto in_uri = [&](const Error& error) { return fail_in(printable(uri), error); };
  if (!digest.empty()) {
    if (!is_sha256(digest))
      return fail(Code::InvalidArgument,
                  "digest: '" + std::string(digest.substr(0, 80)) + "' is not sha256: and 64 hex digits");
    if (auto present = store.find(digest)) return present;
  }
  const auto parsed = parse_uri(uri);
  if (!parsed) return in_uri(parsed.error());
  const auto source = sources.find(parsed->scheme);
  if (source == sources.end()) return in_uri(unknown_scheme(sources, parsed->scheme).error());
  auto deposit = store.begin(limits.size);
  if (!deposit) return in_uri(deposit.error());
  const auto folder = source->second->fetch(uri, limits, clock.now() + limits.total, **deposit);
  if (!folder) return in_uri(folder.error());
  auto artifact = store.commit(std::move(*deposit), *folder, digest);
  if (!artifact) return in_uri(artifact.error());
  return artifact;
}

}  // namespace clops::registry
