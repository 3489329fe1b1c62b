// Errors as values: Result<T> is either a T or an Error (a code from a short list, and text for the person reading it).
//
// Thread rule: values. Ownership: values. A new failure never gets a new code unless a caller would act differently on
// it.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace clops {

enum class Code {
  InvalidArgument,   // the caller's input is wrong: the message names the file, field or column
  NotFound,          // what was named does not exist
  AlreadyExists,     // creation lost to an existing object
  Conflict,          // a precondition (resourceVersion, UID, field manager, digest pin) no longer holds
  Unauthenticated,   // who is calling is not known
  PermissionDenied,  // known, and not allowed
  Unsupported,       // well formed, but clops does not do this; the message says why and the way out
  TooLarge,          // over a stated limit
  Unavailable,       // the other side cannot be reached or asks us to come back: retrying may help
  DeadlineExceeded,  // ran out of time
  Expired,           // the position asked for is gone (HTTP 410): start over
  DataLoss,          // content is damaged or does not match its digest
  Internal,          // a defect of ours
};

[[nodiscard]] std::string_view to_string(Code code);

struct Error {
  Code code = Code::Internal;
  std::string message;
  bool operator==(const Error&) const = default;
};

template <class T>
using Result = std::expected<T, Error>;
using Status = std::expected<void, Error>;

[[nodiscard]] inline std::unexpected<Error> fail(Code code, std::string message) {
  return std::unexpected(Error{code, std::move(message)});
}

// The same error with where it happened in front: "samples/x.yaml: spec.weight: ...".
[[nodiscard]] inline std::unexpected<Error> fail_in(std::string_view where, const Error& error) {
  return std::unexpected(Error{error.code, std::string(where) + ": " + error.message});
}

}  // namespace clops

// CLOPS_TRY(expr): on error returns it from the enclosing function. CLOPS_ASSIGN(auto x, expr): the value, or return.
#define CLOPS_CONCAT_(a, b) a##b
#define CLOPS_CONCAT(a, b) CLOPS_CONCAT_(a, b)
#define CLOPS_TRY(expr)                                                                             \
  do {                                                                                              \
    if (auto clops_status_ = (expr); !clops_status_) return std::unexpected(clops_status_.error()); \
  } while (0)
#define CLOPS_ASSIGN(decl, expr) CLOPS_ASSIGN_(CLOPS_CONCAT(clops_result_, __LINE__), decl, expr)
#define CLOPS_ASSIGN_(tmp, decl, expr)                      \
  auto tmp = (expr);                                        \
  if (!tmp) return std::unexpected(std::move(tmp).error()); \
  decl = std::move(*tmp)
