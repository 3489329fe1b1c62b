// Models over http:// and https://: one file, streamed. Inner to registry/; made by make_sources.
//
// Redirects are followed up to a limit, never to plain http from https. A download that breaks goes on where it broke
// when the server vouches for the content (strong ETag) and honours Range; otherwise it starts over. Thread rule,
// errors: those of registry/source.h. Ownership: borrows the client and the clock.
#pragma once

#include <memory>

#include "base/http_client.h"
#include "registry/source.h"

namespace clops::registry {

[[nodiscard]] std::unique_ptr<ModelSource> make_http_source(HttpClient& client, const Clock& clock);

}  // namespace clops::registry
