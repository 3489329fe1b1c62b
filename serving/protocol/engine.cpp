#include "serving/protocol/engine.h"

#include <algorithm>
#include <array>
#include <utility>

namespace clops::serving {
namespace {

struct Row {
  Datatype type;
  std::string_view name;
  size_t bytes;
};
constexpr std::array<Row, 13> kTypes = {{{Datatype::Bool, "BOOL", 1},
                                         {Datatype::Uint8, "UINT8", 1},
                                         {Datatype::Uint16, "UINT16", 2},
                                         {Datatype::Uint32, "UINT32", 4},
                                         {Datatype::Uint64, "UINT64", 8},
                                         {Datatype::Int8, "INT8", 1},
                                         {Datatype::Int16, "INT16", 2},
                                         {Datatype::Int32, "INT32", 4},
                                         {Datatype::Int64, "INT64", 8},
                                         {Datatype::Fp16, "FP16", 2},
                                         {Datatype::Fp32, "FP32", 4},
                                         {Datatype::Fp64, "FP64", 8},
                                         {Datatype::Bytes, "BYTES", 0}}};

}  // namespace

std::string_view to_string(Datatype type) {
  return kTypes[static_cast<size_t>(type)].name;
}
size_t size_of(Datatype type) {
  return kTypes[static_cast<size_t>(type)].bytes;
}

Result<Datatype> datatype_from(std::string_view name) {
  const auto* const row = std::ranges::find(kTypes, name, &Row::name);
  if (row == kTypes.end()) return fail(Code::InvalidArgument, "datatype \"" + std::string(name) + "\" is not known");
  return row->type;
}

}  // namespace clops::serving
