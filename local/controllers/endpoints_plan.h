// Which pods stand behind a Service, as an EndpointSlice; and what the proxy reads out of slices. Pure.
//
// Thread rule: free functions over values. One slice per Service: the plane's Services have tens of pods, not
// thousands.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "crds/workload.h"

namespace clops::local {

inline constexpr const char* kServiceNameLabel = "kubernetes.io/service-name";

[[nodiscard]] bool selects(const std::map<std::string, std::string>& selector,
                           const std::map<std::string, std::string>& labels);

// `pods`: of the Service's namespace; those that match and have an address are in the slice, ready or not.
[[nodiscard]] Json endpoint_slice(const crds::Service& service, const std::vector<crds::Pod>& pods);

struct Backend {
  std::string address;
  int port = 0;
  auto operator<=>(const Backend&) const = default;
};

// A listening address of the proxy, and where its connections may go.
struct ProxyRule {
  std::string address;
  int port = 0;
  std::vector<Backend> backends;  // those that are ready; if none is, those that still serve while ending
  bool operator==(const ProxyRule&) const = default;
};

// `slices`: whole EndpointSlice objects of the Service.
[[nodiscard]] std::vector<ProxyRule> proxy_rules(const crds::Service& service, const std::vector<const Json*>& slices);

}  // namespace clops::local
