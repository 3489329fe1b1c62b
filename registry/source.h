// Where model bytes come from: a URI's scheme picks a ModelSource, which streams one file or one folder into the store.
//
// Later sources (s3, oci, mlflow) are further entries of the SourceTable; nothing else changes.
// Thread rule: sources are immutable and safe from any thread; fetch() blocks its caller until done or out of time.
// Ownership: the table owns its sources; sources borrow the HttpClient.
// Errors name the URI and the cause: Unsupported (scheme unknown or not allowed here), InvalidArgument (malformed URI),
// NotFound, PermissionDenied, TooLarge, DataLoss (digest), Unavailable, DeadlineExceeded.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/http_client.h"
#include "base/result.h"
#include "base/time.h"
#include "registry/store.h"

namespace clops::registry {

struct FetchLimits {
  DepositLimits size;
  std::chrono::milliseconds total{10 * 60 * 1000};  // the whole fetch
  std::chrono::milliseconds idle{30'000};           // without a byte
  int redirects_max = 5;
  int attempts_max = 3;  // a broken download goes on where it broke (Range), or starts over
};

class ModelSource {
 public:
  virtual ~ModelSource() = default;
  // Streams what `uri` names into `deposit`; true = a folder. Gives up at `deadline`.
  [[nodiscard]] virtual Result<bool> fetch(std::string_view uri, const FetchLimits& limits, TimePoint deadline,
                                           Deposit& deposit) const = 0;
};

using SourceTable = std::map<std::string, std::unique_ptr<ModelSource>, std::less<>>;  // by scheme: "pvc"

struct SourceOptions {
  bool allow_file_uris = false;
  std::map<std::string, std::string> claims;  // PersistentVolumeClaim → the folder it is mounted at
  HttpClient* http = nullptr;                 // null: no http and https
};
[[nodiscard]] SourceTable make_sources(const SourceOptions& options, const Clock& clock);

// The artifact of `uri`, from the store when `digest` is given and there, else fetched. `digest` empty = resolve it.
[[nodiscard]] Result<Artifact> fetch(const SourceTable& sources, Store& store, const Clock& clock, std::string_view uri,
                                     std::string_view digest, const FetchLimits& limits = {});

}  // namespace clops::registry
