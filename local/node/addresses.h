// Addresses of this machine's loopback network given out to pods, so that every pod can listen on the usual ports.
//
// A plane owns one 127.x.0.0/16 for pods and one for services; it holds a socket in the first for as long as it lives,
// so that two planes on a machine never share. Thread rule: one thread. Errors: Unavailable (none is free).
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"

namespace clops::local {

// "127.40" for pods, "127.41" for services; remembered in `file`, so that a restarted plane finds its pods where they
// were.
class NetworkClaim {
 public:
  static Result<NetworkClaim> make(const std::filesystem::path& file);
  NetworkClaim(NetworkClaim&& other) noexcept;
  NetworkClaim& operator=(NetworkClaim&&) = delete;
  ~NetworkClaim();
  [[nodiscard]] const std::string& pods() const { return pods_; }
  [[nodiscard]] const std::string& services() const { return services_; }

 private:
  NetworkClaim(int fd, int octet);
  int fd_ = -1;
  std::string pods_, services_;
};

class AddressPool {
 public:
  explicit AddressPool(std::string network) : network_(std::move(network)) {}
  // One that nothing listens on at any of `ports`.
  [[nodiscard]] Result<std::string> take(const std::vector<int>& ports);
  void keep(const std::string& address) { taken_.insert(address); }
  void release(const std::string& address) { taken_.erase(address); }

 private:
  std::string network_;
  std::set<std::string> taken_;
  unsigned last_ = 0;
};

// Can a TCP socket be bound here?
[[nodiscard]] bool can_bind(const std::string& address, int port);

}  // namespace clops::local
