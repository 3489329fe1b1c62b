#include "base/json.h"

#include <charconv>
#include <cstring>

namespace clops {
namespace {

// nlohmann's own parser is iterative, but destroying and copying a deep value recurse: so depth is bounded while
// parsing.
class BoundedSax final : public nlohmann::detail::json_sax_dom_parser<Json> {
 public:
  using Base = nlohmann::detail::json_sax_dom_parser<Json>;
  BoundedSax(Json& out, int depth_max) : Base(out, false), depth_max_(depth_max) {}
  bool start_object(std::size_t n) { return enter() && Base::start_object(n); }
  bool start_array(std::size_t n) { return enter() && Base::start_array(n); }
  bool end_object() {
    --depth_;
    return Base::end_object();
  }
  bool end_array() {
    --depth_;
    return Base::end_array();
  }
  template <class E>
  bool parse_error(std::size_t, const std::string&, const E& e) {
    what = e.what();
    if (const auto colon = what.find("] "); colon != std::string::npos) what = what.substr(colon + 2);
    return false;
  }
  std::string what;

 private:
  bool enter() {
    if (++depth_ <= depth_max_) return true;
    what = "nested deeper than " + std::to_string(depth_max_) + " levels";
    return false;
  }
  int depth_ = 0;
  int depth_max_;
};

// The first byte that cannot stand in a JSON string as it is, or that is not ASCII. Eight bytes at a time.
const char* end_of_plain(const char* at, const char* end) {
  constexpr uint64_t kOnes = 0x0101'0101'0101'0101, kHighs = kOnes << 7;
  for (uint64_t word = 0; end - at >= 8; at += 8) {
    std::memcpy(&word, at, 8);
    const uint64_t quote = word ^ kOnes * '"', backslash = word ^ kOnes * '\\';
    if (((word - kOnes * 0x20) | (quote - kOnes) | (backslash - kOnes) | word) & kHighs) break;  // perhaps
  }
  while (at != end && static_cast<unsigned char>(*at) - 0x20u < 0x60u && *at != '"' && *at != '\\') ++at;
  return at;
}

// The plain road: what nearly every document is made of, several times as fast as nlohmann's lexer. Whatever is not
// plain (an error, \u, bytes beyond ASCII, a number that does not fit) makes read() false, and the document is read
// again the thorough way, which alone decides what is valid and what an error says.
class PlainReader {
 public:
  PlainReader(std::string_view text, int depth_max)
      : at_(text.data()), end_(text.data() + text.size()), depth_left_(depth_max) {}
  bool read(Json& out) {
    if (!value(out)) return false;
    skip_space();
    return at_ == end_;
  }

 private:
  void skip_space() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
  }
  bool take(char c) {
    skip_space();
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }
  bool word(std::string_view text) {
    if (!std::string_view(at_, static_cast<size_t>(end_ - at_)).starts_with(text)) return false;
    at_ += text.size();
    return true;
  }

  bool value(Json& out) {
    skip_space();
    if (at_ == end_) return false;
    switch (*at_) {
      case '{':
        return object(out);
      case '[':
        return array(out);
      case '"':
        out = Json(Json::value_t::string);
        return text(out.get_ref<std::string&>());
      case 't':
        out = true;
        return word("true");
      case 'f':
        out = false;
        return word("false");
      case 'n':
        out = nullptr;
        return word("null");
      default:
        return number(out);
    }
  }

  bool object(Json& out) {
    if (--depth_left_ < 0) return false;
    ++at_;
    out = Json(Json::value_t::object);
    auto& fields = out.get_ref<Json::object_t&>();
    if (!take('}')) {
      std::string key;
      do {
        skip_space();
        if (at_ == end_ || *at_ != '"' || !text(key) || !take(':')) return false;
        // Keys mostly come sorted; of equal keys the last one counts.
        if (!value(fields.emplace_hint(fields.end(), std::move(key), nullptr)->second)) return false;
        key.clear();
      } while (take(','));
      if (!take('}')) return false;
    }
    ++depth_left_;
    return true;
  }

  bool array(Json& out) {
    if (--depth_left_ < 0) return false;
    ++at_;
    out = Json(Json::value_t::array);
    auto& items = out.get_ref<Json::array_t&>();
    if (!take(']')) {
      do {
        if (!value(items.emplace_back())) return false;
      } while (take(','));
      if (!take(']')) return false;
    }
    ++depth_left_;
    return true;
  }

  bool text(std::string& out) {  // `out` is empty
    ++at_;
    for (;;) {
      const char* from = at_;
      at_ = end_of_plain(at_, end_);
      out.append(from, at_);
      if (at_ == end_) return false;
      if (*at_ == '"') break;
      if (*at_ != '\\') return false;
      if (++at_; at_ == end_) return false;
      constexpr std::string_view kLetters = "\"\\/bfnrt", kMeant = "\"\\/\b\f\n\r\t";
      const size_t which = kLetters.find(*at_++);
      if (which == std::string_view::npos) return false;
      out += kMeant[which];
    }
    ++at_;
    return true;
  }

  bool digits() {
    const char* from = at_;
    while (at_ != end_ && *at_ >= '0' && *at_ <= '9') ++at_;
    return at_ != from;
  }

