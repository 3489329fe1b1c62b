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
  // inference.request; write(target) → Status fills answer.body from its outputs.
  template <class Decode, class Write>
  void run(CallInfo call, const Request& http, Answer& answer, const Decode& decode, const Write& write) {
    call.headers = http.headers;
    call.caller = caller;
    call.body_bytes = http.body.size();
    call.begin = models_.now();
    call.arrived = models_.arrived();
    inference.request.row_count = 0;
    inference.prediction_id.clear();
    inference.warning.clear();
    CallEnd end;
    const ContentHeaders headers = ContentHeaders::of(http);
    bool answered = false;  // by Content
    const Status done = [&]() -> Status {
      CLOPS_TRY(read_deadline(headers, call));
      CLOPS_TRY(models_.begin(call));
      CLOPS_ASSIGN(end.target, models_.route(call));
      std::string_view body;  // what is refused until now is not even unpacked
      answered = !content_.open(headers, http.body, body, answer);
      if (answered) return {};
      return compute_call(
          models_, call, end, inference, [&](Target& target) { return decode(headers, body, target); }, write);
    }();
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
  }

  [[nodiscard]] const InferLimits& limits() const { return limits_; }
  [[nodiscard]] ModelService& models() { return models_; }
  std::string_view name_prediction(const Target& target);  // in inference.prediction_id
  // Who answered, for dialects whose bodies have no place for it.
  void append_origin(const Target& target, Answer& answer);

  Inference inference;
  std::string_view caller;  // of this request, as the gate names it

 private:
  ModelService& models_;
  InferLimits limits_;
  Content content_;
};

}  // namespace clops::serving::http
