// One call of a model over HTTP, whatever the dialect: open the body, route, decode, infer, write, count, compress.
//
// Thread rule: one per serving thread. Ownership: borrows the ModelService; `inference` is good until the next call.
// Errors: answered {"error": ...} with the status of status_of(), or as Content says. No allocation per call in steady
// state.
#pragma once

#include <string_view>

#include "serving/http/content.h"
#include "serving/protocol/inference.h"
#include "serving/protocol/service.h"

namespace clops::serving::http {

[[nodiscard]] int status_of(Code code);
// True when the method may go on; else answered. `allowed`: GET or POST.
[[nodiscard]] bool only(std::string_view allowed, const Request& request, Answer& answer);

class ModelCall {
 public:
  ModelCall(ModelService& models, InferLimits limits, size_t body_bytes_max)
      : models_(models), limits_(limits), content_(body_bytes_max) {}

  // decode(content headers, body, target) → Status fills inference.request; write(target) → Status fills answer.body
  // from its outputs.
  template <class Decode, class Write>
  void run(std::string_view model, std::string_view version, const Request& http, Answer& answer, const Decode& decode,
           const Write& write) {
    const TimePoint begin = models_.now();
    inference.request.row_count = 0;
    Target* target = nullptr;
    const ContentHeaders headers = ContentHeaders::of(http);
    if (std::string_view body; content_.open(headers, http.body, body, answer)) {
      if (const auto routed = models_.route(model, version, http.headers); !routed) {
        answer.error(status_of(routed.error().code), routed.error().message);
      } else {
        target = *routed;
        Status done = decode(headers, body, *target);
        if (done) done = inference.run(*target);
        if (done) done = write(*target);
        if (!done) answer.error(status_of(done.error().code), done.error().message);
        inference.trim();
        content_.trim();
      }
    }
    if (!headers.accept_encoding.empty()) content_.pack(headers.accept_encoding, answer);
    models_.count(target, answer.status, answer.status == 200 ? inference.request.row_count : 0, begin, models_.now());
  }

  [[nodiscard]] const InferLimits& limits() const { return limits_; }
  [[nodiscard]] ModelService& models() { return models_; }
  // Who answered, for dialects whose bodies have no place for it.
  void append_origin(const Target& target, Answer& answer);

  Inference inference;

 private:
  ModelService& models_;
  InferLimits limits_;
  Content content_;
};

}  // namespace clops::serving::http
