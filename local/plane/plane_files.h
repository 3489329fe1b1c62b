// What a plane keeps in its folder besides objects and pods: its lock, certificates, token, port and kubeconfig.
//
// Thread rule: one thread. Errors: Conflict (the lock is held), Unavailable and PermissionDenied (disk), Internal
// (openssl).
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/time.h"

namespace clops::local {

// Held from make() to destruction, and let go by the system when the process is killed.
class PlaneLock {
 public:
  static Result<PlaneLock> make(const std::filesystem::path& file);
  PlaneLock(PlaneLock&& other) noexcept;
  PlaneLock& operator=(PlaneLock&&) = delete;
  ~PlaneLock();

 private:
  explicit PlaneLock(int fd) : fd_(fd) {}
  int fd_ = -1;
};

// The pid of the plane that holds the lock; none: no plane runs over the folder.
[[nodiscard]] std::optional<int> running_plane(const std::filesystem::path& lock_file);

struct PlaneSecrets {
  std::string authority_pem, cert_pem, key_pem;  // of the API server
  std::string token;
};

// Kept for as long as they are valid for another month; made anew otherwise.
[[nodiscard]] Result<PlaneSecrets> load_or_make_secrets(const std::filesystem::path& state_dir, WallTime now);

[[nodiscard]] std::string kubeconfig_text(const PlaneSecrets& secrets, int port);

}  // namespace clops::local
