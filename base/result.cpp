#include "base/result.h"

namespace clops {

std::string_view to_string(Code code) {
  switch (code) {
    case Code::InvalidArgument:
      return "InvalidArgument";
    case Code::NotFound:
      return "NotFound";
    case Code::AlreadyExists:
      return "AlreadyExists";
    case Code::Conflict:
      return "Conflict";
    case Code::Unauthenticated:
      return "Unauthenticated";
    case Code::PermissionDenied:
      return "PermissionDenied";
    case Code::Unsupported:
      return "Unsupported";
    case Code::TooLarge:
      return "TooLarge";
    case Code::Unavailable:
      return "Unavailable";
    case Code::DeadlineExceeded:
      return "DeadlineExceeded";
    case Code::Expired:
      return "Expired";
    case Code::DataLoss:
      return "DataLoss";
    case Code::Internal:
      return "Internal";
  }
  return "Internal";
}

}  // namespace clops
