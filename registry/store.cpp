#include "registry/store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>

#include "base/digest.h"
#include "registry/hashed_file.h"

namespace clops::registry {
namespace fs = std::filesystem;
namespace {

constexpr size_t kPathBytesMax = 1024;

Status check_path(std::string_view path) {
  const auto bad = [&](std::string_view why) {
    return fail(Code::InvalidArgument, "file name '" + std::string(path.substr(0, 80)) + "' " + std::string(why));
  };
  if (path.empty() || path.size() > kPathBytesMax) return bad("is empty or too long");
  if (path.find_first_of(std::string_view("\0\n", 2)) != std::string_view::npos)
    return bad("has a character that is not allowed");
  for (size_t at = 0; at <= path.size();) {
    const size_t slash = std::min(path.find('/', at), path.size());
    const std::string_view part = path.substr(at, slash - at);
    if (part.empty() || part == "." || part == "..") return bad("leaves the artifact");
    at = slash + 1;
  }
  return {};
}

class StagedDeposit final : public Deposit {
 public:
  StagedDeposit(fs::path folder, DepositLimits limits) : folder_(std::move(folder)), limits_(limits) {}
  ~StagedDeposit() override {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }

  Status add_file(std::string_view path) override {
    CLOPS_TRY(close());
    CLOPS_TRY(check_path(path));
    if (files_.size() == limits_.files_max)
      return fail(Code::TooLarge, "more than " + std::to_string(limits_.files_max) + " files");
    for (const ArtifactFile& file : files_)
      if (file.path == path) return fail(Code::InvalidArgument, "file name '" + std::string(path) + "' comes twice");
    CLOPS_ASSIGN(writer_, HashedFile::create(content() / path));
    files_.push_back({std::string(path), "", 0});
    return {};
  }

  Status restart_file() override {
    if (files_.empty()) return fail(Code::Internal, "restart before the first file");
    bytes_ -= files_.back().bytes;
    const std::string path = files_.back().path;
    writer_.reset();
    files_.pop_back();
    std::error_code ignored;
    fs::remove(content() / path, ignored);
    return add_file(path);
  }

  Status write(std::string_view bytes) override {
    if (!writer_) return fail(Code::Internal, "write before the first file");
    if (bytes.size() > limits_.bytes_max - bytes_)
      return fail(Code::TooLarge, "larger than the limit of " + std::to_string(limits_.bytes_max) + " bytes");
    CLOPS_TRY(writer_->write(bytes));
    bytes_ += bytes.size();
    files_.back().bytes += bytes.size();
    return {};
  }

  Status close() {
    if (!writer_) return {};
    CLOPS_ASSIGN(files_.back().digest, writer_->finish());
    writer_.reset();
    return {};
  }

  [[nodiscard]] fs::path content() const { return folder_ / "folder"; }
  [[nodiscard]] const fs::path& staging() const { return folder_; }
  std::vector<ArtifactFile> files_;
  uint64_t bytes_ = 0;

 private:
  fs::path folder_;
  DepositLimits limits_;
  std::optional<HashedFile> writer_;
};

struct Entry {
  uint64_t bytes = 0;
  uint64_t used = 0;  // ever greater; the least is evicted first
  std::weak_ptr<const void> hold;
};

class DiskStore final : public Store {
 public:
  DiskStore(StoreOptions options, FileDescriptor lock) : options_(std::move(options)), lock_(std::move(lock)) {}

  // What earlier processes left: entries in the order they were last used; staging is swept.
  Status scan() {
    std::error_code error;
    fs::remove_all(staging(), error);
    fs::create_directories(staging(), error);
    fs::create_directories(entries(), error);
    std::vector<std::pair<fs::file_time_type, std::string>> found;
    for (fs::directory_iterator it(entries(), error), end; !error && it != end; it.increment(error)) {
      std::error_code ignored;
      found.emplace_back(fs::last_write_time(it->path(), ignored), it->path().filename().string());
    }
    if (error) return fail(Code::Unavailable, options_.folder.string() + ": " + error.message());
    std::ranges::sort(found);
    for (const auto& [time, hex] : found) {
      Entry& entry = entries_by_hex_[hex];
      entry.used = ++uses_;
      entry.bytes = bytes_below(entries() / hex);
      bytes_ += entry.bytes;
    }
    return {};
  }

