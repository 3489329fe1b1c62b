#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "formats/document.h"

namespace clops::formats {
namespace {

// Bytes of a value of this type; 0 for those without a fixed size.
size_t size_of(char type) {
  switch (type) {
    case 'i':
    case 'U':
    case 'C':
      return 1;
    case 'I':
      return 2;
    case 'l':
    case 'd':
      return 4;
    case 'L':
    case 'D':
      return 8;
    default:
      return 0;
  }
}

class UbjsonReader final : public DocumentReader {
 public:
  explicit UbjsonReader(std::string_view bytes) : bytes_(bytes) {}

  size_t position() const override { return at_; }

  Result<Kind> kind() override {
    CLOPS_ASSIGN(const char type, peek_type());
    switch (type) {
      case '{':
        return Kind::Object;
      case '[':
        return Kind::Array;
      case 'S':
      case 'C':
        return Kind::String;
      case 'T':
      case 'F':
        return Kind::Bool;
      case 'Z':
        return Kind::Null;
      case 'H':
        return fail_here("a high-precision number, which XGBoost does not write");
      default:
        break;
    }
    if (size_of(type) == 0) return fail_here("unknown type marker");
    return Kind::Number;
  }

  Status begin_object() override { return begin('{', "an object"); }
  Status begin_array() override { return begin('[', "an array"); }

  Result<bool> next_key(std::string& key) override {
    CLOPS_ASSIGN(const bool more, next('}'));
    if (!more) return false;
    element_type_ = 0;
    CLOPS_ASSIGN(key, text());
    element_type_ = frames_[depth_ - 1].type;
    return true;
  }

  Result<bool> next_item() override { return next(']'); }

  Result<std::string> string() override {
    CLOPS_ASSIGN(const char type, take_type());
    if (type == 'C') {
      CLOPS_ASSIGN(const std::string_view one, take(1));
      return std::string(one);
    }
    if (type != 'S') return fail_here("expected a string");
    return text();
  }

  Result<int64_t> integer() override {
    CLOPS_ASSIGN(const char type, take_type());
    if (type == 'T' || type == 'F') return type == 'T' ? 1 : 0;
    if (type == 'd' || type == 'D' || type == 'C' || size_of(type) == 0) return fail_here("expected a whole number");
    CLOPS_ASSIGN(const std::string_view raw, take(size_of(type)));
    const char* from = raw.data();
    return decode_integer(type, from);
  }

  Result<float> real() override {
    CLOPS_ASSIGN(const char type, take_type());
    if (type == 'T' || type == 'F') return type == 'T' ? 1.0F : 0.0F;
    if (type == 'Z') return std::numeric_limits<float>::quiet_NaN();
    if (type == 'C' || size_of(type) == 0) return fail_here("expected a number");
    CLOPS_ASSIGN(const std::string_view raw, take(size_of(type)));
    const char* from = raw.data();
    return decode_real(type, from);
  }

  Status integers(std::vector<int32_t>& into) override {
    CLOPS_TRY(begin_array());
    const Frame frame = frames_[depth_ - 1];
    into.clear();
    if (frame.type == 'd' || frame.type == 'D' || frame.type == 'C' || size_of(frame.type) == 0) return untyped(into);
    CLOPS_ASSIGN(const std::string_view raw, take_typed(frame));
    into.resize(static_cast<size_t>(frame.left));
    const char* from = raw.data();
    if (frame.type == 'l') {
      for (int32_t& value : into) value = big_endian<int32_t>(from), from += 4;
      return {};
    }
    for (int32_t& value : into) {
      const int64_t wide = decode_integer(frame.type, from);
      from += size_of(frame.type);
      if (wide < std::numeric_limits<int32_t>::min() || wide > std::numeric_limits<int32_t>::max())
        return fail_here("an integer beyond 32 bits");
      value = static_cast<int32_t>(wide);
    }
    return {};
  }

  Status reals(std::vector<float>& into) override {
    CLOPS_TRY(begin_array());
    const Frame frame = frames_[depth_ - 1];
    into.clear();
    if (frame.type == 'C' || size_of(frame.type) == 0) return untyped(into);
    CLOPS_ASSIGN(const std::string_view raw, take_typed(frame));
    into.resize(static_cast<size_t>(frame.left));
    const char* from = raw.data();
    if (frame.type == 'd') {
      for (float& value : into) value = big_endian<float>(from), from += 4;
      return {};
    }
    for (float& value : into) value = decode_real(frame.type, from), from += size_of(frame.type);
    return {};
  }

  Status end() override {
    if (at_ != bytes_.size()) return fail_here("bytes after the end of the document");
    return {};
  }

 private:
  struct Frame {
    char type = 0;      // of every element, written once; 0 = each has its own
    int64_t left = -1;  // elements to come; -1 = until the closing bracket
  };

  template <class T>
  static T big_endian(const char* raw) {
    using Bits = std::conditional_t<sizeof(T) == 8, uint64_t, std::conditional_t<sizeof(T) == 4, uint32_t, uint16_t>>;
    Bits bits = 0;
    std::memcpy(&bits, raw, sizeof bits);
    static_assert(std::endian::native == std::endian::little);
    if constexpr (sizeof(T) == 8) bits = __builtin_bswap64(bits);
    if constexpr (sizeof(T) == 4) bits = __builtin_bswap32(bits);
    if constexpr (sizeof(T) == 2) bits = __builtin_bswap16(bits);
    return std::bit_cast<T>(bits);
  }

