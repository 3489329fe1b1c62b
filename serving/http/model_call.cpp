#include "serving/http/model_call.h"

#include <algorithm>

namespace clops::serving::http {

int status_of(Code code) {
  switch (code) {
    case Code::InvalidArgument:
      return 400;
    case Code::Unauthenticated:
      return 401;
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
}

}  // namespace clops::serving::http
