// The content-addressed cache of model artifacts: one folder on this machine, entries named by their digest.
//
// An entry is built in a staging folder while its sha256 is computed, then renamed into place: it is there whole or not
// at all, and what a crash leaves behind in staging is removed at the next open. Nothing is synced to disk, because
// find() hashes an entry again before it is used; one that does not match its name is dropped and counts as absent.
// Layout: DIR/lock, DIR/staging/RANDOM/..., DIR/sha256/HEX/file or DIR/sha256/HEX/folder/....
//
// Thread rule: Store is safe from any thread; a Deposit belongs to one. Ownership: an Artifact keeps its entry from
// eviction while any copy of it lives; Artifacts and Deposits may outlive the Store object. One process per folder
// (flock). Errors: TooLarge (a limit: bytes, files, or what is free of the cache), DataLoss (not the digest asked for),
// Conflict (another process has the folder), InvalidArgument (a path that leaves the artifact), Unavailable (disk).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace clops::registry {

struct ArtifactFile {
  std::string path;  // relative to the artifact; a single file has its name
  std::string digest;
  uint64_t bytes = 0;
  bool operator==(const ArtifactFile&) const = default;
};

struct Artifact {
  std::string digest;          // of the one file, or of the folder (rule in crds/inspection.h)
  std::filesystem::path path;  // read-only: the file, or the folder
  uint64_t bytes = 0;
  std::vector<ArtifactFile> files;  // sorted by path
  std::shared_ptr<const void> hold;
};

struct StoreOptions {
  std::filesystem::path folder;     // created if absent
  uint64_t bytes_max = 4ull << 30;  // of all entries; the longest unused are evicted
};

struct DepositLimits {
  uint64_t bytes_max = 1ull << 30;
  size_t files_max = 1000;
};

// What a source writes into. add_file, then write any number of times, then the next file; abandoned when destroyed.
class Deposit {
 public:
  virtual ~Deposit() = default;
  [[nodiscard]] virtual Status add_file(std::string_view path) = 0;
  [[nodiscard]] virtual Status write(std::string_view bytes) = 0;
  [[nodiscard]] virtual Status restart_file() = 0;  // the last file is empty again
};

class Store {
 public:
  virtual ~Store() = default;
  [[nodiscard]] virtual Result<std::unique_ptr<Deposit>> begin(const DepositLimits& limits) = 0;
  // `folder`: digest by the folder rule; else exactly one file. `digest`: what it must be; empty = whatever it is.
  [[nodiscard]] virtual Result<Artifact> commit(std::unique_ptr<Deposit> deposit, bool folder,
                                                std::string_view digest) = 0;
  // NotFound when absent or when what is there no longer matches.
  [[nodiscard]] virtual Result<Artifact> find(std::string_view digest) = 0;
};

[[nodiscard]] Result<std::unique_ptr<Store>> open_store(StoreOptions options);

// "sha256:..." over the lines "DIGEST  PATH\n" sorted by path.
[[nodiscard]] std::string folder_digest(std::vector<ArtifactFile> files);

}  // namespace clops::registry
