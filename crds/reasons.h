// Why something is as it is, in one word: the same word in conditions, Events, logs and tests.
//
// The first group is what the inspection document says (crds/inspection.h); the rest is the operator's.
#pragma once

#include <string_view>

namespace clops::crds {

enum class Reason {
  // A ModelVersion, as its verifying pod found it.
  NotFound,
  PermissionDenied,
  DigestMismatch,
  UnsupportedFormat,
  InvalidModel,
  TooLarge,
  SourceUnavailable,
  UnsupportedUri,
  Timeout,
  Internal,
  // A ModelVersion, as the operator sees it.
  Verifying,
  Verified,
  VerifyingPodFailed,
  // A ModelDeployment.
  ModelVersionMissing,
  ModelVersionNotReady,
  ModelVersionFailed,
  VariantsResolved,
  ConfigPushed,
  ConfigInForce,
  WaitingForPods,
  WaitingForAcknowledgement,
  WaitingForEndpoint,
  VariantFailedToLoad,
  EndpointReady,
  PodsNotReady,
  RolloutStuck,
  ScaledToZero,
  Progressing,
  // Either.
  ChildConflict,
  ChildRefused,
  InvalidSpec,
};

[[nodiscard]] std::string_view to_string(Reason reason);
// The inspection document's reason; Internal for one that is not known.
[[nodiscard]] Reason inspection_reason(std::string_view text);
// Whether looking again later may find something else, without anybody changing the object.
[[nodiscard]] bool worth_retrying(Reason reason);

}  // namespace clops::crds