  Result<std::unique_ptr<Deposit>> begin(const DepositLimits& limits) override {
    DepositLimits bounded = limits;
    bounded.bytes_max = std::min(limits.bytes_max, options_.bytes_max);
    const fs::path folder = staging() / random_hex(16);
    std::error_code error;
    fs::create_directories(folder / "folder", error);
    if (error) return fail(Code::Unavailable, folder.string() + ": " + error.message());
    return std::make_unique<StagedDeposit>(folder, bounded);
  }

  Result<Artifact> commit(std::unique_ptr<Deposit> deposit, bool folder, std::string_view digest) override {
    auto& staged = dynamic_cast<StagedDeposit&>(*deposit);
    CLOPS_TRY(staged.close());
    std::vector<ArtifactFile> files = staged.files_;
    if (files.empty()) return fail(Code::NotFound, "there are no files");
    if (!folder && files.size() != 1) return fail(Code::Internal, "several files, but no folder");
    std::ranges::sort(files, {}, &ArtifactFile::path);
    const std::string found = folder ? folder_digest(files) : files[0].digest;
    if (!digest.empty() && digest != found)
      return fail(Code::DataLoss, "its digest is " + found + ", not " + std::string(digest));
    Artifact artifact{.digest = found, .path = {}, .bytes = staged.bytes_, .files = files, .hold = nullptr};
    if (auto present = find(found)) {
      artifact.path = present->path;
      artifact.hold = present->hold;
      return artifact;
    }
    if (!folder) {  // single files lie as "file", whatever they were called
      std::error_code error;
      fs::rename(staged.content() / files[0].path, staged.staging() / "file", error);
      if (!error) fs::remove_all(staged.content(), error);
      if (error) return fail(Code::Unavailable, staged.staging().string() + ": " + error.message());
    }
    CLOPS_TRY(place(staged.staging(), artifact));
    artifact.path = entries() / hex_of(found) / (folder ? "folder" : "file");
    return artifact;
  }

  Result<Artifact> find(std::string_view digest) override {
    if (!is_sha256(digest))
      return fail(Code::InvalidArgument, "'" + std::string(digest) + "' is no digest (sha256: and 64 hex digits)");
    const std::string hex = hex_of(digest);
    Artifact artifact;
    {
      const std::lock_guard lock(mutex_);
      const auto entry = entries_by_hex_.find(hex);
      if (entry == entries_by_hex_.end()) return fail(Code::NotFound, std::string(digest) + " is not in the cache");
      artifact.hold = hold(entry->second);
      entry->second.used = ++uses_;
    }
    const fs::path base = entries() / hex;
    std::error_code error;
    const bool single = fs::exists(base / "file", error);
    artifact.path = base / (single ? "file" : "folder");
    const auto files = single ? hash_file(artifact.path, "file") : hash_folder(artifact.path);
    if (files) artifact.files = *files;
    artifact.digest = !files || files->empty() ? "" : single ? files->front().digest : folder_digest(*files);
    if (artifact.digest != digest) {
      drop(hex);
      return fail(Code::NotFound, std::string(digest) + " was damaged in the cache");
    }
    for (const ArtifactFile& file : artifact.files) artifact.bytes += file.bytes;
    fs::last_write_time(base, fs::file_time_type::clock::now(), error);  // the order of use outlives this process
    return artifact;
  }

 private:
  [[nodiscard]] fs::path staging() const { return options_.folder / "staging"; }
  [[nodiscard]] fs::path entries() const { return options_.folder / "sha256"; }
  static std::string hex_of(std::string_view digest) { return std::string(digest.substr(7)); }

  static uint64_t bytes_below(const fs::path& folder) {
    std::error_code error;
    uint64_t bytes = 0;
    for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
      std::error_code ignored;
      if (it->is_regular_file(ignored)) bytes += it->file_size(ignored);
    }
    return bytes;
  }

  static Result<std::vector<ArtifactFile>> hash_folder(const fs::path& folder) {
    std::vector<ArtifactFile> files;
    std::error_code error;
    for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
      if (!it->is_regular_file(error)) continue;
      CLOPS_ASSIGN(auto one, hash_file(it->path(), it->path().lexically_relative(folder).string()));
      files.push_back(std::move(one.front()));
    }
    if (error) return fail(Code::Unavailable, folder.string() + ": " + error.message());
    std::ranges::sort(files, {}, &ArtifactFile::path);
    return files;
  }

