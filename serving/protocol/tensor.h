// Tensors as every wire and every engine sees them: a datatype of the Open Inference Protocol, a shape, row-major
// elements in the machine's byte order. BOOL is a byte of 0 or 1; a BYTES element is a std::string_view.
//
// Thread rule: values. Ownership: a view borrows; a buffer owns what it holds and keeps its memory from one use to the
// next, so that steady state does not allocate. A buffer's string_views stay good until it is reset.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace clops::serving {

enum class Datatype : uint8_t {
  Bool,
  Uint8,
  Uint16,
  Uint32,
  Uint64,
  Int8,
  Int16,
  Int32,
  Int64,
  Fp16,
  Bf16,
  Fp32,
  Fp64,
  Bytes
};
[[nodiscard]] std::string_view to_string(Datatype type);  // "FP32"
[[nodiscard]] Result<Datatype> datatype_from(std::string_view name);
[[nodiscard]] size_t size_of(Datatype type);  // bytes of one element as the protocol has it; 0 for Bytes

[[nodiscard]] std::string shape_text(std::span<const int64_t> shape);                // "[1,2]"
[[nodiscard]] std::string place_in(std::span<const int64_t> shape, size_t element);  // "row 3, column 1"

struct TensorView {
  Datatype datatype = Datatype::Fp32;
  std::span<const int64_t> shape;
  const void* data = nullptr;
  size_t count = 0;  // elements: the product of shape

  template <class T>
  [[nodiscard]] std::span<const T> as() const {  // T: float for Fp32, std::string_view for Bytes, ...
    return {static_cast<const T*>(data), count};
  }
  [[nodiscard]] size_t rows() const { return shape.empty() ? 1 : static_cast<size_t>(shape[0]); }
};

class TensorBuffer {
 public:
  TensorBuffer() = default;
  TensorBuffer(TensorBuffer&&) noexcept = default;
  TensorBuffer& operator=(TensorBuffer&&) noexcept = default;

  // Takes the datatype and shape; what the elements are is not said (strings: empty) until they are written. `shape`
  // has no negative dimension.
  void reset(Datatype type, std::span<const int64_t> shape);
  void reset(Datatype type, std::initializer_list<int64_t> shape) {
    reset(type, std::span<const int64_t>(shape.begin(), shape.size()));
  }
  template <class T>
  [[nodiscard]] std::span<T> as() {
    return {reinterpret_cast<T*>(storage_.data()), count_};
  }
  [[nodiscard]] void* data() { return storage_.data(); }
  // Copies the text of element `index` into the buffer and lets the element view it. Bytes only; as<std::string_view>()
  // may be set to text that others keep instead.
  void set_text(size_t index, std::string_view text);
  // Memory of one text, for whoever fills the elements.
  [[nodiscard]] std::string& room() { return room_; }

  [[nodiscard]] Datatype datatype() const { return datatype_; }
  [[nodiscard]] std::span<const int64_t> shape() const { return shape_; }
  [[nodiscard]] size_t count() const { return count_; }
  [[nodiscard]] TensorView view() const { return {datatype_, shape_, storage_.data(), count_}; }

  // False: nobody will read it, so an engine need not fill it. Set by whoever calls the engine; reset() leaves it.
  bool wanted = true;

  // Gives memory back if it holds more than `bytes`: one huge batch must not pin its memory for the life of a thread.
  // The content is then gone.
  void trim(size_t bytes);

 private:
  struct alignas(64) Line {  // as wide as any vector load
    std::byte bytes[64];
  };
  Datatype datatype_ = Datatype::Fp32;
  size_t count_ = 0;
  std::vector<int64_t> shape_;
  std::vector<Line> storage_;
  std::vector<std::string> texts_;
  std::string room_;
};

}  // namespace clops::serving
