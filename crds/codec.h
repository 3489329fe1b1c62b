// ModelVersion and ModelDeployment between their C++ values and the API's JSON.
//
// Decoding is strict about spec (a field of the wrong type or one that is not known here is an error with its path: it
// would be accepted and ignored) and lenient about status, which only the operator writes. Defaults are the CRD's.
// Thread rule: pure. Errors: InvalidArgument, "spec.variants[1].weight: must be an integer, not a string".
#pragma once

#include "base/json.h"
#include "base/result.h"
#include "crds/model_deployment.h"
#include "crds/model_version.h"

namespace clops::crds {

inline const ResourceType kModelVersionType{kGroup, kVersion, "ModelVersion", "modelversions", true};
inline const ResourceType kModelDeploymentType{kGroup, kVersion, "ModelDeployment", "modeldeployments", true};

[[nodiscard]] Result<ModelVersion> decode_model_version(const Json& object);
[[nodiscard]] Result<ModelDeployment> decode_model_deployment(const Json& object);

// Whole objects with apiVersion, kind, metadata.name, namespace, labels and annotations; empty fields left out.
[[nodiscard]] Json encode(const ModelVersion& object);
[[nodiscard]] Json encode(const ModelDeployment& object);
// What stands under "status". Numbers are always written; empty texts and lists are left out.
[[nodiscard]] Json encode(const ModelVersionStatus& status);
[[nodiscard]] Json encode(const ModelDeploymentStatus& status);

}  // namespace clops::crds
