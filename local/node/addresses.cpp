#include "local/node/addresses.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <utility>

#include "base/file.h"

namespace clops::local {
namespace {

constexpr int kClaimPort = 7946;               // held on 127.X.255.254 by the plane that owns 127.X
constexpr int kFirstOctet = 10, kPairs = 100;  // pods take even octets from here, services the odd ones after them

int bind_socket(const std::string& address, int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const int one = 1;
  // What is still closing there does not count: a server would bind with the same option.
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(port));
  if (::inet_pton(AF_INET, address.c_str(), &to.sin_addr) == 1 &&
      ::bind(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0 && ::listen(fd, 1) == 0) {
    return fd;
  }
  ::close(fd);
  return -1;
}

}  // namespace

bool can_bind(const std::string& address, int port) {
  const int fd = bind_socket(address, port);
  if (fd >= 0) ::close(fd);
  return fd >= 0;
}

NetworkClaim::NetworkClaim(int fd, int octet)
    : fd_(fd), pods_("127." + std::to_string(octet)), services_("127." + std::to_string(octet + 1)) {}
NetworkClaim::NetworkClaim(NetworkClaim&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), pods_(std::move(other.pods_)), services_(std::move(other.services_)) {}
NetworkClaim::~NetworkClaim() {
  if (fd_ >= 0) ::close(fd_);
}

Result<NetworkClaim> NetworkClaim::make(const std::filesystem::path& file) {
  const auto claim = [](int octet) { return bind_socket("127." + std::to_string(octet) + ".255.254", kClaimPort); };
  if (const auto remembered = read_file(file, 64)) {
    int octet = 0;
    std::from_chars(remembered->data(), remembered->data() + remembered->size(), octet);
    if (octet >= kFirstOctet && octet < kFirstOctet + 2 * kPairs) {
      if (const int fd = claim(octet); fd >= 0) return NetworkClaim(fd, octet);
      return fail(Code::Unavailable,
                  "another plane uses 127." + std::to_string(octet) +
                      ".0.0/16, where this one's pods are: stop it, or start this one with another --state-dir");
    }
  }
  const size_t start = std::hash<std::string>{}(file.string());
  for (size_t i = 0; i < kPairs; ++i) {
    const int octet = kFirstOctet + 2 * static_cast<int>((start + i) % kPairs);
    const int fd = claim(octet);
    if (fd < 0) continue;
    if (const Status written = write_file_atomic(file, std::to_string(octet) + "\n", 0600); !written) {
      ::close(fd);
      return std::unexpected(written.error());
    }
    return NetworkClaim(fd, octet);
  }
  return fail(Code::Unavailable,
              "no loopback network is free: every 127.X.255.254:" + std::to_string(kClaimPort) + " is taken");
}

Result<std::string> AddressPool::take(const std::vector<int>& ports) {
  std::string busy;
  for (int tried = 0; tried < 65'000; ++tried) {
    last_ = last_ % 65'000 + 1;  // 127.X.0.1 to 127.X.253.232: never the claim's own address
    const std::string address = network_ + "." + std::to_string(last_ / 256) + "." + std::to_string(last_ % 256);
    if (last_ % 256 == 0 || last_ % 256 == 255 || taken_.contains(address)) continue;
    const auto blocked = std::ranges::find_if_not(ports, [&](int port) { return can_bind(address, port); });
    if (blocked == ports.end()) {
      taken_.insert(address);
      return address;
    }
    // A program that listens on every address blocks the port on all of ours: trying 65 000 would not help.
    if (!busy.empty() && tried > 16) break;
    busy = std::to_string(*blocked);
  }
  if (busy.empty()) return fail(Code::Unavailable, "no address of " + network_ + ".0.0/16 is free");
  return fail(Code::Unavailable,
              "port " + busy + " is taken on every address: another program listens on 0.0.0.0:" + busy);
}

}  // namespace clops::local
