#include <charconv>
#include <cmath>
#include <limits>

#include "base/utf8.h"
#include "formats/document.h"

namespace clops::formats {
namespace {

class JsonReader final : public DocumentReader {
 public:
  explicit JsonReader(std::string_view bytes) : bytes_(bytes) {
    if (bytes_.starts_with("\xEF\xBB\xBF")) at_ = 3;
  }

  size_t position() const override { return at_; }

  Result<Kind> kind() override {
    skip_space();
    if (at_ == bytes_.size()) return fail_here("the file ends in the middle of a value (truncated?)");
    switch (bytes_[at_]) {
      case '{':
        return Kind::Object;
      case '[':
        return Kind::Array;
      case '"':
        return Kind::String;
      case 't':
      case 'f':
        return Kind::Bool;
      case 'n':
        return Kind::Null;
      default:
        return Kind::Number;
    }
  }

  Status begin_object() override { return begin('{', "an object"); }
  Status begin_array() override { return begin('[', "an array"); }

  Result<bool> next_key(std::string& key) override {
    CLOPS_ASSIGN(const bool more, next('}'));
    if (!more) return false;
    CLOPS_ASSIGN(key, string());
    skip_space();
    if (at_ == bytes_.size() || bytes_[at_] != ':') return fail_here("expected ':' after a key");
    ++at_;
    return true;
  }

  Result<bool> next_item() override { return next(']'); }

  Result<std::string> string() override {
    skip_space();
    if (at_ == bytes_.size() || bytes_[at_] != '"') return fail_here("expected a string");
    ++at_;
    std::string text;
    while (at_ < bytes_.size()) {
      const size_t stop = std::min(bytes_.find_first_of("\"\\", at_), bytes_.size());
      if (text.size() + (stop - at_) > kDocumentStringMax) return fail_here("a string longer than 1 MiB");
      text.append(bytes_, at_, stop - at_);
      at_ = stop;
      if (at_ == bytes_.size()) break;
      if (bytes_[at_++] == '"') return text;
      CLOPS_TRY(escape(text));
    }
    return fail_here("the file ends inside a string (truncated?)");
  }

  Result<int64_t> integer() override {
    CLOPS_ASSIGN(const std::string_view token, scalar());
    if (token == "true") return 1;
    if (token == "false") return 0;
    int64_t value = 0;
    const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), value);
    if (error != std::errc{} || end != token.data() + token.size()) return bad(token, "a whole number");
    return value;
  }

  Result<float> real() override {
    CLOPS_ASSIGN(const std::string_view token, scalar());
    return parse_real(token);
  }

  Status integers(std::vector<int32_t>& into) override {
    return numbers(
        into, [this](int32_t& value) { return plain_integer(value); },
        [this]() -> Result<int32_t> {
          CLOPS_ASSIGN(const int64_t wide, integer());
          if (wide < std::numeric_limits<int32_t>::min() || wide > std::numeric_limits<int32_t>::max())
            return fail_here("an integer beyond 32 bits");
          return static_cast<int32_t>(wide);
        });
  }

  Status reals(std::vector<float>& into) override {
    return numbers(into, [this](float& value) { return plain_real(value); }, [this] { return real(); });
  }

  Status end() override {
    skip_space();
    if (at_ != bytes_.size()) return fail_here("bytes after the end of the document");
    return {};
  }

 private:
  struct Frame {
    char close;
    bool first;
  };

  // An array of numbers: quick(value) takes one in its usual spelling, or leaves it to slow(), which knows every
  // spelling and every complaint.
  template <class T, class Quick, class Slow>
  Status numbers(std::vector<T>& into, const Quick& quick, const Slow& slow) {
    into.clear();
    CLOPS_TRY(begin_array());
    CLOPS_ASSIGN(bool more, next(']'));
    while (more) {
      T value{};
      if (!quick(value)) {
        CLOPS_ASSIGN(value, slow());
      }
      into.push_back(value);
      if (at_ < bytes_.size() && bytes_[at_] == ',') {
        ++at_;
      } else {
        CLOPS_ASSIGN(more, next(']'));
      }
    }
    return {};
  }

  static bool digit(char c) { return c >= '0' && c <= '9'; }
  [[nodiscard]] bool ends_number(size_t at) const {
    return at < bytes_.size() && (bytes_[at] == ',' || bytes_[at] == ']' || bytes_[at] == ' ' || bytes_[at] == '\n');
  }

  bool plain_integer(int32_t& value) {
    skip_space();
    size_t at = at_;
    const bool negative = at < bytes_.size() && bytes_[at] == '-';
    if (negative) ++at;
    const size_t first = at;
    int32_t sum = 0;
    for (; at < bytes_.size() && digit(bytes_[at]) && at - first < 9; ++at) sum = sum * 10 + (bytes_[at] - '0');
    if (at == first || !ends_number(at)) return false;
    value = negative ? -sum : sum;
    at_ = at;
    return true;
  }

  bool plain_real(float& value) {
    skip_space();
    const size_t sign = at_ < bytes_.size() && bytes_[at_] == '-' ? 1 : 0;
    if (at_ + sign >= bytes_.size() || !digit(bytes_[at_ + sign])) return false;
    const char* first = bytes_.data() + at_;
    const auto [end, error] = std::from_chars(first, bytes_.data() + bytes_.size(), value);
    const auto at = static_cast<size_t>(end - bytes_.data());
    if (error != std::errc{} || !ends_number(at)) return false;
    at_ = at;
    return true;
  }

