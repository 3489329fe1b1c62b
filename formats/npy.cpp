#include "formats/npy.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>

#include "base/utf8.h"

namespace clops::formats {
namespace {

std::unexpected<Error> damaged(std::string_view what) {
  return fail(Code::InvalidArgument, "a NumPy array is damaged: " + std::string(what));
}

// The header is a Python dictionary; only what numpy.save writes is read: strings, True, False, numbers in tuples, and
// a list of pairs.
class Header {
 public:
  explicit Header(std::string_view text) : left_(text) {}
  bool take(char c) {
    space();
    if (left_.empty() || left_.front() != c) return false;
    left_.remove_prefix(1);
    return true;
  }
  bool word(std::string_view word) {
    space();
    if (!left_.starts_with(word)) return false;
    left_.remove_prefix(word.size());
    return true;
  }
  bool string(std::string& out) {
    if (!take('\'')) return false;
    const size_t end = left_.find('\'');
    if (end == std::string_view::npos) return false;
    out = left_.substr(0, end);
    left_.remove_prefix(end + 1);
    return true;
  }
  bool number(size_t& out) {
    space();
    const auto [end, error] = std::from_chars(left_.data(), left_.data() + left_.size(), out);
    if (error != std::errc{}) return false;
    left_.remove_prefix(static_cast<size_t>(end - left_.data()));
    return true;
  }
  bool done() {
    space();
    return left_.empty();
  }

 private:
  void space() {
    while (!left_.empty() && (left_.front() == ' ' || left_.front() == '\n')) left_.remove_prefix(1);
  }
  std::string_view left_;
};

}  // namespace

Status NpyArray::add_field(std::string name, std::string_view code) {
  // "<f8", "|u1": byte order, kind, size.
  if (code.size() < 3 || code.size() > 10) return damaged("a datatype");
  const char order = code[0], kind = code[1];
  size_t size = 0;
  const auto [end, error] = std::from_chars(code.data() + 2, code.data() + code.size(), size);
  if (error != std::errc{} || end != code.data() + code.size() || size > (1u << 20)) return damaged("a datatype");
  const bool whole = kind == 'i' || kind == 'u', known_size = size == 1 || size == 2 || size == 4 || size == 8;
  const bool known = (kind == 'f' && (size == 4 || size == 8)) || (whole && known_size) || (kind == 'b' && size == 1) ||
                     kind == 'U' || kind == 'V';
  if (!known || order == '>')
    return fail(Code::Unsupported, "a NumPy array of datatype " + std::string(code) + " is not read here");
  if (kind == 'U') size *= 4;
  if (fields_.size() == 64) return damaged("too many fields");
  fields_.push_back({std::move(name), kind, size, item_});
  item_ += size;
  return {};
}

Status NpyArray::read_header(std::string_view text) {
  Header header(text);
  if (!header.take('{')) return damaged("its header");
  while (!header.take('}')) {
    std::string key, value, name;
    if (!header.string(key) || !header.take(':')) return damaged("its header");
    if (key == "descr" && header.take('[')) {
      while (!header.take(']')) {
        if (!header.take('(') || !header.string(name) || !header.take(',') || !header.string(value) ||
            !header.take(')'))
          return damaged("its fields");
        CLOPS_TRY(add_field(name, value));
        (void)header.take(',');
      }
    } else if (key == "descr") {
      if (!header.string(value)) return damaged("its datatype");
      CLOPS_TRY(add_field("", value));
    } else if (key == "fortran_order") {
      if (header.word("True")) {
        fortran_ = true;
      } else if (!header.word("False")) {
        return damaged("its header");
      }
    } else if (key == "shape") {
      if (!header.take('(')) return damaged("its shape");
      while (!header.take(')')) {
        size_t size = 0;
        if (!header.number(size) || shape_.size() == 32) return damaged("its shape");
        shape_.push_back(size);
        (void)header.take(',');
      }
    } else {
      return damaged("its header");
    }
    (void)header.take(',');
  }
  return header.done() ? Status() : damaged("its header");
}

Result<NpyArray> NpyArray::parse(std::string bytes) {
  NpyArray out;
  out.bytes_ = std::move(bytes);
  const std::string_view all = out.bytes_;
  if (!all.starts_with("\x93NUMPY") || all.size() < 12) return damaged("it does not begin as one");
  const auto byte = [&](size_t i) { return static_cast<size_t>(static_cast<unsigned char>(all[i])); };
  const size_t version = byte(6);
  if (version < 1 || version > 3) return damaged("its version");
  const size_t length =
      version == 1 ? byte(8) | byte(9) << 8 : byte(8) | byte(9) << 8 | byte(10) << 16 | byte(11) << 24;
  const size_t begin = version == 1 ? 10 : 12;
  if (length > all.size() - begin) return damaged("its header");
  CLOPS_TRY(out.read_header(all.substr(begin, length)));
  out.data_ = begin + length;
  if (out.fields_.empty() || out.item_ == 0) return damaged("its datatype");
  const size_t room = (all.size() - out.data_) / out.item_;
  for (const size_t size : out.shape_) {
    if (size != 0 && out.count_ > room / size) return damaged("it is shorter than its shape");
    out.count_ *= size;
  }
  if (out.count_ > room) return damaged("it is shorter than its shape");
  if (out.fortran_ && out.shape_.size() > 2)
    return fail(Code::Unsupported, "a NumPy array in Fortran's order is not read here");
  return out;
}

int NpyArray::field(std::string_view name) const {
  const auto at = std::ranges::find(fields_, name, &Field::name);
  return at == fields_.end() || at->kind == 'V' || at->kind == 'U' ? -1 : static_cast<int>(at - fields_.begin());
}

std::vector<std::string> NpyArray::field_names() const {
  std::vector<std::string> out;
  for (const Field& field : fields_)
    if (!field.name.empty()) out.push_back(field.name);
  return out;
}

uint64_t NpyArray::bits(size_t index, const Field& field) const {
  uint64_t value = 0;
  std::memcpy(&value, bytes_.data() + data_ + index * item_ + field.at, std::min<size_t>(field.bytes, sizeof value));
  return value;
}

double NpyArray::real(size_t index, int field) const {
  const Field& f = fields_[static_cast<size_t>(field)];
  const uint64_t value = bits(index, f);
  if (f.kind == 'f')
    return f.bytes == 8 ? std::bit_cast<double>(value) : std::bit_cast<float>(static_cast<uint32_t>(value));
  return f.kind == 'i' ? static_cast<double>(integer(index, field)) : static_cast<double>(value);
}

int64_t NpyArray::integer(size_t index, int field) const {
  const Field& f = fields_[static_cast<size_t>(field)];
  const uint64_t value = bits(index, f);
  if (f.kind == 'f') {
    const double number = real(index, field);
    return std::fabs(number) < 0x1p62 ? static_cast<int64_t>(number) : INT64_MIN;
  }
  if (f.kind != 'i' || f.bytes == 8) return static_cast<int64_t>(value);
  const auto unused = static_cast<unsigned>(64 - 8 * f.bytes);
  return static_cast<int64_t>(value << unused) >> unused;
}

std::string NpyArray::text(size_t index) const {
  std::string out;
  const Field& f = fields_[0];
  for (size_t i = 0; i < f.bytes / 4; ++i) {
    uint32_t c = 0;
    std::memcpy(&c, bytes_.data() + data_ + index * item_ + 4 * i, 4);
    if (c == 0) break;
    append_utf8(out, c > 0x10ffff ? 0xfffd : c);
  }
  return out;
}

}  // namespace clops::formats
