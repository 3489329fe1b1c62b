// One call of a model over HTTP, whatever the dialect: open the body, route, decode, infer, write, count, compress.
//
// Thread rule: one per serving thread. Ownership: borrows the ModelService; `inference` is good until the next call.
// Errors: answered {"error": ...} with the status of status_of(), or as Content says. No allocation per call in steady
// state.
#pragma once

#include <string_view>

#include "serving/http/content.h"
#include "serving/protocol/compute_call.h"
#include "serving/protocol/inference.h"
#include "serving/protocol/service.h"

namespace clops::serving::http {

[[nodiscard]] int status_of(Code code);
// True when the method may go on; else answered. `allowed`: GET or POST.
[[nodiscard]] bool only(std::string_view allowed, const Request& request, Answer& answer);

// What a proxy says of how long it will wait, into call.deadline. InvalidArgument: not a number.
[[nodiscard]] Status read_deadline(const ContentHeaders& headers, CallInfo& call);

class ModelCall {
 public:
  ModelCall(ModelService& models, InferLimits limits, size_t body_bytes_max)
      : models_(models), limits_(limits), content_(body_bytes_max) {}

  // `call`: wire, model and version; the rest is filled in here. decode(content headers, body, target) → Status fills
  // inference.request; write(target) → Status fills answer.body from its outputs. False: to be asked again, as
  // HttpService::serve() has it.
  template <class Decode, class Write>
  [[nodiscard]] bool run(CallInfo call, const Request& http, Answer& answer, const Decode& decode, const Write& write) {
    const int64_t ticket = answer.asked_first;
    const ContentHeaders headers = ContentHeaders::of(http);
    call.headers = http.headers;
    call.body_bytes = http.body.size();
    CallEnd end;
    const Status done =
        ticket != 0 ? finish(ticket, call, end, write) : begin(call, end, headers, http, answer, decode, write);
    if (end.ticket != 0 && ticket == 0) {
      answer.asked_first = end.ticket;
      answer.later = true;
      return false;
    }
    if (!done) {
      answer.error(status_of(done.error().code), done.error().message);
      end.error = done.error().message;
      if (answer.status == 503) answer.extra = "Retry-After: 1\r\n";
    }
    if (!headers.accept_encoding.empty()) content_.pack(headers.accept_encoding, answer);
    end.status = answer.status;
    if (end.status == 200) end.rows = inference.request.row_count;
    end.answer_bytes = answer.body.size();
    end.end = models_.now();
    models_.end(call, end);
    inference.trim();
    content_.trim();
    if (ticket != 0) models_.batching()->release(ticket);
    return true;
  }

  [[nodiscard]] const InferLimits& limits() const { return limits_; }
  [[nodiscard]] ModelService& models() { return models_; }
  std::string_view name_prediction(const Target& target);  // in inference.prediction_id
  // Who answered, for dialects whose bodies have no place for it.
  void append_origin(const Target& target, Answer& answer);

  Inference inference;
  std::string_view caller;  // of this request, as the gate names it

 private:
  template <class Decode, class Write>
  [[nodiscard]] Status begin(CallInfo& call, CallEnd& end, const ContentHeaders& headers, const Request& http,
                             Answer& answer, const Decode& decode, const Write& write) {
    call.caller = caller;
    call.begin = models_.now();
    call.arrived = models_.arrived();
    call.may_wait = answer.may_wait;
    call.alone = models_.alone();
    inference.request.row_count = 0;
    inference.prediction_id.clear();
    inference.warning.clear();
    CLOPS_TRY(read_deadline(headers, call));
    CLOPS_TRY(models_.begin(call));
    CLOPS_ASSIGN(end.target, models_.route(call));
    std::string_view body;                                           // what is refused until now is not even unpacked
    if (!content_.open(headers, http.body, body, answer)) return {};  // it has answered
    return compute_call(
        models_, call, end, inference, [&](Target& target) { return decode(headers, body, target); },
        [this] { return inference.request.id_json; }, [&](Target& target, std::string_view) { return write(target); });
  }

  template <class Write>
  [[nodiscard]] Status finish(int64_t ticket, CallInfo& call, CallEnd& end, const Write& write) {
    return finish_call(models_.batching()->at(ticket), call, end, inference, [&](Target& target, std::string_view id) {
      inference.request.id_json = id;
      return write(target);
    });
  }

  ModelService& models_;
  InferLimits limits_;
  Content content_;
};

}  // namespace clops::serving::http
