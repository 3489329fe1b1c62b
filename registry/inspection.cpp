#include "registry/inspection.h"

#include <algorithm>

#include "base/digest.h"
#include "base/json.h"
#include "formats/model_file.h"
#include "registry/file_source.h"
#include "registry/hashed_file.h"
#include "registry/uri.h"

namespace clops::registry {
namespace {

constexpr size_t kMessageBytesMax = 2048, kListBytesMax = 24u << 10;

std::string_view reason_of_fetch(Code code) {
  switch (code) {
    case Code::NotFound:
      return "NotFound";
    case Code::Unauthenticated:
    case Code::PermissionDenied:
      return "PermissionDenied";
    case Code::DataLoss:
      return "DigestMismatch";
    case Code::TooLarge:
      return "TooLarge";
    case Code::Unavailable:
      return "SourceUnavailable";
    case Code::DeadlineExceeded:
      return "Timeout";
    case Code::Unsupported:
    case Code::InvalidArgument:
      return "UnsupportedUri";
    default:
      return "Internal";
  }
}

std::string_view reason_of_model(Code code) {
  switch (code) {
    case Code::InvalidArgument:
    case Code::DataLoss:
      return "InvalidModel";
    case Code::Unsupported:
      return "UnsupportedFormat";
    default:
      return reason_of_fetch(code);
  }
}

std::string refusal(std::string_view reason, std::string_view message) {
  std::string text(message.substr(0, kMessageBytesMax));
  if (message.size() > kMessageBytesMax) text += "...";
  return dump_json({{"inspection", 1}, {"ok", false}, {"reason", reason}, {"message", text}});
}

Json tensors(const std::vector<formats::TensorDescription>& list) {
  Json out = Json::array();
  for (const auto& tensor : list)
    out.push_back({{"name", tensor.name}, {"datatype", tensor.datatype}, {"shape", tensor.shape}});
  return out;
}

// As many items as kListBytesMax has room for; `left_out` says how many did not fit.
Json bounded(const Json& items, size_t& left_out) {
  Json kept = Json::array();
  size_t bytes = 0;
  for (const Json& item : items) {
    bytes += dump_json(item).size() + 1;
    if (bytes > kListBytesMax) break;
    kept.push_back(item);
  }
  left_out = items.size() - kept.size();
  return kept;
}

std::string document(const Artifact& artifact, const formats::Summary& model) {
  Json files = Json::array();
  for (const ArtifactFile& file : artifact.files)
    files.push_back({{"path", file.path}, {"digest", file.digest}, {"bytes", file.bytes}});
  Json schema{{"inputs", tensors(model.inputs)}, {"outputs", tensors(model.outputs)}};
  size_t left_out = 0;
  const Json names = bounded(model.feature_names, left_out);
  // Half a list of columns would be taken for the whole one.
  if (left_out == 0) schema["featureNames"] = names;
  Json out{{"inspection", 1},           {"ok", true},
           {"digest", artifact.digest}, {"bytes", artifact.bytes},
           {"format", model.format},    {"framework", model.framework},
           {"schema", schema}};
  size_t notes_left_out = 0;
  if (!model.notes.empty()) out["notes"] = bounded(model.notes, notes_left_out);
  out["files"] = bounded(files, left_out);
  if (left_out != 0) out["filesLeftOut"] = left_out;
  return dump_json(out);
}

std::string describe(const Artifact& artifact, std::string_view name, const InspectRequest& request) {
  auto model = formats::load_model(artifact.path, request.format);
  if (model) {
    const formats::Summary summary = formats::summarize(*model);
    *model = formats::LinearModel{};  // gives its memory back: a load needs as much again
    const Status loads = request.try_load ? request.try_load(artifact.path, summary.format) : Status();
    if (loads) return document(artifact, summary);
    model = std::unexpected(loads.error());
  }
  // In the cache the file has no name of its own: say the one it is known by.
  std::string message = model.error().message;
  for (const std::string& inner : {artifact.path.string() + ": ", std::string("file: ")})
    if (message.starts_with(inner)) message.erase(0, inner.size());
  return refusal(reason_of_model(model.error().code), std::string(name) + ": " + message);
}

// As a store would name it: a folder is all its files.
Result<Artifact> describe_path(const std::filesystem::path& path) {
  Artifact artifact;
  artifact.path = path;
  const auto add = [&artifact](const std::filesystem::path& file, const std::string& name) -> Status {
    Sha256 hash;
    uint64_t bytes = 0;
    CLOPS_TRY(read_in_pieces(file, [&](std::string_view piece) -> Status {
      bytes += piece.size();
      artifact.bytes += piece.size();
      if (artifact.bytes > formats::kModelBytesMax) return fail(Code::TooLarge, file.string() + ": larger than 1 GiB");
      hash.update(piece);
      return {};
    }));
    artifact.files.push_back({name, hash.finish(), bytes});
    return {};
  };
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    CLOPS_TRY(visit_folder(path, add));
    std::ranges::sort(artifact.files, {}, &ArtifactFile::path);
    artifact.digest = folder_digest(artifact.files);
    return artifact;
  }
  CLOPS_ASSIGN(const std::filesystem::path file, formats::find_model_file(path));
  CLOPS_TRY(add(file, file.filename().string()));
  artifact.digest = artifact.files.front().digest;
  return artifact;
}

}  // namespace

std::string inspect(const SourceTable& sources, Store& store, const Clock& clock, const InspectRequest& request,
                    const FetchLimits& limits) {
  const auto artifact = fetch(sources, store, clock, request.uri, request.digest, limits);
  if (!artifact) return refusal(reason_of_fetch(artifact.error().code), artifact.error().message);
  return describe(*artifact, printable(request.uri), request);
}

std::string inspect_path(const std::filesystem::path& path, std::string_view format) {
  const auto artifact = describe_path(path);
  if (!artifact) return refusal(reason_of_model(artifact.error().code), artifact.error().message);
  return describe(*artifact, path.string(), {.uri = {}, .digest = {}, .format = std::string(format)});
}

}  // namespace clops::registry
