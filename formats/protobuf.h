// Protocol buffers' wire form, read field by field without a schema: just enough to look into ONNX files.
//
// Views the bytes, allocates nothing, recurses nowhere; every length is held to what is left. Thread rule: a value.
// Errors: the first one sticks: next() is then false and ok() too.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace clops::formats {

// The varint that `left` begins with, taken off it; false: none, or one of more than 64 bits' length.
inline bool take_varint(std::string_view& left, uint64_t& value) {
  value = 0;
  for (unsigned shift = 0; shift < 64 && !left.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(left.front());
    left.remove_prefix(1);
    value |= uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

class ProtobufReader {
 public:
  enum class Wire : uint8_t { Varint = 0, Fixed64 = 1, Bytes = 2, Fixed32 = 5 };

  explicit ProtobufReader(std::string_view bytes) : left_(bytes) {}

  // The next field, with its value; false at the end or after an error.
  bool next() {
    if (left_.empty() || !ok_) return false;
    const char* const from = left_.data();
    uint64_t key = 0;
    if (!take_varint(left_, key) || key >> 3 == 0 || key >> 3 > 0x1fffffff) return failed();
    number_ = static_cast<uint32_t>(key >> 3);
    wire_ = static_cast<Wire>(key & 7);
    switch (wire_) {
      case Wire::Varint:
        if (!take_varint(left_, integer_)) return failed();
        break;
      case Wire::Fixed64:
        if (!fixed(8)) return failed();
        break;
      case Wire::Fixed32:
        if (!fixed(4)) return failed();
        break;
      case Wire::Bytes: {
        uint64_t size = 0;
        if (!take_varint(left_, size) || size > left_.size()) return failed();
        bytes_ = left_.substr(0, size);
        left_.remove_prefix(size);
        break;
      }
      default:
        return failed();
    }
    whole_ = {from, static_cast<size_t>(left_.data() - from)};
    return true;
  }

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] uint32_t number() const { return number_; }
  [[nodiscard]] bool is(uint32_t number, Wire wire) const { return number_ == number && wire_ == wire; }
  [[nodiscard]] bool is_bytes(uint32_t number) const { return is(number, Wire::Bytes); }
  [[nodiscard]] bool is_varint(uint32_t number) const { return is(number, Wire::Varint); }
  [[nodiscard]] std::string_view bytes() const { return bytes_; }
  [[nodiscard]] int64_t integer() const { return static_cast<int64_t>(integer_); }
  [[nodiscard]] std::string_view whole() const { return whole_; }  // the field as it is written, key and all

 private:
  bool failed() {
    ok_ = false;
    return false;
  }
  bool fixed(size_t size) {
    if (left_.size() < size) return false;
    bytes_ = left_.substr(0, size);
    left_.remove_prefix(size);
    return true;
  }

  std::string_view left_, bytes_, whole_;
  uint64_t integer_ = 0;
  uint32_t number_ = 0;
  Wire wire_ = Wire::Varint;
  bool ok_ = true;
};

inline void append_varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(0x80 | (value & 0x7f));
  out += static_cast<char>(value);
}
inline void append_bytes_field(std::string& out, uint32_t number, std::string_view bytes) {
  append_varint(out, (uint64_t{number} << 3) | 2);
  append_varint(out, bytes.size());
  out += bytes;
}
inline void append_varint_field(std::string& out, uint32_t number, uint64_t value) {
  append_varint(out, uint64_t{number} << 3);
  append_varint(out, value);
}

}  // namespace clops::formats
