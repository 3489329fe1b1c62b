#include "operator/kube/status.h"

namespace clops::kube {
namespace {

Code code_of(int status, const std::string& reason) {
  switch (status) {
    case 400:
    case 422:
      return Code::InvalidArgument;
    case 401:
      return Code::Unauthenticated;
    case 403:
      return Code::PermissionDenied;
    case 404:
      return Code::NotFound;
    case 405:
    case 406:
    case 415:
      return Code::Unsupported;
    case 409:
      return reason == "AlreadyExists" ? Code::AlreadyExists : Code::Conflict;
    case 412:
      return Code::Conflict;
    case 410:
      return Code::Expired;
    case 413:
      return Code::TooLarge;
    case 504:
      return Code::DeadlineExceeded;
    default:
      return status >= 500 || status == 429 ? Code::Unavailable : Code::Internal;
  }
}

bool resource_version_too_large(const Json& status) {
  const Json* causes = find_path(status, {"details", "causes"});
  if (!causes || !causes->is_array()) return false;
  for (const Json& cause : *causes) {
    if (string_at(cause, {"reason"}) == "ResourceVersionTooLarge") return true;
  }
  return false;
}

std::string_view digits_of(std::string_view text) {
  if (text.find_first_not_of("0123456789") != std::string_view::npos) return {};
  while (text.size() > 1 && text.front() == '0') text.remove_prefix(1);
  return text;
}

}  // namespace

crds::ObjectKey key_of(const Json& object) {
  return {string_at(object, {"metadata", "namespace"}), string_at(object, {"metadata", "name"})};
}

Error decode_status(int http_status, std::string_view body) {
  std::string reason, message;
  if (const auto json = parse_json(body, {.bytes_max = 1u << 20, .depth_max = 32});
      json && string_at(*json, {"kind"}) == "Status") {
    reason = string_at(*json, {"reason"});
    message = string_at(*json, {"message"});
    if (resource_version_too_large(*json)) return {Code::Expired, message};
  }
  if (message.empty())
    message = "HTTP " + std::to_string(http_status) + (body.empty() ? "" : ": " + std::string(body.substr(0, 200)));
  return {code_of(http_status, reason), message};
}

int compare_resource_versions(std::string_view a, std::string_view b) {
  a = digits_of(a);
  b = digits_of(b);
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  const int order = a.compare(b);
  return order < 0 ? -1 : order > 0 ? 1 : 0;
}

}  // namespace clops::kube
