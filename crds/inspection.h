// The one JSON document (at most 64 KiB) that `clops-server inspect` prints as its last log line, read by the operator
// into ModelVersion.status. registry/inspection.h writes it; tests/unit/crds holds the two to each other.
//
//   {"inspection":1,"ok":true,"digest":"sha256:..","bytes":N,"files":[{"path","digest","bytes"}],
//    "format":"xgboost-json","framework":"xgboost 3.2.0",
//    "schema":{"inputs":[{"name","datatype","shape"}],"outputs":[..],"featureNames":[..]}}
//   {"inspection":1,"ok":false,"reason":"DigestMismatch","message":"..."}
// reason: NotFound | PermissionDenied | DigestMismatch | UnsupportedFormat | InvalidModel | TooLarge |
// SourceUnavailable | UnsupportedUri | Timeout | Internal. Of these SourceUnavailable, Timeout and Internal are worth
// another try. Digest of one file: sha256 of its bytes. Of a folder: sha256 over the lines "DIGEST  PATH\n" sorted by
// path.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "crds/model_version.h"

namespace clops::crds {

struct Inspection {
  bool ok = false;
  std::string reason, message;  // when not ok
  std::string digest;
  int64_t bytes = 0;
  std::vector<ModelFile> files;
  std::string format, framework;
  ModelSchema schema;
  bool operator==(const Inspection&) const = default;
};

[[nodiscard]] Result<Inspection> decode_inspection(std::string_view json_line);

}  // namespace clops::crds
