// What a gRPC call is to who answers it: a method, headers, a deadline and messages, in no frame's words.
//
// Thread rule: one GrpcService per serving thread, used on it. Ownership: a Call's views are good while it is being
// served. Errors: an Outcome with gRPC's own code and a message fit for the client.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "serving/routing/router.h"

namespace clops::serving::grpc {

enum class GrpcCode : uint8_t {
  Ok = 0,
  Cancelled = 1,
  Unknown = 2,
  InvalidArgument = 3,
  DeadlineExceeded = 4,
  NotFound = 5,
  AlreadyExists = 6,
  PermissionDenied = 7,
  ResourceExhausted = 8,
  FailedPrecondition = 9,
  Aborted = 10,
  OutOfRange = 11,
  Unimplemented = 12,
  Internal = 13,
  Unavailable = 14,
  DataLoss = 15,
  Unauthenticated = 16,
};

struct Outcome {
  GrpcCode code = GrpcCode::Ok;
  std::string message;
  uint32_t retry_ms = 0;  // told to the client as grpc-retry-pushback-ms; 0: not
  bool later = false;     // the answer is there at the end of the loop's round: news() gives it then
  [[nodiscard]] bool ok() const { return code == GrpcCode::Ok; }
};
[[nodiscard]] Outcome outcome_of(const Error& error);
[[nodiscard]] int http_status_of(GrpcCode code);  // what the request is counted as, beside REST's

enum class MethodKind : uint8_t {
  Unary,   // one message, one answer
  Stream,  // an answer to each message, until the client ends
  Watch,   // one message, then an answer whenever there is news, until the client leaves
  Later,   // one message, one answer, which comes as news
};
struct Method {
  uint32_t id = 0;  // the service's own
  MethodKind kind = MethodKind::Unary;
};

struct Call {
  Method method;
  std::span<const HeaderView> headers;  // metadata; names in lower case
  TimePoint begin{};                    // its first byte
  std::optional<TimePoint> deadline;
  std::string caller;  // as the gate names it
  // Of a Watch or a Later, the service's own notes: what is asked for, and what was told last.
  std::string subject;
  uint64_t memory = 0;
  bool alone = true;  // no other call of its connection is under way
};

class GrpcService {
 public:
  virtual ~GrpcService() = default;
  // `path`: "/package.Service/Method". Nothing: not implemented.
  [[nodiscard]] virtual std::optional<Method> find(std::string_view path) const = 0;
  // Once the headers are there, before any message is: whether the caller may go on, who is noted in the call.
  virtual Outcome admit(Call& call) {
    (void)call;
    return {};
  }
  // Answers one message by appending one to `out` (a Later: none yet); if the outcome is not Ok the call ends with it.
  virtual Outcome serve(Call& call, std::string_view message, std::string& out) = 0;
  // Of a Watch and a Later, asked for about every 250 ms. Ok: a message was appended to `out`; else the call ends so.
  virtual std::optional<Outcome> news(Call& call, std::string& out) = 0;
  virtual void on_refused(GrpcCode code) = 0;  // a call that never reached serve()
  [[nodiscard]] virtual TimePoint now() const = 0;
  // When what is being handled came, most likely: from then a call's time counts.
  [[nodiscard]] virtual TimePoint arrived() const { return now(); }
};

}  // namespace clops::serving::grpc