  static int64_t decode_integer(char type, const char* raw) {
    switch (type) {
      case 'i':
        return static_cast<signed char>(*raw);
      case 'U':
        return static_cast<unsigned char>(*raw);
      case 'I':
        return big_endian<int16_t>(raw);
      case 'l':
        return big_endian<int32_t>(raw);
      default:
        return big_endian<int64_t>(raw);
    }
  }

  static float decode_real(char type, const char* raw) {
    if (type == 'd') return big_endian<float>(raw);
    if (type == 'D') {
      const double wide = big_endian<double>(raw);  // beyond float32 the cast is undefined: say infinity
      if (std::abs(wide) > static_cast<double>(std::numeric_limits<float>::max()))
        return std::copysign(std::numeric_limits<float>::infinity(), static_cast<float>(wide < 0 ? -1 : 1));
      return static_cast<float>(wide);
    }
    return static_cast<float>(decode_integer(type, raw));
  }

  std::unexpected<Error> truncated() const { return fail_here("the file ends in the middle of a value (truncated?)"); }

  Result<std::string_view> take(size_t count) {
    if (bytes_.size() - at_ < count) return truncated();
    const std::string_view raw = bytes_.substr(at_, count);
    at_ += count;
    return raw;
  }

  Result<std::string_view> take_typed(const Frame& frame) {
    CLOPS_ASSIGN(const std::string_view raw, take(static_cast<size_t>(frame.left) * size_of(frame.type)));
    --depth_;
    element_type_ = 0;
    return raw;
  }

  template <class T>
  Status untyped(std::vector<T>& into) {
    while (true) {
      CLOPS_ASSIGN(const bool more, next_item());
      if (!more) return {};
      if constexpr (std::is_same_v<T, float>) {
        CLOPS_ASSIGN(const float value, real());
        into.push_back(value);
      } else {
        CLOPS_ASSIGN(const int64_t value, integer());
        if (value < std::numeric_limits<int32_t>::min() || value > std::numeric_limits<int32_t>::max())
          return fail_here("an integer beyond 32 bits");
        into.push_back(static_cast<int32_t>(value));
      }
    }
  }

  void seek(size_t position) override {
    at_ = position;
    element_type_ = 0;
  }

  bool skip_numbers() override {
    const size_t at = at_;
    const char type = element_type_;
    if (begin_array()) {
      const Frame frame = frames_[depth_ - 1];
      if (frame.type != 0 && frame.type != 'C') return static_cast<bool>(take_typed(frame));
      --depth_;
    }
    at_ = at;
    element_type_ = type;
    return false;
  }

  Result<char> peek_type() {
    if (element_type_ != 0) return element_type_;
    while (at_ < bytes_.size() && bytes_[at_] == 'N') ++at_;
    if (at_ == bytes_.size()) return truncated();
    return bytes_[at_];
  }

  Result<char> take_type() {
    CLOPS_ASSIGN(const char type, peek_type());
    if (element_type_ == 0) ++at_;
    element_type_ = 0;
    return type;
  }

  Result<size_t> length() {
    CLOPS_ASSIGN(const int64_t count, integer());
    if (count < 0) return fail_here("a negative length");
    // No element takes less than a byte here, so a longer container cannot be in what is left of the file.
    if (static_cast<uint64_t>(count) > bytes_.size() - at_) return truncated();
    return static_cast<size_t>(count);
  }

  Result<std::string> text() {
    CLOPS_ASSIGN(const size_t size, length());
    if (size > kDocumentStringMax) return fail_here("a string longer than 1 MiB");
    CLOPS_ASSIGN(const std::string_view raw, take(size));
    return std::string(raw);
  }

  Status begin(char open, std::string_view what) {
    CLOPS_ASSIGN(const char type, take_type());
    if (type != open) return fail_here("expected " + std::string(what));
    if (depth_ == kDocumentDepthMax) return fail_here("nested too deeply");
    Frame frame;
    if (at_ < bytes_.size() && bytes_[at_] == '$') {
      if (bytes_.size() - at_ < 3) return truncated();
      frame.type = bytes_[at_ + 1];
      if (size_of(frame.type) == 0) return fail_here("a typed container of elements without a fixed size");
      if (bytes_[at_ + 2] != '#') return fail_here("a typed container without a count");
      at_ += 2;
    }
    if (at_ < bytes_.size() && bytes_[at_] == '#') {
      ++at_;
      CLOPS_ASSIGN(const size_t count, length());
      if (frame.type != 0 && count > (bytes_.size() - at_) / size_of(frame.type)) return truncated();
      frame.left = static_cast<int64_t>(count);
    }
    frames_[depth_++] = frame;
    return {};
  }

  Result<bool> next(char close) {
    Frame& frame = frames_[depth_ - 1];
    bool more = true;
    if (frame.left >= 0) {
      more = frame.left-- > 0;
    } else {
      while (at_ < bytes_.size() && bytes_[at_] == 'N') ++at_;
      if (at_ == bytes_.size()) return truncated();
      more = bytes_[at_] != close;
      if (!more) ++at_;
    }
    if (!more) --depth_;
    element_type_ = more ? frame.type : static_cast<char>(0);
    return more;
  }

  std::string_view bytes_;
  size_t at_ = 0;
  int depth_ = 0;
  char element_type_ = 0;  // of the next value, when its container says so
  Frame frames_[kDocumentDepthMax] = {};
};

}  // namespace

std::unique_ptr<DocumentReader> make_ubjson_reader(std::string_view bytes) {
  return std::make_unique<UbjsonReader>(bytes);
}

}  // namespace clops::formats
