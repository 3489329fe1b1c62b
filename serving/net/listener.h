// A listening TCP socket, and how many threads this process may use.
//
// Thread rule: values. Errors: InvalidArgument (address), Unavailable (port in use).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.h"

namespace clops::serving {

class Listener {
 public:
  [[nodiscard]] static Result<Listener> open(const std::string& address, int port, int backlog = 4096);  // port 0: any
  Listener(Listener&& other) noexcept;
  Listener& operator=(Listener&& other) noexcept;
  ~Listener();
  [[nodiscard]] int socket() const { return socket_; }
  [[nodiscard]] int port() const { return port_; }
  void refuse();  // from now on connecting fails; the descriptor stays, as loops may still name it

 private:
  Listener(int socket, int port) : socket_(socket), port_(port) {}
  int socket_ = -1;
  int port_ = 0;
};

// Whole processors of the cgroup's quota (v2 cpu.max, v1 cpu.cfs_quota_us), rounded up, at most `online`, at least 1.
// `proc_cgroup`: text of /proc/self/cgroup; `root`: where cgroups are mounted.
[[nodiscard]] int threads_by_quota(const std::filesystem::path& root, const std::string& proc_cgroup, int online);
[[nodiscard]] int threads_by_quota();
// Bytes of memory that the container may use (v2 memory.max, v1 memory.limit_in_bytes); what the machine has where
// nothing limits it.
[[nodiscard]] uint64_t memory_by_limit(const std::filesystem::path& root = "/sys/fs/cgroup");
// Asks for as many descriptors as this process may have, and says how many these are.
[[nodiscard]] uint64_t take_descriptors();

}  // namespace clops::serving
