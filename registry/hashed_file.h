// Files piece by piece: writing with a running sha256, reading without holding the whole. Inner to registry/.
//
// Thread rule: one thread per object. Errors name the path: NotFound, PermissionDenied, Unavailable (disk).
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "base/digest.h"
#include "base/result.h"

namespace clops::registry {

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor();
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  [[nodiscard]] bool valid() const { return fd_ >= 0; }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

class HashedFile {
 public:
  [[nodiscard]] static Result<HashedFile> create(
      const std::filesystem::path& path);  // with the folders above it; must not exist
  [[nodiscard]] Status write(std::string_view bytes);
  [[nodiscard]] Result<std::string> finish();  // closed, read-only; its digest

 private:
  HashedFile(std::filesystem::path path, FileDescriptor fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  std::filesystem::path path_;
  FileDescriptor fd_;
  Sha256 hash_;
};

[[nodiscard]] Status read_in_pieces(const std::filesystem::path& path,
                                    const std::function<Status(std::string_view)>& take);

}  // namespace clops::registry