  bool number(Json& out) {
    const char* from = at_;
    const bool negative = *at_ == '-';
    if (negative) ++at_;
    const char* whole = at_;
    if (!digits() || (*whole == '0' && at_ - whole > 1)) return false;
    bool integer = true;
    if (at_ != end_ && *at_ == '.') {
      integer = false, ++at_;
      if (!digits()) return false;
    }
    if (at_ != end_ && (*at_ == 'e' || *at_ == 'E')) {
      integer = false, ++at_;
      if (at_ != end_ && (*at_ == '+' || *at_ == '-')) ++at_;
      if (!digits()) return false;
    }
    if (!integer) return put<double>(from, out);
    return negative ? put<Json::number_integer_t>(from, out) : put<Json::number_unsigned_t>(from, out);
  }
  template <class Number>
  bool put(const char* from, Json& out) const {
    Number n{};
    if (const auto [_, code] = std::from_chars(from, at_, n); code != std::errc{}) return false;
    out = n;
    return true;
  }

  const char* at_;
  const char* const end_;
  int depth_left_;
};

std::string thorough_dump(const Json& value, int indent = -1) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

void print_text(std::string& out, const std::string& text) {
  const size_t start = out.size();
  out += '"';
  const char *at = text.data(), *const end = at + text.size();
  for (;;) {
    const char* from = at;
    at = end_of_plain(at, end);
    out.append(from, at);
    if (at == end) break;
    constexpr std::string_view kLetters = "\"\\bfnrt", kMeant = "\"\\\b\f\n\r\t";
    const size_t which = kMeant.find(*at++);
    if (which == std::string_view::npos) {  // beyond ASCII, or a rare control character
      out.resize(start);
      out += thorough_dump(Json(text));
      return;
    }
    out += '\\';
    out += kLetters[which];
  }
  out += '"';
}

template <class Number>
void print_integer(std::string& out, Number n) {
  char digits[24];
  const auto [end, _] = std::to_chars(digits, digits + sizeof digits, n);
  out.append(digits, end);
}

// Prints what nlohmann's dump() prints on one line.
void print(std::string& out, const Json& value) {
  switch (value.type()) {
    case Json::value_t::object: {
      char before = '{';
      for (const auto& [key, field] : value.get_ref<const Json::object_t&>()) {
        out += before;
        print_text(out, key);
        out += ':';
        print(out, field);
        before = ',';
      }
      if (before == '{') out += '{';
      out += '}';
      return;
    }
    case Json::value_t::array: {
      char before = '[';
      for (const Json& item : value.get_ref<const Json::array_t&>()) {
        out += before;
        print(out, item);
        before = ',';
      }
      if (before == '[') out += '[';
      out += ']';
      return;
    }
    case Json::value_t::string:
      return print_text(out, value.get_ref<const std::string&>());
    case Json::value_t::number_integer:
      return print_integer(out, value.get<Json::number_integer_t>());
    case Json::value_t::number_unsigned:
      return print_integer(out, value.get<Json::number_unsigned_t>());
    default:
      out += thorough_dump(value);
  }
}

}  // namespace

Result<Json> parse_json(std::string_view text, JsonLimits limits) {
  if (text.size() > limits.bytes_max) {
    return fail(Code::TooLarge, "JSON of " + std::to_string(text.size()) + " bytes is over the limit of " +
                                    std::to_string(limits.bytes_max));
  }
  Json out;
  if (PlainReader(text, limits.depth_max).read(out)) return out;
  out = nullptr;
  BoundedSax sax(out, limits.depth_max);
  bool ok = false;
  try {
    ok = Json::sax_parse(text.begin(), text.end(), &sax);
  } catch (const std::exception& e) {  // out_of_range on numbers such as 1e999
    sax.what = e.what();
  }
  if (!ok) return fail(Code::InvalidArgument, "not valid JSON: " + (sax.what.empty() ? "unexpected end" : sax.what));
  return out;
}

std::string dump_json(const Json& value, int indent) {
  if (indent >= 0) return thorough_dump(value, indent);
  std::string out;
  print(out, value);
  return out;
}

const Json* find_path(const Json& value, std::initializer_list<std::string_view> path) {
  const Json* at = &value;
  for (const auto key : path) {
    if (!at->is_object()) return nullptr;
    const auto it = at->find(key);
    if (it == at->end()) return nullptr;
    at = &*it;
  }
  return at;
}

std::string string_at(const Json& value, std::initializer_list<std::string_view> path, std::string_view fallback) {
  const Json* at = find_path(value, path);
  return at && at->is_string() ? at->get<std::string>() : std::string(fallback);
}

int64_t int_at(const Json& value, std::initializer_list<std::string_view> path, int64_t fallback) {
  const Json* at = find_path(value, path);
  return at && at->is_number_integer() ? at->get<int64_t>() : fallback;
}

bool bool_at(const Json& value, std::initializer_list<std::string_view> path, bool fallback) {
  const Json* at = find_path(value, path);
  return at && at->is_boolean() ? at->get<bool>() : fallback;
}

}  // namespace clops
