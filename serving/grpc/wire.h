// Protocol Buffers' wire format: a forward reader over one message and writers that append fields. All that the gRPC
// front end needs of it; unknown fields are skipped, as the format asks.
//
// Thread rule: values and pure functions. Ownership: a reader views the message. Errors: a damaged message ends the
// reading, and ok() is false.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace clops::serving::grpc {

enum class Wire : uint8_t { Varint = 0, Fixed64 = 1, Bytes = 2, Fixed32 = 5 };

class WireReader {
 public:
  explicit WireReader(std::string_view message) : at_(message.data()), end_(at_ + message.size()) {}

  [[nodiscard]] bool next();  // to the next field; false at the end, or where the message is damaged
  [[nodiscard]] bool ok() const { return !damaged_; }
  // Is the field this one? One of another wire type is unknown.
  [[nodiscard]] bool is(uint32_t field, Wire wire) const { return field_ == field && wire_ == wire; }
  [[nodiscard]] uint32_t field() const { return field_; }
  [[nodiscard]] Wire wire() const { return wire_; }
  [[nodiscard]] uint64_t number() const { return number_; }        // Varint, Fixed64, Fixed32
  [[nodiscard]] std::string_view bytes() const { return bytes_; }  // Bytes
  [[nodiscard]] std::string_view raw() const { return raw_; }      // a Fixed value as it lies
  [[nodiscard]] bool boolean() const { return number_ != 0; }

 private:
  bool damage() {
    damaged_ = true;
    return false;
  }

  const char* at_;
  const char* end_;
  uint32_t field_ = 0;
  Wire wire_ = Wire::Varint;
  uint64_t number_ = 0;
  std::string_view bytes_, raw_;
  bool damaged_ = false;
};

[[nodiscard]] bool take_long_varint(std::string_view& packed, uint64_t& value);
// One number from the front of `packed`, which is shortened. False: it is damaged.
[[nodiscard]] inline bool take_varint(std::string_view& packed, uint64_t& value) {
  if (packed.empty() || static_cast<unsigned char>(packed.front()) >= 0x80) return take_long_varint(packed, value);
  value = static_cast<unsigned char>(packed.front());  // tags and lengths mostly are one byte
  packed.remove_prefix(1);
  return true;
}

[[nodiscard]] bool is_utf8(std::string_view text);

void append_varint(std::string& out, uint64_t value);
void append_tag(std::string& out, uint32_t field, Wire wire);
// Fields of zero, false and "" are left out, as proto3 does.
void append_number(std::string& out, uint32_t field, uint64_t value);
void append_string(std::string& out, uint32_t field, std::string_view text);
void append_bytes_field(std::string& out, uint32_t field, std::string_view bytes);  // an empty one too
void append_bytes_head(std::string& out, uint32_t field, size_t size);              // of a field of so many bytes
// What append_bytes_field() appends for a field below 16.
[[nodiscard]] constexpr size_t bytes_field_size(size_t bytes) {
  size_t size = 2 + bytes;
  for (; bytes >= 0x80; bytes >>= 7) ++size;
  return size;
}

// A field that is a message: what `write` appends, with its length before it.
template <class Write>
void append_message(std::string& out, uint32_t field, const Write& write) {
  append_tag(out, field, Wire::Bytes);
  const size_t length_at = out.size();
  out += '\0';
  write();
  const size_t length = out.size() - length_at - 1;
  if (length < 0x80) {
    out[length_at] = static_cast<char>(length);
    return;
  }
  std::string prefix;  // short enough to need no memory
  append_varint(prefix, length);
  out.replace(length_at, 1, prefix);
}

}  // namespace clops::serving::grpc
