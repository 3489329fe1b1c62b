#include "registry/hashed_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

namespace clops::registry {
namespace {

std::unexpected<Error> failed(const std::filesystem::path& path, int error) {
  const Code code = error == ENOENT || error == ENOTDIR ? Code::NotFound
                    : error == EACCES || error == EPERM ? Code::PermissionDenied
                                                        : Code::Unavailable;
  return fail(code, path.string() + ": " + std::strerror(error));
}

}  // namespace

FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) ::close(fd_);
}

Result<HashedFile> HashedFile::create(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  if (error) return failed(path, error.value());
  FileDescriptor fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.valid()) return failed(path, errno);
  return HashedFile(path, std::move(fd));
}

Status HashedFile::write(std::string_view bytes) {
  hash_.update(bytes);
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd_.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed(path_, errno);
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return {};
}

Result<std::string> HashedFile::finish() {
  if (::fchmod(fd_.get(), 0444) != 0) return failed(path_, errno);
  fd_ = FileDescriptor(-1);
  return hash_.finish();
}

Status read_in_pieces(const std::filesystem::path& path, const std::function<Status(std::string_view)>& take) {
  const FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return failed(path, errno);
  std::vector<char> piece(256u << 10);
  while (true) {
    const ssize_t count = ::read(fd.get(), piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed(path, errno);
    if (count == 0) return {};
    CLOPS_TRY(take(std::string_view(piece.data(), static_cast<size_t>(count))));
  }
}

}  // namespace clops::registry
