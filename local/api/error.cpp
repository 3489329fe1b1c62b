#include "local/api/error.h"

namespace clops::local {

Json ApiError::to_status() const {
  Json out{{"kind", "Status"},    {"apiVersion", "v1"}, {"metadata", Json::object()},
           {"status", "Failure"}, {"message", message}, {"code", code}};
  if (!reason.empty()) out["reason"] = reason;
  Json details = Json::object();
  for (const auto& [key, value] :
       {std::pair{"name", &name}, std::pair{"group", &group}, std::pair{"kind", &kind}, std::pair{"uid", &uid}}) {
    if (!value->empty()) details[key] = *value;
  }
  for (const auto& cause : causes)
    details["causes"].push_back({{"reason", cause.reason}, {"message", cause.message}, {"field", cause.field}});
  if (retry_after_seconds > 0) details["retryAfterSeconds"] = retry_after_seconds;
  if (!details.empty()) out["details"] = std::move(details);
  return out;
}

Error ApiError::to_error() const {
  switch (code) {
    case 400:
    case 422:
      return {Code::InvalidArgument, message};
    case 401:
      return {Code::Unauthenticated, message};
    case 403:
      return {Code::PermissionDenied, message};
    case 404:
      return {Code::NotFound, message};
    case 405:
    case 415:
      return {Code::Unsupported, message};
    case 409:
      return {reason == "AlreadyExists" ? Code::AlreadyExists : Code::Conflict, message};
    case 410:
      return {Code::Expired, message};
    case 413:
      return {Code::TooLarge, message};
    case 429:
    case 503:
      return {Code::Unavailable, message};
    default:
      return {Code::Internal, message};
  }
}

std::unexpected<ApiError> api_fail(int code, std::string reason, std::string message) {
  ApiError error;
  error.code = code;
  error.reason = std::move(reason);
  error.message = std::move(message);
  return std::unexpected(std::move(error));
}

std::unexpected<ApiError> bad_request(std::string message) {
  return api_fail(400, "BadRequest", std::move(message));
}

namespace {
std::string qualified(const std::string& group, const std::string& name) {
  return group.empty() ? name : name + "." + group;
}

std::unexpected<ApiError> about(std::unexpected<ApiError> error, const std::string& group, const std::string& kind,
                                const std::string& name) {
  error.error().group = group;
  error.error().kind = kind;
  error.error().name = name;
  return error;
}
}  // namespace

std::unexpected<ApiError> not_found(const std::string& group, const std::string& plural, const std::string& name) {
  return about(api_fail(404, "NotFound", qualified(group, plural) + " \"" + name + "\" not found"), group, plural,
               name);
}

std::unexpected<ApiError> conflict(const std::string& group, const std::string& plural, const std::string& name,
                                   const std::string& why) {
  return about(api_fail(409, "Conflict",
                        "Operation cannot be fulfilled on " + qualified(group, plural) + " \"" + name + "\": " + why),
               group, plural, name);
}

std::unexpected<ApiError> invalid(const std::string& group, const std::string& kind, const std::string& name,
                                  std::vector<Cause> causes) {
  std::string list;
  for (const auto& cause : causes)
    list +=
        (list.empty() ? "" : ", ") + (cause.field.empty() ? std::string("<nil>") : cause.field) + ": " + cause.message;
  if (causes.size() > 1) list = "[" + list + "]";
  auto error = about(api_fail(422, "Invalid", qualified(group, kind) + " \"" + name + "\" is invalid: " + list), group,
                     kind, name);
  error.error().causes = std::move(causes);
  return error;
}

ApiError from_error(const Error& error) {
  ApiError out;
  out.message = error.message;
  switch (error.code) {
    case Code::InvalidArgument:
      out.code = 400;
      out.reason = "BadRequest";
      break;
    case Code::NotFound:
      out.code = 404;
      out.reason = "NotFound";
      break;
    case Code::AlreadyExists:
      out.code = 409;
      out.reason = "AlreadyExists";
      break;
    case Code::Conflict:
      out.code = 409;
      out.reason = "Conflict";
      break;
    case Code::Unauthenticated:
      out.code = 401;
      out.reason = "Unauthorized";
      break;
    case Code::PermissionDenied:
      out.code = 403;
      out.reason = "Forbidden";
      break;
    case Code::Unsupported:
      out.code = 405;
      out.reason = "MethodNotAllowed";
      break;
    case Code::TooLarge:
      out.code = 413;
      out.reason = "RequestEntityTooLarge";
      break;
    case Code::Expired:
      out.code = 410;
      out.reason = "Expired";
      break;
    case Code::Unavailable:
    case Code::DeadlineExceeded:
      out.code = 503;
      out.reason = "ServiceUnavailable";
      break;
    default:
      out.code = 500;
      out.reason = "InternalError";
      break;
  }
  return out;
}

}  // namespace clops::local
