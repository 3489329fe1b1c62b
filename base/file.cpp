#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace clops {
namespace {

std::unexpected<Error> io_error(const std::filesystem::path& path, int error) {
  const Code code = error == ENOENT || error == ENOTDIR ? Code::NotFound
                    : error == EACCES || error == EPERM ? Code::PermissionDenied
                                                        : Code::Unavailable;
  return fail(code, path.string() + ": " + std::strerror(error));
}

struct Fd {
  int fd;
  ~Fd() {
    if (fd >= 0) ::close(fd);
  }
};

}  // namespace

Result<std::string> read_file(const std::filesystem::path& path, size_t bytes_max) {
  const Fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0) return io_error(path, errno);
  struct stat st{};
  if (::fstat(file.fd, &st) == 0 && S_ISDIR(st.st_mode)) return io_error(path, EISDIR);
  std::string out;
  // As large as it says, so that it need not be moved as it grows; what it says is not relied on.
  if (S_ISREG(st.st_mode)) out.reserve(std::min(static_cast<size_t>(st.st_size), bytes_max));
  char buffer[65536];
  for (;;) {
    const ssize_t n = ::read(file.fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return io_error(path, errno);
    if (n == 0) return out;
    if (out.size() + static_cast<size_t>(n) > bytes_max) {
      return fail(Code::TooLarge, path.string() + ": larger than the limit of " + std::to_string(bytes_max) + " bytes");
    }
    out.append(buffer, static_cast<size_t>(n));
  }
}

Status write_file_atomic(const std::filesystem::path& path, std::string_view content, unsigned mode) {
  std::string beside = path.string() + ".XXXXXX";
  const Fd file{::mkostemp(beside.data(), O_CLOEXEC)};
  if (file.fd < 0) return io_error(path, errno);
  const auto give_up = [&](int error) -> Status {
    ::unlink(beside.c_str());
    return io_error(path, error);
  };
  while (!content.empty()) {
    const ssize_t n = ::write(file.fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return give_up(errno);
    content.remove_prefix(static_cast<size_t>(n));
  }
  if (::fchmod(file.fd, static_cast<mode_t>(mode)) != 0 || ::fsync(file.fd) != 0) return give_up(errno);
  if (::rename(beside.c_str(), path.c_str()) != 0) return give_up(errno);
  return {};
}

}  // namespace clops
