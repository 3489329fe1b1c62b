#include "serving/protocol/infer_check.h"

#include <algorithm>

namespace clops::serving {
namespace {

constexpr size_t kTextShown = 64, kNamesShown = 8;

std::unexpected<Error> bad(std::string message) {
  return fail(Code::InvalidArgument, std::move(message));
}

}  // namespace

std::string quoted(std::string_view text) {
  std::string out = "\"" + std::string(text.substr(0, kTextShown));
  return out + (text.size() > kTextShown ? "...\"" : "\"");
}

std::string names_of(const std::vector<TensorSpec>& tensors) {
  std::string out;
  for (size_t i = 0; i < std::min(tensors.size(), kNamesShown); ++i)
    out += (i > 0 ? ", " : "") + quoted(tensors[i].name);
  return out + (tensors.size() > kNamesShown ? ", ..." : "");
}

Status check_complete(const EngineInfo& info, std::span<const uint8_t> given) {
  for (size_t i = 0; i < info.inputs.size(); ++i)
    if (given[i] == 0 && !info.inputs[i].optional) return bad("input " + quoted(info.inputs[i].name) + " is missing");
  return {};
}

Status check_shape(std::span<const int64_t> shape, const TensorSpec& spec, size_t rows_max, uint64_t most,
                   std::string_view has_fewer) {
  if (!spec.takes(shape))
    return bad("shape " + shape_text(shape) + " does not fit " + shape_text(spec.shape) + ", with at least one row");
  const uint64_t rows = shape.empty() ? 1 : static_cast<uint64_t>(shape[0]);
  if (rows > rows_max) return bad(std::to_string(rows) + " rows are more than " + std::to_string(rows_max));
  uint64_t count = 1;
  for (size_t i = 0; i < shape.size() && count <= most; ++i)
    count = static_cast<uint64_t>(shape[i]) > most ? most + 1 : count * static_cast<uint64_t>(shape[i]);
  if (count <= most) return {};
  return bad("shape " + shape_text(shape) + " asks for more values than " + std::string(has_fewer));
}

}  // namespace clops::serving
