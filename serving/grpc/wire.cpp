#include "serving/grpc/wire.h"

#include <array>
#include <bit>
#include <cstring>

namespace clops::serving::grpc {

static_assert(std::endian::native == std::endian::little, "fixed numbers are copied as they are");

namespace {

constexpr size_t kVarintBytes = 10;

size_t put_varint(char* to, uint64_t value) {
  size_t size = 0;
  for (; value >= 0x80; value >>= 7) to[size++] = static_cast<char>(value | 0x80);
  to[size++] = static_cast<char>(value);
  return size;
}

// A tag and the number after it, which every field begins with, in one piece.
void append_head(std::string& out, uint32_t field, Wire wire, uint64_t value) {
  std::array<char, 2 * kVarintBytes> head;
  size_t size = put_varint(head.data(), uint64_t{field} << 3 | static_cast<uint64_t>(wire));
  size += put_varint(head.data() + size, value);
  out.append(head.data(), size);
}

}  // namespace

bool take_long_varint(std::string_view& packed, uint64_t& value) {
  value = 0;
  for (size_t i = 0; i < packed.size() && i < kVarintBytes; ++i) {
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
  std::array<char, kVarintBytes> bytes;
  out.append(bytes.data(), put_varint(bytes.data(), value));
}

void append_tag(std::string& out, uint32_t field, Wire wire) {
  append_varint(out, uint64_t{field} << 3 | static_cast<uint64_t>(wire));
}

void append_number(std::string& out, uint32_t field, uint64_t value) {
  if (value != 0) append_head(out, field, Wire::Varint, value);
}

void append_string(std::string& out, uint32_t field, std::string_view text) {
  if (!text.empty()) append_bytes_field(out, field, text);
}

void append_bytes_field(std::string& out, uint32_t field, std::string_view bytes) {
  append_bytes_head(out, field, bytes.size());
  out.append(bytes);
}

void append_bytes_head(std::string& out, uint32_t field, size_t size) {
  append_head(out, field, Wire::Bytes, size);
}

}  // namespace clops::serving::grpc
