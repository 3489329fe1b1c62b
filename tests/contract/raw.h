// Requests to an API server as they are, where a test is about what a typed client does not show.
//
// Thread rule: one thread. Ownership: the HTTP client outlives it.
#pragma once

#include <string>

#include "operator/kube/config.h"

namespace clops::contract {

struct Answer {
  int status = 0;
  Json body;  // with "warnings": the unknown fields that the server warned of
  bool operator==(const Answer&) const = default;
};

// The minor of the Kubernetes whose answers the embedded plane gives. Other servers' differ in words and in fields.
inline constexpr int kPlaneMinor = 34;

class Raw {
 public:
  Raw(HttpClient& http, kube::Access access) : http_(http), access_(std::move(access)) {}
  [[nodiscard]] Answer send(const std::string& method, const std::string& path, const Json& body = nullptr,
                            const std::string& type = "application/json",
                            const std::string& accept = "application/json") const;
  [[nodiscard]] Answer get(const std::string& path, const std::string& accept = "application/json") const {
    return send("GET", path, nullptr, "", accept);
  }
  [[nodiscard]] Answer apply(const std::string& path, const std::string& manager, const Json& object,
                             bool force = false) const;
  [[nodiscard]] int minor() const;  // of the server's Kubernetes; 0: it does not say

 private:
  HttpClient& http_;
  const kube::Access access_;
};

}  // namespace clops::contract
