// Reads the document that the verifying pod leaves as its last log line.
#include "base/digest.h"
#include "crds/inspection.h"
#include "crds/json_reader.h"

namespace clops::crds {
namespace {

constexpr size_t kTensorsMax = 256, kColumnsMax = 10'000, kFilesMax = 1'000;

std::vector<ModelTensor> read_tensors(const Reader& in, const char* key) {
  std::vector<ModelTensor> out;
  in.each(key, kTensorsMax, [&](const Reader& r) {
    out.push_back({.name = r.text("name", Need::Required),
                   .datatype = r.text("datatype", Need::Required),
                   .shape = r.integer_list("shape", 16)});
  });
  return out;
}

}  // namespace

Result<Inspection> decode_inspection(std::string_view json_line) {
  CLOPS_ASSIGN(const Json root, parse_json(json_line, {.bytes_max = 64u << 10, .depth_max = 16}));
  ReadError error;
  const Reader in(root, "", error);
  if (in.integer("inspection", 1, 1, 0, Need::Required) != 1) return std::unexpected(*error.get());
  Inspection out;
  out.ok = in.boolean("ok");
  if (!out.ok) {
    out.reason = in.text("reason", Need::Required);
    out.message = in.text("message");
  } else {
    out.digest = in.text("digest", Need::Required);
    if (!is_sha256(out.digest)) in.fail("digest", "must be sha256: and 64 lower-case hex digits");
    out.bytes = in.integer("bytes", 0, INT64_MAX, 0, Need::Required);
    in.each("files", kFilesMax, [&](const Reader& r) {
      out.files.push_back({.path = r.text("path", Need::Required),
                           .digest = r.text("digest", Need::Required),
                           .bytes = r.integer("bytes", 0, INT64_MAX)});
    });
    out.format = in.text("format", Need::Required);
    out.framework = in.text("framework");
    const Reader schema = in.child("schema");
    out.schema = {.inputs = read_tensors(schema, "inputs"),
                  .outputs = read_tensors(schema, "outputs"),
                  .feature_names = schema.text_list("featureNames", kColumnsMax)};
  }
  if (!error.ok()) return std::unexpected(*error.get());
  return out;
}

}  // namespace clops::crds
