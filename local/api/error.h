// An API error as Kubernetes says it: what becomes a metav1.Status. Values; no thread rule.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace clops::local {

struct Cause {
  std::string reason, message, field;  // "FieldValueInvalid", "Invalid value: ...", "spec.x"
  bool operator==(const Cause&) const = default;
};

struct ApiError {
  int code = 500;
  std::string reason, message;
  std::string group, kind, name, uid;  // what it concerns (kind: the plural in errors about requests)
  std::vector<Cause> causes;
  int retry_after_seconds = 0;
  [[nodiscard]] Json to_status() const;
  [[nodiscard]] Error to_error() const;
};

template <class T>
using Outcome = std::expected<T, ApiError>;
using Done = std::expected<void, ApiError>;

[[nodiscard]] std::unexpected<ApiError> api_fail(int code, std::string reason, std::string message);
[[nodiscard]] std::unexpected<ApiError> bad_request(std::string message);
// What a resource and object name go into: "deployments.apps \"x\" not found".
[[nodiscard]] std::unexpected<ApiError> not_found(const std::string& group, const std::string& plural,
                                                  const std::string& name);
[[nodiscard]] std::unexpected<ApiError> conflict(const std::string& group, const std::string& plural,
                                                 const std::string& name, const std::string& why);
[[nodiscard]] std::unexpected<ApiError> invalid(const std::string& group, const std::string& kind,
                                                const std::string& name, std::vector<Cause> causes);
[[nodiscard]] ApiError from_error(const Error& error);

}  // namespace clops::local