  // The end of a number as JSON spells it, or `at` where there is none.
  [[nodiscard]] size_t after_number(size_t at) const {
    const size_t begin = at;
    const auto digits = [&] {
      const size_t first = at;
      while (at < bytes_.size() && digit(bytes_[at])) ++at;
      return at != first;
    };
    if (at < bytes_.size() && bytes_[at] == '-') ++at;
    if (!digits()) return begin;
    if (at < bytes_.size() && bytes_[at] == '.') {
      ++at;
      if (!digits()) return begin;
    }
    if (at < bytes_.size() && (bytes_[at] == 'e' || bytes_[at] == 'E')) {
      ++at;
      if (at < bytes_.size() && (bytes_[at] == '-' || bytes_[at] == '+')) ++at;
      if (!digits()) return begin;
    }
    return at;
  }

  void seek(size_t position) override { at_ = position; }

  bool skip_numbers() override {
    size_t at = at_ + 1;  // behind the bracket that kind() saw
    while (true) {
      const size_t end = after_number(at);
      if (end == at || end == bytes_.size()) return false;
      at = end + 1;
      if (bytes_[end] == ']') break;
      if (bytes_[end] != ',') return false;
    }
    at_ = at;
    return true;
  }

  void skip_space() {
    while (at_ < bytes_.size() &&
           (bytes_[at_] == ' ' || bytes_[at_] == '\n' || bytes_[at_] == '\t' || bytes_[at_] == '\r'))
      ++at_;
  }

  Status begin(char open, std::string_view what) {
    skip_space();
    if (at_ == bytes_.size() || bytes_[at_] != open) return fail_here("expected " + std::string(what));
    if (depth_ == kDocumentDepthMax) return fail_here("nested too deeply");
    ++at_;
    frames_[depth_++] = {open == '{' ? '}' : ']', true};
    return {};
  }

  Result<bool> next(char close) {
    Frame& frame = frames_[depth_ - 1];
    skip_space();
    if (at_ == bytes_.size()) return fail_here("the file ends inside an object or array (truncated?)");
    if (bytes_[at_] == close) {
      ++at_;
      --depth_;
      return false;
    }
    if (!frame.first) {
      if (bytes_[at_] != ',') return fail_here("expected ','");
      ++at_;
    }
    frame.first = false;
    return true;
  }

  // The characters of a number or word; empty never.
  Result<std::string_view> scalar() {
    skip_space();
    const size_t begin = at_;
    while (at_ < bytes_.size() && at_ - begin < 64) {
      const char c = bytes_[at_];
      const bool part = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
                        c == '+' || c == '.';
      if (!part) break;
      ++at_;
    }
    if (at_ == begin) return fail_here("expected a number");
    return bytes_.substr(begin, at_ - begin);
  }

  std::unexpected<Error> bad(std::string_view token, std::string_view wanted) const {
    return fail_here("'" + std::string(token) + "' is not " + std::string(wanted));
  }

  Result<float> parse_real(std::string_view token) const {
    if (token == "true") return 1.0F;
    if (token == "false") return 0.0F;
    if (token == "null" || token == "NaN") return std::numeric_limits<float>::quiet_NaN();
    if (token == "Infinity") return std::numeric_limits<float>::infinity();
    if (token == "-Infinity") return -std::numeric_limits<float>::infinity();
    const char* first = token.data();
    const char* last = first + token.size();
    // from_chars would also take "inf" and "nan", which are no JSON; it refuses a leading '+'.
    if (token.find_first_not_of("0123456789+-.eE") != std::string_view::npos) return bad(token, "a number");
    float value = 0;
    const auto [end, error] = std::from_chars(first, last, value);
    if (end != last || error == std::errc::invalid_argument) return bad(token, "a number");
    if (error == std::errc::result_out_of_range) {
      double wide = 0;  // below or above float32: 0 or infinity, as the conversion gives
      if (std::from_chars(first, last, wide).ec != std::errc{}) return bad(token, "a number that float32 holds");
      value = static_cast<float>(wide);
    }
    return value;
  }

  Status escape(std::string& text) {
    if (at_ == bytes_.size()) return fail_here("the file ends inside a string (truncated?)");
    const char c = bytes_[at_++];
    switch (c) {
      case '"':
      case '\\':
      case '/':
        text += c;
        return {};
      case 'b':
        text += '\b';
        return {};
      case 'f':
        text += '\f';
        return {};
      case 'n':
        text += '\n';
        return {};
      case 'r':
        text += '\r';
        return {};
      case 't':
        text += '\t';
        return {};
      case 'u':
        break;
      default:
        return fail_here("unknown escape in a string");
    }
    CLOPS_ASSIGN(uint32_t code, hex4());
    if (code >= 0xD800 && code < 0xDC00 && bytes_.substr(at_).starts_with("\\u")) {
      at_ += 2;
      CLOPS_ASSIGN(const uint32_t low, hex4());
      if (low < 0xDC00 || low > 0xDFFF) return fail_here("half a surrogate pair in a string");
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    append_utf8(text, code >= 0xD800 && code < 0xE000 ? 0xFFFD : code);
    return {};
  }

  Result<uint32_t> hex4() {
    uint32_t code = 0;
    if (bytes_.size() - at_ < 4) return fail_here("the file ends inside a string (truncated?)");
    const char* first = bytes_.data() + at_;
    const auto [end, error] = std::from_chars(first, first + 4, code, 16);
    if (error != std::errc{} || end != first + 4) return fail_here("a \\u escape needs four hex digits");
    at_ += 4;
    return code;
  }

  std::string_view bytes_;
  size_t at_ = 0;
  int depth_ = 0;
  Frame frames_[kDocumentDepthMax] = {};
};

}  // namespace

std::unique_ptr<DocumentReader> make_json_reader(std::string_view bytes) {
  return std::make_unique<JsonReader>(bytes);
}

}  // namespace clops::formats
