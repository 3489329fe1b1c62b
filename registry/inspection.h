// What `clops-server inspect` says of a model: the one-line JSON document that crds/inspection.h describes, never more
// than 64 KiB. A bad model is a document with ok false, not a failure of the inspection.
//
// Thread rule: blocks its caller; borrows sources, store and clock for the call. Errors: none; they are in the
// document.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "registry/source.h"
#include "registry/store.h"

namespace clops::registry {

inline constexpr size_t kInspectionBytesMax = 64u << 10;

struct InspectRequest {
  std::string uri;
  std::string digest;           // empty: any; the document says which it is
  std::string format = "auto";  // spec.modelFormat.name: xgboost | lightgbm | onnx | auto
  // Asked of a model that reads well; its error refuses the model, as what cannot be loaded cannot be served either.
  std::function<Status(const std::filesystem::path& path, std::string_view format)> try_load = nullptr;
};

[[nodiscard]] std::string inspect(const SourceTable& sources, Store& store, const Clock& clock,
                                  const InspectRequest& request, const FetchLimits& limits = {});

// The same of a bare file or folder on this machine, read where it lies (`clops inspect MODEL`).
[[nodiscard]] std::string inspect_path(const std::filesystem::path& path, std::string_view format = "auto");

}  // namespace clops::registry
