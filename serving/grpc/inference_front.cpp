#include "serving/grpc/inference_front.h"

#include <array>
#include <utility>

#include "serving/grpc/reflection.h"
#include "serving/grpc/wire.h"
#include "serving/protocol/compute_call.h"

namespace clops::serving::grpc {
namespace {

enum Id : uint32_t {
  kInfer,
  kServerLive,
  kServerReady,
  kModelReady,
  kServerMetadata,
  kModelMetadata,
  kStatistics,
  kIndex,
  kLoad,
  kUnload,
  kCheck,
  kWatch,
  kReflect
};
struct Row {
  std::string_view path;
  Id id;
  MethodKind kind = MethodKind::Unary;
};
constexpr std::array<Row, 14> kMethods = {
    {{"/inference.GRPCInferenceService/ModelInfer", kInfer},
     {"/inference.GRPCInferenceService/ServerLive", kServerLive},
     {"/inference.GRPCInferenceService/ServerReady", kServerReady},
     {"/inference.GRPCInferenceService/ModelReady", kModelReady},
     {"/inference.GRPCInferenceService/ServerMetadata", kServerMetadata},
     {"/inference.GRPCInferenceService/ModelMetadata", kModelMetadata},
     {"/inference.GRPCInferenceService/ModelStatistics", kStatistics},
     {"/inference.GRPCInferenceService/RepositoryIndex", kIndex},
     {"/inference.GRPCInferenceService/RepositoryModelLoad", kLoad, MethodKind::Later},
     {"/inference.GRPCInferenceService/RepositoryModelUnload", kUnload, MethodKind::Later},
     {"/grpc.health.v1.Health/Check", kCheck},
     {"/grpc.health.v1.Health/Watch", kWatch, MethodKind::Watch},
     {"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", kReflect, MethodKind::Stream},
     {"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", kReflect, MethodKind::Stream}}};

// grpc.health.v1.HealthCheckResponse.ServingStatus
constexpr uint64_t kServing = 1, kNotServing = 2, kServiceUnknown = 3;
constexpr std::array<std::string_view, 3> kExtensions = {"classification", "model_repository", "statistics"};

struct Named {  // a request of a name and a version, as four of them are
  std::string_view name, version;
};
Result<Named> read_named(std::string_view message) {
  Named out;
  WireReader fields(message);
  while (fields.next()) {
    if (fields.is(1, Wire::Bytes)) out.name = fields.bytes();
    if (fields.is(2, Wire::Bytes)) out.version = fields.bytes();
  }
  if (!fields.ok()) return fail(Code::InvalidArgument, "the request is not a message of the protocol: it is damaged");
  return out;
}

// An entry of TensorMetadata.parameters.
void append_parameter(std::string& out, std::string_view name, std::string_view text) {
  append_message(out, 4, [&] {
    append_string(out, 1, name);
    append_message(out, 2, [&] { append_string(out, 3, text); });
  });
}

// The protocol's message has no way to say "optional" or "on request": what is that is left to those who know of it, so
// that a client made from the metadata sends what is needed and asks for what is given.
void append_tensors(std::string& out, uint32_t field, const std::vector<TensorSpec>& tensors) {
  for (const TensorSpec& tensor : tensors) {
    if (tensor.optional || tensor.on_request) continue;
    append_message(out, field, [&] {
      append_string(out, 1, tensor.name);
      append_string(out, 2, to_string(tensor.datatype));
      append_message(out, 3, [&] {
        for (const int64_t dimension : tensor.shape) append_varint(out, static_cast<uint64_t>(dimension));
      });
      if (tensor.categories == nullptr) return;
      append_parameter(out, "categories", tensor.categories->told());
      append_parameter(out, "unknown_category", to_string(tensor.categories->unknown()));
    });
  }
}

void append_duration(std::string& out, uint32_t field, uint64_t count, uint64_t ns) {
  append_message(out, field, [&] {
    append_number(out, 1, count);
    append_number(out, 2, ns);
  });
}

}  // namespace

std::optional<Method> InferenceFront::find(std::string_view path) const {
  for (const Row& row : kMethods) {
    if (row.path == path) return Method{.id = row.id, .kind = row.kind};
  }
  return std::nullopt;
}

void InferenceFront::on_refused(GrpcCode code) {
  models_.refused(http_status_of(code));
}

Outcome InferenceFront::admit(Call& call) {
  switch (static_cast<Id>(call.method.id)) {
    case kServerLive:
    case kServerReady:
    case kCheck:
    case kWatch:
      return {};  // health is everybody's
    default:
      break;
  }
  const auto caller = models_.admit(call.headers);
  if (!caller) return outcome_of(caller.error());
  call.caller.assign(*caller);
  return {};
}

Outcome InferenceFront::serve(Call& call, std::string_view message, std::string& out) {
  switch (static_cast<Id>(call.method.id)) {
    case kInfer:
      return infer(call, message, out);
    case kServerLive:
      append_number(out, 1, 1);
      return {};
    case kServerReady:
      append_number(out, 1, models_.ready() ? 1 : 0);
      return {};
    case kModelReady:
      return model_ready(message, out);
    case kServerMetadata:
      server_metadata(out);
      return {};
    case kModelMetadata:
      return model_metadata(message, out);
    case kStatistics:
      return statistics(message, out);
    case kIndex:
      return repository(message, out);
    case kLoad:
    case kUnload:
      return control(call, message);
    case kCheck:
      return check_health(message, out);
    case kWatch:
      return watch_health(call, message, out);
    case kReflect:
      return reflect(descriptor_set(), message, out);
  }
  return {GrpcCode::Unimplemented, "no such method"};
}

Outcome InferenceFront::infer(Call& call, std::string_view message, std::string& out) {
  CallInfo info{.wire = "grpc",
                .model = {},
                .version = {},
                .caller = call.caller,
                .headers = call.headers,
                .body_bytes = message.size(),
                .begin = models_.now(),
                .arrived = models_.arrived(),
                .deadline = call.deadline,
                .may_wait = true,
                .alone = call.alone && models_.alone()};
  CallEnd told;
  inference_.prediction_id.clear();
  inference_.warning.clear();
  const size_t before = out.size();
  const auto done = [&]() -> Status {
    CLOPS_TRY(read_infer(message, message_));
    info.model = message_.model;
    info.version = message_.version;
    CLOPS_TRY(models_.begin(info));
    CLOPS_ASSIGN(told.target, models_.route(info));
    const auto decode = [&](const Target& target) {
      return decode_infer(message_, target.engine->info(), limits_, inference_.request);
    };
    return compute_call(
        models_, info, told, inference_, decode, [this] { return std::string_view(message_.id); },
        [&](Target& target, std::string_view id) { return write(target, id, out); });
  }();
  if (told.ticket != 0) {
    call.memory = static_cast<uint64_t>(told.ticket);
    return {.later = true};
  }
  return end(info, told, done, out.size() - before);
}

// A call that waited for the end of the round: its rows are computed.
Outcome InferenceFront::take_up(Call& call, std::string& out) {
  const auto ticket = static_cast<int64_t>(std::exchange(call.memory, 0));
  PendingCall& pending = models_.batching()->at(ticket);
  CallInfo info{.headers = call.headers, .body_bytes = pending.call.body_bytes};
  CallEnd told;
  const size_t before = out.size();
  const Status done = finish_call(pending, info, told, inference_,
                                  [&](Target& target, std::string_view id) { return write(target, id, out); });
  Outcome outcome = end(info, told, done, out.size() - before);
  models_.batching()->release(ticket);
  return outcome;
}

Outcome InferenceFront::end(const CallInfo& info, CallEnd& end, const Status& done, size_t answer_bytes) {
  Outcome outcome = done ? Outcome{} : outcome_of(done.error());
  if (outcome.code == GrpcCode::Unavailable) outcome.retry_ms = 1000;
  end.status = http_status_of(outcome.code);
  end.error = outcome.message;
  if (done) end.rows = inference_.request.row_count;
  end.answer_bytes = answer_bytes;
  end.end = models_.now();
  models_.end(info, end);
  inference_.trim();
  constexpr size_t kKeepBytes = 1u << 20;
  if (message_.scratch.capacity() > kKeepBytes) std::string().swap(message_.scratch);
  return outcome;
}

Status InferenceFront::write(Target& target, std::string_view id, std::string& out) {
  const InferRequest& request = inference_.request;
  given_.clear();
  for (size_t i = 0; i < request.outputs.size(); ++i) {
    CLOPS_ASSIGN(const TensorView view, inference_.given(target, i));
    given_.push_back(view);
  }
  models_.append_prediction_id(target, inference_.prediction_id);
  append_infer_head(out, target, id, inference_);
  for (size_t i = 0; i < given_.size(); ++i)
    append_infer_output(out, target.engine->info().outputs[request.outputs[i]].name, given_[i]);
  for (const TensorView& view : given_) append_infer_values(out, view);
  return {};
}

void InferenceFront::server_metadata(std::string& out) const {
  append_string(out, 1, "clops");
  append_string(out, 2, server_version_);
  for (const std::string_view extension : kExtensions) append_string(out, 3, extension);
}

Outcome InferenceFront::model_ready(std::string_view message, std::string& out) {
  const auto asked = read_named(message);
  if (!asked) return outcome_of(asked.error());
  const auto view = models_.describe(asked->name, asked->version);
  append_number(out, 1, view && view->ready ? 1 : 0);
  return {};
}

Outcome InferenceFront::model_metadata(std::string_view message, std::string& out) {
  const auto asked = read_named(message);
  if (!asked) return outcome_of(asked.error());
  const auto view = models_.describe(asked->name, asked->version);
  if (!view) return outcome_of(view.error());
  if (view->target == nullptr) return {GrpcCode::Unavailable, "the model is not loaded yet"};
  const EngineInfo& info = view->target->engine->info();
  append_string(out, 1, view->name);
  for (const std::string_view version : view->versions) append_string(out, 2, version);
  append_string(out, 3, info.platform);
  append_tensors(out, 4, info.inputs);
  append_tensors(out, 5, info.outputs);
  return {};
}

Outcome InferenceFront::statistics(std::string_view message, std::string& out) {
  const auto asked = read_named(message);
  if (!asked) return outcome_of(asked.error());
  const auto entries = models_.statistics(asked->name, asked->version);
  if (!entries) return outcome_of(entries.error());
  for (const StatisticsEntry& entry : *entries) {
    append_message(out, 1, [&] {
      append_string(out, 1, entry.name);
      append_string(out, 2, entry.version);
      append_number(out, 4, entry.rows);
      append_number(out, 5, entry.executions);
      append_message(out, 6, [&] {
        append_duration(out, 1, entry.successes, entry.success_ns);
        append_duration(out, 2, entry.failures, entry.failure_ns);
        append_duration(out, 3, entry.successes, 0);  // there is no queue
        append_duration(out, 4, entry.successes, 0);  // what is not timed in parts is all said to be computing
        append_duration(out, 5, entry.successes, entry.success_ns);
        append_duration(out, 6, entry.successes, 0);
      });
    });
  }
  return {};
}

Outcome InferenceFront::repository(std::string_view message, std::string& out) {
  bool ready_only = false;
  WireReader fields(message);
  while (fields.next()) {
    if (fields.is(2, Wire::Varint)) ready_only = fields.boolean();
  }
  if (!fields.ok()) return {GrpcCode::InvalidArgument, "the request is not a message of the protocol: it is damaged"};
  for (const RepositoryEntry& entry : models_.repository(ready_only)) {
    append_message(out, 1, [&] {
      append_string(out, 1, entry.name);
      append_string(out, 2, entry.version);
      append_string(out, 3, entry.ready ? "READY" : "UNAVAILABLE");
      append_string(out, 4, entry.reason);
    });
  }
  return {};
}

uint64_t InferenceFront::health_of(std::string_view service) {
  constexpr std::array<std::string_view, 4> kServices = {"", "inference.GRPCInferenceService", "grpc.health.v1.Health",
                                                         "grpc.reflection.v1.ServerReflection"};
  for (const std::string_view known : kServices) {
    if (known == service) return models_.ready() ? kServing : kNotServing;
  }
  const auto view = models_.describe(service, {});
  if (!view) return kServiceUnknown;
  return view->ready ? kServing : kNotServing;
}

Outcome InferenceFront::check_health(std::string_view message, std::string& out) {
  const auto asked = read_named(message);
  if (!asked) return outcome_of(asked.error());
  const uint64_t health = health_of(asked->name);
  if (health == kServiceUnknown)
    return {GrpcCode::NotFound,
            "neither a service nor a model is called so: " + std::string(asked->name.substr(0, 64))};
  append_number(out, 1, health);
  return {};
}

Outcome InferenceFront::watch_health(Call& call, std::string_view message, std::string& out) {
  const auto asked = read_named(message);
  if (!asked) return outcome_of(asked.error());
  call.subject.assign(asked->name.substr(0, 256));
  call.memory = health_of(call.subject);
  append_number(out, 1, call.memory);
  return {};
}

// The service answers when the change is in force, or says at once why there is none.
Outcome InferenceFront::control(Call& call, std::string_view message) {
  WireReader fields(message);
  while (fields.next()) {
    if (fields.is(2, Wire::Bytes)) call.subject.assign(fields.bytes().substr(0, 256));
    if (!fields.is(3, Wire::Bytes)) continue;
    const auto parameter = read_named(fields.bytes());  // a map's entry begins as a name
    if (parameter && (parameter->name == "config" || parameter->name.starts_with("file:")))
      return {GrpcCode::Unimplemented, "a model's configuration and files are declared, and not taken from clients"};
  }
  if (!fields.ok()) return {GrpcCode::InvalidArgument, "the request is not a message of the protocol: it is damaged"};
  const auto begun = models_.control(call.subject, call.method.id == kLoad, true);
  return begun ? Outcome{} : outcome_of(begun.error());
}

std::optional<Outcome> InferenceFront::news(Call& call, std::string& out) {
  if (call.method.id == kInfer) return take_up(call, out);
  if (call.method.id != kWatch) {
    const auto done = models_.control(call.subject, call.method.id == kLoad, false);
    if (!done) return outcome_of(done.error());
    return *done ? std::optional(Outcome{}) : std::nullopt;  // the answer is an empty message
  }
  const uint64_t health = health_of(call.subject);
  if (health == call.memory) return std::nullopt;
  call.memory = health;
  append_number(out, 1, health);
  return Outcome{};
}

}  // namespace clops::serving::grpc
