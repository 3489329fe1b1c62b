#include "serving/net/listener.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>
#include <vector>

namespace clops::serving {
namespace {

struct SocketAddress {
  sockaddr_storage bytes{};
  socklen_t length = 0;
};

Result<SocketAddress> parse_address(const std::string& address, int port) {
  SocketAddress out;
  in_addr v4{};
  in6_addr v6{};
  if (::inet_pton(AF_INET, address.c_str(), &v4) == 1) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr = v4;
    to.sin_port = htons(static_cast<uint16_t>(port));
    std::memcpy(&out.bytes, &to, sizeof to);
    out.length = sizeof to;
    return out;
  }
  if (::inet_pton(AF_INET6, address.c_str(), &v6) == 1) {
    sockaddr_in6 to{};
    to.sin6_family = AF_INET6;
    to.sin6_addr = v6;
    to.sin6_port = htons(static_cast<uint16_t>(port));
    std::memcpy(&out.bytes, &to, sizeof to);
    out.length = sizeof to;
    return out;
  }
  return fail(Code::InvalidArgument, "\"" + address + "\" is not an IP address to listen on");
}

int bound_port(int socket) {
  sockaddr_storage bytes{};
  socklen_t length = sizeof bytes;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&bytes), &length) != 0) return 0;
  if (bytes.ss_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &bytes, sizeof v6);
    return ntohs(v6.sin6_port);
  }
  sockaddr_in v4{};
  std::memcpy(&v4, &bytes, sizeof v4);
  return ntohs(v4.sin_port);
}

}  // namespace

Result<Listener> Listener::open(const std::string& address, int port, int backlog) {
  if (port < 0 || port > 65535)
    return fail(Code::InvalidArgument, "port " + std::to_string(port) + " is not between 0 and 65535");
  CLOPS_ASSIGN(const SocketAddress to, parse_address(address, port));
  const std::string where = address + ":" + std::to_string(port);
  const int socket = ::socket(to.bytes.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket < 0) return fail(Code::Unavailable, where + ": " + std::strerror(errno));
  Listener listener(socket, 0);
  const int one = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (::bind(socket, reinterpret_cast<const sockaddr*>(&to.bytes), to.length) != 0 || ::listen(socket, backlog) != 0) {
    return fail(Code::Unavailable, "cannot listen on " + where + ": " + std::strerror(errno));
  }
  listener.port_ = bound_port(socket);
  return listener;
}

Listener::Listener(Listener&& other) noexcept : socket_(std::exchange(other.socket_, -1)), port_(other.port_) {}
Listener& Listener::operator=(Listener&& other) noexcept {
  std::swap(socket_, other.socket_);
  std::swap(port_, other.port_);
  return *this;
}
Listener::~Listener() {
  if (socket_ >= 0) ::close(socket_);
}
void Listener::refuse() {
  ::shutdown(socket_, SHUT_RDWR);
}

namespace {

// The quota of one cgroup folder as processors; 0 where it sets none.
double quota_of(const std::filesystem::path& folder) {
  double quota = 0, period = 0;
  if (std::ifstream v2(folder / "cpu.max"); v2 >> quota >> period) return period > 0 ? quota / period : 0;
  std::ifstream v1_quota(folder / "cpu.cfs_quota_us"), v1_period(folder / "cpu.cfs_period_us");
  if (v1_quota >> quota && v1_period >> period && quota > 0 && period > 0) return quota / period;
  return 0;
}

// The least quota from the process's own cgroup up to the root: any of them throttles.
double least_quota(const std::filesystem::path& root, std::string path) {
  double least = 0;
  for (;;) {
    const double quota = quota_of(root / std::filesystem::path(path).relative_path());
    if (quota > 0 && (least == 0 || quota < least)) least = quota;
    if (path.empty() || path == "/") return least;
    path = std::filesystem::path(path).parent_path().string();
  }
}

}  // namespace

int threads_by_quota(const std::filesystem::path& root, const std::string& proc_cgroup, int online) {
  double least = 0;
  std::istringstream lines(proc_cgroup);
  for (std::string line; std::getline(lines, line);) {
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const bool v2 = controllers == ",,";
    if (!v2 && controllers.find(",cpu,") == std::string::npos) continue;
    double quota = 0;
    for (const std::filesystem::path& base :
         v2 ? std::vector{root, root / "unified"} : std::vector{root / "cpu", root / "cpu,cpuacct"}) {
      quota = least_quota(base, line.substr(second + 1));
      if (quota > 0) break;
    }
    if (quota > 0 && (least == 0 || quota < least)) least = quota;
  }
  if (least <= 0) return std::max(online, 1);
  const int whole = static_cast<int>(least) + (least > static_cast<int>(least) ? 1 : 0);
  return std::clamp(whole, 1, std::max(online, 1));
}

int threads_by_quota() {
  cpu_set_t set;
  CPU_ZERO(&set);
  const int online = ::sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  std::ifstream file("/proc/self/cgroup");
  std::stringstream text;
  text << file.rdbuf();
  return threads_by_quota("/sys/fs/cgroup", text.str(), online);
}

uint64_t memory_by_limit(const std::filesystem::path& root) {
  uint64_t least = static_cast<uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  for (const char* const name : {"memory.max", "memory/memory.limit_in_bytes"}) {
    uint64_t limit = 0;
    if (std::ifstream file(root / name); file >> limit) least = std::min(least, limit);
  }
  return least;
}

uint64_t take_descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  if (limit.rlim_cur < limit.rlim_max) {
    const rlimit all{.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
    if (::setrlimit(RLIMIT_NOFILE, &all) == 0) return all.rlim_cur;
  }
  return limit.rlim_cur;
}

}  // namespace clops::serving
