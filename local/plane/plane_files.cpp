#include "local/plane/plane_files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include "base/digest.h"
#include "base/file.h"
#include "base/tls.h"

namespace clops::local {
namespace {

namespace fs = std::filesystem;

constexpr int kDays = 3650;

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

}  // namespace

PlaneLock::PlaneLock(PlaneLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
PlaneLock::~PlaneLock() {
  if (fd_ >= 0) ::close(fd_);
}

Result<PlaneLock> PlaneLock::make(const fs::path& file) {
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0)
    return fail(errno == EACCES ? Code::PermissionDenied : Code::Unavailable,
                file.string() + ": " + std::strerror(errno));
  PlaneLock lock(fd);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    return fail(Code::Conflict, "a plane already runs over " + file.parent_path().string() + " (pid " +
                                    trimmed(read_file(file, 64).value_or("unknown")) + ")");
  }
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    return fail(Code::Unavailable, file.string() + ": " + std::strerror(errno));
  }
  return lock;
}

std::optional<int> running_plane(const fs::path& lock_file) {
  const int fd = ::open(lock_file.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  const bool held = ::flock(fd, LOCK_SH | LOCK_NB) != 0;
  ::close(fd);
  if (!held) return std::nullopt;
  const std::string text = trimmed(read_file(lock_file, 64).value_or(""));
  int pid = 0;
  std::from_chars(text.data(), text.data() + text.size(), pid);
  return pid;
}

Result<PlaneSecrets> load_or_make_secrets(const fs::path& state_dir, WallTime now) {
  const auto at = [&](const char* name) { return state_dir / name; };
  const auto authority = read_file(at("ca.crt")), cert = read_file(at("server.crt")), key = read_file(at("server.key"));
  PlaneSecrets out;
  bool valid = authority && cert && key;
  if (valid) {
    const auto end = not_after(*cert);
    valid = end && *end > now + std::chrono::hours(24 * 30);
    out = {.authority_pem = *authority, .cert_pem = *cert, .key_pem = *key};
  }
  if (!valid) {
    CLOPS_ASSIGN(const Certificate made, make_authority("clops-local-ca", now, kDays));
    CLOPS_ASSIGN(
        const Certificate server,
        issue_server_certificate(made, {"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"},
                                 {"127.0.0.1"}, now, kDays));
    out = {.authority_pem = made.cert_pem, .cert_pem = server.cert_pem, .key_pem = server.key_pem};
    CLOPS_TRY(write_file_atomic(at("server.key"), out.key_pem, 0600));
    CLOPS_TRY(write_file_atomic(at("server.crt"), out.cert_pem, 0600));
    CLOPS_TRY(write_file_atomic(at("ca.crt"), out.authority_pem, 0600));
  }
  out.token = trimmed(read_file(at("token"), 256).value_or(""));
  if (out.token.size() < 32) {
    out.token = random_hex(32);
    CLOPS_TRY(write_file_atomic(at("token"), out.token + "\n", 0600));
  }
  return out;
}

std::string kubeconfig_text(const PlaneSecrets& secrets, int port) {
  return "apiVersion: v1\n"
         "kind: Config\n"
         "current-context: clops-local\n"
         "clusters:\n"
         "- name: clops-local\n"
         "  cluster:\n"
         "    server: https://127.0.0.1:" +
         std::to_string(port) +
         "\n"
         "    certificate-authority-data: " +
         base64_encode(secrets.authority_pem) +
         "\n"
         "contexts:\n"
         "- name: clops-local\n"
         "  context: {cluster: clops-local, user: clops-local, namespace: default}\n"
         "users:\n"
         "- name: clops-local\n"
         "  user:\n"
         "    token: " +
         secrets.token + "\n";
}

}  // namespace clops::local
