// Open Inference Protocol v2 over HTTP: paths and methods to questions of the ModelService, its answers to JSON.
//
//   GET  v2 | v2/health/live | v2/health/ready[?wait_ms=N] | v2/models/M[/versions/V][/ready]     POST
//   v2/models/M[/versions/V]/infer
// and the extensions of extensions.h, with binary data and classes as oip_json.h has them; other paths are tried at the
// older doors.
// With wait_ms a server that is not ready answers when it is, or after that time: kubelet, which asks once a second,
// hears of it at once. Errors are {"error": "..."}: 400 what the client sent, 404 model, version or path, 405 with
// Allow, 413, 415, 503. Thread rule: one per serving thread. Ownership: borrows the ModelService. No allocation per
// request in steady state.
#pragma once

#include <string>
#include <string_view>

#include "serving/http/model_call.h"
#include "serving/http/older_doors.h"

namespace clops::serving::http {

class RestFront final : public HttpService {
 public:
  RestFront(ModelService& models, InferLimits limits, size_t body_bytes_max, std::string server_version)
      : models_(models),
        call_(models, limits, body_bytes_max),
        older_(call_, server_version),
        server_version_(std::move(server_version)) {}
  bool serve(const Request& request, Answer& answer) override;
  void on_refused(int status) override;

 private:
  Status decode(const ContentHeaders& headers, std::string_view body, const Target& target);
  Status write(const Target& target, Answer& answer);
  Status write_forms(const Target& target, Answer& answer);
  bool ready(const Request& request, Answer& answer);
  bool admit(const Request& request, Answer& answer);
  void server_metadata(Answer& answer);
  void model_metadata(std::string_view model, std::string_view version, bool ready_only, Answer& answer);
  [[nodiscard]] bool route_model(std::string_view path, const Request& request, Answer& answer);

  ModelService& models_;
  ModelCall call_;
  OlderDoors older_;
  std::string server_version_;
  std::string name_, version_;  // decoded from the path, when it has escapes
  std::string head_, blobs_;
};

}  // namespace clops::serving::http
