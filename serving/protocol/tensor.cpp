#include "serving/protocol/tensor.h"

#include <algorithm>
#include <array>

namespace clops::serving {
namespace {

struct Row {
  Datatype type;
  std::string_view name;
  size_t bytes;
};
constexpr std::array<Row, 14> kTypes = {{{Datatype::Bool, "BOOL", 1},
                                         {Datatype::Uint8, "UINT8", 1},
                                         {Datatype::Uint16, "UINT16", 2},
                                         {Datatype::Uint32, "UINT32", 4},
                                         {Datatype::Uint64, "UINT64", 8},
                                         {Datatype::Int8, "INT8", 1},
                                         {Datatype::Int16, "INT16", 2},
                                         {Datatype::Int32, "INT32", 4},
                                         {Datatype::Int64, "INT64", 8},
                                         {Datatype::Fp16, "FP16", 2},
                                         {Datatype::Bf16, "BF16", 2},
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

std::string shape_text(std::span<const int64_t> shape) {
  std::string out = "[";
  for (size_t i = 0; i < shape.size(); ++i) out += (i > 0 ? "," : "") + std::to_string(shape[i]);
  return out + "]";
}

std::string place_in(std::span<const int64_t> shape, size_t element) {
  if (shape.size() < 2) return "row " + std::to_string(element);
  size_t columns = 1;
  for (const int64_t dimension : shape.subspan(1)) columns *= static_cast<size_t>(dimension);
  return "row " + std::to_string(element / columns) + ", column " + std::to_string(element % columns);
}

void TensorBuffer::reset(Datatype type, std::span<const int64_t> shape) {
  datatype_ = type;
  shape_.assign(shape.begin(), shape.end());
  count_ = 1;
  for (const int64_t dimension : shape) count_ *= static_cast<size_t>(dimension);
  const size_t element = type == Datatype::Bytes ? sizeof(std::string_view) : size_of(type);
  const size_t lines = (count_ * element + sizeof(Line) - 1) / sizeof(Line);
  if (storage_.size() < lines) storage_.resize(lines);
  if (type == Datatype::Bytes) std::ranges::fill(as<std::string_view>(), std::string_view());
}

void TensorBuffer::set_text(size_t index, std::string_view text) {
  // At once to the whole size: nothing views a text since the reset, so the strings may move.
  if (texts_.size() < count_) texts_.resize(count_);
  texts_[index].assign(text);
  as<std::string_view>()[index] = texts_[index];
}

void TensorBuffer::trim(size_t bytes) {
  if (room_.capacity() > bytes) std::string().swap(room_);
  if (storage_.capacity() * sizeof(Line) <= bytes && texts_.size() * sizeof(std::string) <= bytes) return;
  count_ = 0;
  shape_.assign(1, 0);
  std::vector<Line>().swap(storage_);
  std::vector<std::string>().swap(texts_);
}

}  // namespace clops::serving
