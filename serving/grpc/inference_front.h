// The services that clops-server has over gRPC, on the ModelService that REST has too: inference.GRPCInferenceService
// (with the repository and statistics extensions), grpc.health.v1.Health, grpc.reflection v1 and v1alpha.
//
// A model that is not known is NOT_FOUND, but not ready where that is the question, as Triton says. Metadata of a call
// routes as REST's headers do. Thread rule: one per serving thread. Ownership: borrows the ModelService. No allocation
// of its own per inference in steady state.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "serving/grpc/call.h"
#include "serving/grpc/infer_codec.h"
#include "serving/protocol/inference.h"

namespace clops::serving::grpc {

class InferenceFront final : public GrpcService {
 public:
  InferenceFront(ModelService& models, InferLimits limits, std::string server_version)
      : models_(models), limits_(limits), server_version_(std::move(server_version)) {}
  [[nodiscard]] std::optional<Method> find(std::string_view path) const override;
  Outcome admit(Call& call) override;
  Outcome serve(Call& call, std::string_view message, std::string& out) override;
  std::optional<Outcome> news(Call& call, std::string& out) override;
  void on_refused(GrpcCode code) override;
  [[nodiscard]] TimePoint now() const override { return models_.now(); }
  [[nodiscard]] TimePoint arrived() const override { return models_.arrived(); }

 private:
  Outcome infer(Call& call, std::string_view message, std::string& out);
  Outcome take_up(Call& call, std::string& out);
  Outcome end(const CallInfo& info, CallEnd& end, const Status& done, size_t answer_bytes);
  Status write(Target& target, std::string_view id, std::string& out);
  void server_metadata(std::string& out) const;
  Outcome model_ready(std::string_view message, std::string& out);
  Outcome model_metadata(std::string_view message, std::string& out);
  Outcome statistics(std::string_view message, std::string& out);
  Outcome repository(std::string_view message, std::string& out);
  Outcome control(Call& call, std::string_view message);
  Outcome check_health(std::string_view message, std::string& out);
  Outcome watch_health(Call& call, std::string_view message, std::string& out);
  [[nodiscard]] uint64_t health_of(std::string_view service);

  ModelService& models_;
  InferLimits limits_;
  std::string server_version_;
  InferMessage message_;
  Inference inference_;
  std::vector<TensorView> given_;  // outputs, while they are written
};

}  // namespace clops::serving::grpc
