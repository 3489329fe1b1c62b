#include "serving/grpc/wire.h"

#include <bit>
#include <cstring>

namespace clops::serving::grpc {

static_assert(std::endian::native == std::endian::little, "fixed numbers are copied as they are");

bool take_varint(std::string_view& packed, uint64_t& value) {
  constexpr size_t kBytesMax = 10;
  value = 0;
  for (size_t i = 0; i < packed.size() && i < kBytesMax; ++i) {
    const auto byte = static_cast<unsigned char>(packed[i]);
    value |= uint64_t{byte & 0x7fu} << (7 * i);  // of the tenth only the lowest bit counts
    if (byte < 0x80) {
      packed.remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

bool WireReader::next() {
  if (damaged_ || at_ == end_) return false;
  std::string_view rest(at_, static_cast<size_t>(end_ - at_));
  uint64_t tag = 0;
  if (!take_varint(rest, tag) || tag >> 3 == 0 || tag >> 32 != 0) return damage();
  field_ = static_cast<uint32_t>(tag >> 3);
  number_ = 0;
  bytes_ = raw_ = {};
  const auto fixed = [&](Wire wire, size_t size) {
    if (rest.size() < size) return damage();
    wire_ = wire;
    raw_ = rest.substr(0, size);
    std::memcpy(&number_, raw_.data(), size);
    rest.remove_prefix(size);
    return true;
  };
  bool whole = false;
  switch (tag & 7) {
    case 0:
      wire_ = Wire::Varint;
      whole = take_varint(rest, number_);
      break;
    case 1:
      whole = fixed(Wire::Fixed64, 8);
      break;
    case 2:
      wire_ = Wire::Bytes;
      whole = take_varint(rest, number_) && number_ <= rest.size();
      if (!whole) break;
      bytes_ = rest.substr(0, number_);
      rest.remove_prefix(number_);
      break;
    case 5:
      whole = fixed(Wire::Fixed32, 4);
      break;
    default:  // groups went with proto2; no service here has one
      break;
  }
  if (!whole) return damage();
  at_ = rest.data();
  return true;
}

bool is_utf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto byte = [&](size_t at) { return static_cast<unsigned char>(text[at]); };
    const unsigned char first = byte(i);
    const size_t size = first < 0x80   ? 1
                        : first < 0xc2 ? 0
                        : first < 0xe0 ? 2
                        : first < 0xf0 ? 3
                        : first < 0xf5 ? 4
                                       : 0;
    if (size == 0 || size > text.size() - i) return false;
    for (size_t k = 1; k < size; ++k) {
      if ((byte(i + k) & 0xc0) != 0x80) return false;
    }
    const unsigned char second = size > 1 ? byte(i + 1) : 0;
    const bool short_form = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
    const bool no_character = (first == 0xed && second > 0x9f) || (first == 0xf4 && second > 0x8f);
    if (short_form || no_character) return false;
    i += size;
  }
  return true;
}

void append_varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

void append_tag(std::string& out, uint32_t field, Wire wire) {
  append_varint(out, uint64_t{field} << 3 | static_cast<uint64_t>(wire));
}

void append_number(std::string& out, uint32_t field, uint64_t value) {
  if (value == 0) return;
  append_tag(out, field, Wire::Varint);
  append_varint(out, value);
}

void append_string(std::string& out, uint32_t field, std::string_view text) {
  if (!text.empty()) append_bytes_field(out, field, text);
}

void append_bytes_field(std::string& out, uint32_t field, std::string_view bytes) {
  append_tag(out, field, Wire::Bytes);
  append_varint(out, bytes.size());
  out += bytes;
}

}  // namespace clops::serving::grpc