  static Result<std::vector<ArtifactFile>> hash_file(const fs::path& path, std::string name) {
    ArtifactFile file{std::move(name), "", 0};
    Sha256 hash;
    CLOPS_TRY(read_in_pieces(path, [&](std::string_view bytes) -> Status {
      hash.update(bytes);
      file.bytes += bytes.size();
      return {};
    }));
    file.digest = hash.finish();
    return std::vector{file};
  }

  std::shared_ptr<const void> hold(Entry& entry) {
    std::shared_ptr<const void> held = entry.hold.lock();
    if (!held) {
      held = std::make_shared<const char>('h');
      entry.hold = held;
    }
    return held;
  }

  Status place(const fs::path& staged, Artifact& artifact) {
    const std::lock_guard lock(mutex_);
    const std::string hex = hex_of(artifact.digest);
    const auto present = entries_by_hex_.find(hex);
    if (present != entries_by_hex_.end()) {  // another thread was faster: its bytes hashed to the same
      artifact.hold = hold(present->second);
      return {};
    }
    CLOPS_TRY(make_room(artifact.bytes));
    std::error_code error;
    fs::remove_all(entries() / hex, error);
    fs::rename(staged, entries() / hex, error);
    if (error) return fail(Code::Unavailable, (entries() / hex).string() + ": " + error.message());
    Entry& entry = entries_by_hex_[hex];
    entry.bytes = artifact.bytes;
    entry.used = ++uses_;
    bytes_ += artifact.bytes;
    artifact.hold = hold(entry);
    return {};
  }

  Status make_room(uint64_t wanted) {
    while (bytes_ + wanted > options_.bytes_max) {
      auto oldest = entries_by_hex_.end();
      for (auto it = entries_by_hex_.begin(); it != entries_by_hex_.end(); ++it)
        if (it->second.hold.expired() && (oldest == entries_by_hex_.end() || it->second.used < oldest->second.used))
          oldest = it;
      if (oldest == entries_by_hex_.end())
        return fail(Code::TooLarge,
                    "the cache of " + std::to_string(options_.bytes_max) + " bytes is full of models in use");
      remove(oldest);
    }
    return {};
  }

  void drop(const std::string& hex) {
    const std::lock_guard lock(mutex_);
    const auto entry = entries_by_hex_.find(hex);
    if (entry != entries_by_hex_.end()) remove(entry);
  }

  void remove(std::map<std::string, Entry>::iterator entry) {
    // Out of sight in one step first: a crash in the middle leaves nothing that looks like an entry.
    std::error_code error;
    const fs::path doomed = staging() / random_hex(16);
    fs::rename(entries() / entry->first, doomed, error);
    fs::remove_all(doomed, error);
    bytes_ -= std::min(bytes_, entry->second.bytes);
    entries_by_hex_.erase(entry);
  }

  const StoreOptions options_;
  const FileDescriptor lock_;
  std::mutex mutex_;  // guards what follows
  std::map<std::string, Entry> entries_by_hex_;
  uint64_t bytes_ = 0, uses_ = 0;
};

}  // namespace

std::string folder_digest(std::vector<ArtifactFile> files) {
  std::ranges::sort(files, {}, &ArtifactFile::path);
  Sha256 hash;
  for (const ArtifactFile& file : files) hash.update(file.digest + "  " + file.path + "\n");
  return hash.finish();
}

Result<std::unique_ptr<Store>> open_store(StoreOptions options) {
  std::error_code error;
  fs::create_directories(options.folder, error);
  if (error)
    return fail(error == std::errc::permission_denied ? Code::PermissionDenied : Code::Unavailable,
                options.folder.string() + ": " + error.message());
  const fs::path lock_path = options.folder / "lock";
  FileDescriptor lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock.valid())
    return fail(errno == EACCES ? Code::PermissionDenied : Code::Unavailable,
                lock_path.string() + ": " + std::strerror(errno));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0)
    return fail(Code::Conflict, options.folder.string() + ": another process uses this cache folder");
  auto store = std::make_unique<DiskStore>(std::move(options), std::move(lock));
  CLOPS_TRY(store->scan());
  return store;
}

}  // namespace clops::registry
