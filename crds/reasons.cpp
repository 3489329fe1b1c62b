#include "crds/reasons.h"

namespace clops::crds {

std::string_view to_string(Reason reason) {
  switch (reason) {
    case Reason::NotFound:
      return "NotFound";
    case Reason::PermissionDenied:
      return "PermissionDenied";
    case Reason::DigestMismatch:
      return "DigestMismatch";
    case Reason::UnsupportedFormat:
      return "UnsupportedFormat";
    case Reason::InvalidModel:
      return "InvalidModel";
    case Reason::TooLarge:
      return "TooLarge";
    case Reason::SourceUnavailable:
      return "SourceUnavailable";
    case Reason::UnsupportedUri:
      return "UnsupportedUri";
    case Reason::Timeout:
      return "Timeout";
    case Reason::Internal:
      return "Internal";
    case Reason::Verifying:
      return "Verifying";
    case Reason::Verified:
      return "Verified";
    case Reason::VerifyingPodFailed:
      return "VerifyingPodFailed";
    case Reason::ModelVersionMissing:
      return "ModelVersionMissing";
    case Reason::ModelVersionNotReady:
      return "ModelVersionNotReady";
    case Reason::ModelVersionFailed:
      return "ModelVersionFailed";
    case Reason::VariantsResolved:
      return "VariantsResolved";
    case Reason::ConfigPushed:
      return "ConfigPushed";
    case Reason::ConfigInForce:
      return "ConfigInForce";
    case Reason::WaitingForPods:
      return "WaitingForPods";
    case Reason::WaitingForAcknowledgement:
      return "WaitingForAcknowledgement";
    case Reason::WaitingForEndpoint:
      return "WaitingForEndpoint";
    case Reason::VariantFailedToLoad:
      return "VariantFailedToLoad";
    case Reason::EndpointReady:
      return "EndpointReady";
    case Reason::PodsNotReady:
      return "PodsNotReady";
    case Reason::RolloutStuck:
      return "RolloutStuck";
    case Reason::ScaledToZero:
      return "ScaledToZero";
    case Reason::Progressing:
      return "Progressing";
    case Reason::ChildConflict:
      return "ChildConflict";
    case Reason::ChildRefused:
      return "ChildRefused";
    case Reason::InvalidSpec:
      return "InvalidSpec";
  }
  return "Internal";
}

Reason inspection_reason(std::string_view text) {
  for (const Reason reason :
       {Reason::NotFound, Reason::PermissionDenied, Reason::DigestMismatch, Reason::UnsupportedFormat,
        Reason::InvalidModel, Reason::TooLarge, Reason::SourceUnavailable, Reason::UnsupportedUri, Reason::Timeout}) {
    if (to_string(reason) == text) return reason;
  }
  return Reason::Internal;
}

// NotFound and PermissionDenied are among them, slowly: the file may be put there, the access given.
bool worth_retrying(Reason reason) {
  switch (reason) {
    case Reason::NotFound:
    case Reason::PermissionDenied:
    case Reason::SourceUnavailable:
    case Reason::Timeout:
    case Reason::Internal:
    case Reason::VerifyingPodFailed:
      return true;
    default:
      return false;
  }
}

}  // namespace clops::crds
