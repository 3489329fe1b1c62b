// Dialects older than the Open Inference Protocol, over the same service, so that their clients move without change.
//
//   KServe V1  GET / | v1/models | v1/models/M     POST v1/models/M:predict | v1/models/M:explain
//   MLflow     POST invocations                GET ping | health | version
// Rows as rows.h has them; the answer is {"predictions": [...]}, a value a row, or an object by output where a model
// gives several; :explain adds "explanations", a row of contributions each. Headers x-clops-variant, x-clops-version
// and x-clops-prediction-id say who answered. Routing is that of v2: rules, sticky key, split. /invocations has no
// model's name: it is for servers of one. Errors are {"error": "..."}, as in v2; 501 where a model cannot explain.
// Thread rule: one per serving thread. Ownership: borrows the ModelCall, which other doors of the thread use too.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "serving/http/model_call.h"
#include "serving/protocol/rows.h"

namespace clops::serving::http {

class OlderDoors {
 public:
  OlderDoors(ModelCall& call, std::string server_version) : call_(call), server_version_(std::move(server_version)) {}
  // Nothing: the path is not one of theirs, and nothing was answered; else as HttpService::serve() has it.
  [[nodiscard]] std::optional<bool> serve(std::string_view path, const Request& request, Answer& answer);

 private:
  [[nodiscard]] bool v1(std::string_view path, const Request& request, Answer& answer);
  [[nodiscard]] bool v1_call(std::string_view model, bool explain, const Request& request, Answer& answer);
  void v1_models(Answer& answer);
  void v1_model(std::string_view model, Answer& answer);
  [[nodiscard]] bool invocations(const Request& request, Answer& answer);
  void ready(Answer& answer);
  Status write(const Target& target, bool explain, Answer& answer);
  void append_rows(std::string& out, const Target& target, std::span<const uint32_t> which);

  ModelCall& call_;
  std::string server_version_;
  RowReader reader_;
  std::string name_;  // decoded from the path, when it has escapes
};

}  // namespace clops::serving::http
