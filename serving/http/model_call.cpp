#include "serving/http/model_call.h"

#include <algorithm>
#include <charconv>
#include <chrono>

namespace clops::serving::http {

int status_of(Code code) {
  switch (code) {
    case Code::InvalidArgument:
      return 400;
    case Code::PermissionDenied:
      return 403;
    case Code::NotFound:
      return 404;
    case Code::TooLarge:
      return 413;
    case Code::Unsupported:
      return 415;
    case Code::Unavailable:
      return 503;
    case Code::DeadlineExceeded:
      return 504;
    default:
      return 500;
  }
}

bool only(std::string_view allowed, const Request& request, Answer& answer) {
  const bool get = allowed == "GET";
  if (request.method == allowed || (get && request.method == "HEAD")) return true;
  answer.error(405, std::string(request.method.substr(0, 16)) + " is not done here: use " + std::string(allowed));
  answer.extra = get ? "Allow: GET, HEAD\r\n" : "Allow: POST\r\n";
  return false;
}

Status read_deadline(const ContentHeaders& headers, CallInfo& call) {
  if (headers.timeout_ms.empty()) return {};
  constexpr int64_t kMost = 1000LL * 60 * 60 * 24;
  int64_t ms = 0;
  const std::string_view text = headers.timeout_ms;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), ms);
  if (error != std::errc{} || end != text.data() + text.size() || ms < 0)
    return fail(Code::InvalidArgument, "x-envoy-expected-rq-timeout-ms is not a whole number of milliseconds");
  if (ms > 0) call.deadline = call.arrived + std::chrono::milliseconds(std::min(ms, kMost));  // 0: none
  return {};
}

std::string_view ModelCall::name_prediction(const Target& target) {
  inference.prediction_id.clear();
  models_.append_prediction_id(target, inference.prediction_id);
  return inference.prediction_id;
}

void ModelCall::append_origin(const Target& target, Answer& answer) {
  // A variant's name is a DNS label and a digest hexadecimal; a version is what its author wrote.
  const bool printable = std::ranges::all_of(target.version, [](char c) { return c > ' ' && c < 0x7f; });
  (answer.headers += "x-clops-variant: ") += target.variant;
  if (printable) (answer.headers += "\r\nx-clops-version: ") += target.version;
  answer.headers += "\r\nx-clops-prediction-id: ";
  answer.headers += name_prediction(target);
  answer.headers += "\r\n";
  if (inference.warning.empty()) return;
  answer.headers += "x-clops-validation: ";
  for (const char c : inference.warning) answer.headers += c >= ' ' && c < 0x7f ? c : '?';
  answer.headers += "\r\n";
}

}  // namespace clops::serving::http
