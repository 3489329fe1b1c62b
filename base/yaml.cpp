#include "base/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <cctype>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>
#include <sstream>

namespace clops {
namespace {

constexpr int kDepthMax = 64;
constexpr size_t kNodesMax = 1'000'000;  // after aliases are expanded: what an alias bomb would exceed

struct Stop {
  Error error;
};  // thrown and caught in this file only: yaml-cpp's event interface has no other way to end a parse

std::string at(const YAML::Mark& mark) {
  return "line " + std::to_string(mark.line + 1) + ", column " + std::to_string(mark.column + 1) + ": ";
}

bool one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  for (const auto word : words) {
    if (text == word) return true;
  }
  return false;
}

// Go's strconv.ParseInt with base 0: 0x, 0b, 0o17 and the older 017.
std::optional<Json> integer(std::string_view text) {
  const bool negative = text.starts_with('-');
  std::string_view digits = negative || text.starts_with('+') ? text.substr(1) : text;
  int base = 10;
  if (digits.size() > 1 && digits[0] == '0') {
    const char mark = digits[1];
    base = mark == 'x' ? 16 : mark == 'b' ? 2 : 8;
    digits.remove_prefix(mark == 'x' || mark == 'b' || mark == 'o' ? 2 : 1);
  }
  if (digits.empty() || !std::isxdigit(static_cast<unsigned char>(digits[0]))) return {};
  uint64_t magnitude = 0;
  const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), magnitude, base);
  if (code != std::errc{} || end != digits.data() + digits.size()) return {};
  if (!negative) return magnitude <= INT64_MAX ? Json(static_cast<int64_t>(magnitude)) : Json(magnitude);
  if (magnitude > static_cast<uint64_t>(INT64_MAX) + 1) return {};
  return Json(static_cast<int64_t>(~magnitude + 1));
}

// -?(digits)(.digits)?([eE][+-]?digits)?, nothing else: "1.2.3", "7Gi" and "nan" stay text.
bool looks_like_float(std::string_view text) {
  size_t i = text.starts_with('-') || text.starts_with('+') ? 1 : 0;
  size_t digits = 0;
  const auto skip_digits = [&] {
    while (i < text.size() && std::isdigit(static_cast<unsigned char>(text[i]))) ++i, ++digits;
  };
  skip_digits();
  if (i < text.size() && text[i] == '.') ++i;
  skip_digits();
  if (digits == 0) return false;
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '-' || text[i] == '+')) ++i;
    const size_t before = digits;
    skip_digits();
    if (digits == before) return false;
  }
  return i == text.size();
}

// What an unquoted scalar means to kubectl. Throws Stop for values that JSON cannot hold.
Json plain(const std::string& text, const YAML::Mark& mark) {
  if (one_of(text, {"", "~", "null", "Null", "NULL"})) return nullptr;
  if (one_of(text, {"true", "True", "TRUE", "y", "Y", "yes", "Yes", "YES", "on", "On", "ON"})) return true;
  if (one_of(text, {"false", "False", "FALSE", "n", "N", "no", "No", "NO", "off", "Off", "OFF"})) return false;
  const char first = text[0];
  if (!std::isdigit(static_cast<unsigned char>(first)) && first != '-' && first != '+' && first != '.') return text;
  if (one_of(text, {".inf", ".Inf", ".INF", "+.inf", "-.inf", "-.Inf", ".nan", ".NaN", ".NAN"})) {
    throw Stop{{Code::InvalidArgument, at(mark) + text + " has no form in JSON; quote it if it is text"}};
  }
  std::string compact = text;
  std::erase(compact, '_');  // 1_000 is a number to kubectl
  if (auto value = integer(compact)) return *value;
  if (!looks_like_float(compact)) return text;
  const std::string_view number =
      compact.starts_with('+') ? std::string_view(compact).substr(1) : std::string_view(compact);
  double value = 0;
  const auto [end, code] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (code != std::errc{} || !std::isfinite(value)) {
    throw Stop{{Code::InvalidArgument, at(mark) + text + " is beyond what a number can hold; quote it if it is text"}};
  }
  if (value == std::floor(value) && std::fabs(value) < 9e15)
    return static_cast<int64_t>(value);  // 2.0 and 1e3 print as 2 and 1000
  return value;
}

std::string key_text(const Json& key, const YAML::Mark& mark) {
  if (key.is_string()) return key.get<std::string>();
  if (key.is_primitive() && !key.is_null()) return dump_json(key);
  throw Stop{{Code::InvalidArgument, at(mark) + "a mapping key must be a scalar"}};
}

// Builds Json straight from the parser's events: nothing is built that has not been counted.
class Builder final : public YAML::EventHandler {
 public:
  // `before`: where the document before this one began, -1 if there is none.
  explicit Builder(int before) : before_(before) {}
  [[nodiscard]] int begins() const { return begins_; }
  Json take() { return std::move(root_); }
  bool empty() const { return !started_ || root_.is_null(); }

  // A token that begins no value (a comma) is left where it is, and the same document would begin there for ever.
  void OnDocumentStart(const YAML::Mark& mark) override {
    if (mark.pos == before_) throw Stop{{Code::InvalidArgument, at(mark) + "no value begins with this character"}};
    begins_ = mark.pos;
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { add(nullptr, mark, anchor); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto it = anchors_.find(anchor);
    if (it == anchors_.end())
      throw Stop{{Code::InvalidArgument, at(mark) + "an alias must not stand inside what it names"}};
    count(it->second.nodes, mark);
    add(it->second.value, mark, 0);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    const bool is_plain = tag == "?" || tag.empty();
    const bool is_text = tag == "!" || tag == "tag:yaml.org,2002:str";
    if (!is_plain && !is_text) throw Stop{{Code::InvalidArgument, at(mark) + "tag " + tag + " is not supported"}};
    add(is_plain ? plain(value, mark) : Json(value), mark, anchor, is_plain && value == "<<");
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(Json::array(), mark, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(Json::object(), mark, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Level {
    Json value;
    YAML::Mark mark;
    YAML::anchor_t anchor = 0;
    std::optional<std::string> key;
    bool merge = false;  // the key is <<
    std::vector<Json> merges;
    size_t nodes_before = 0;
  };
  struct Anchor {
    Json value;
    size_t nodes = 0;
  };

  void count(size_t nodes, const YAML::Mark& mark) {
    nodes_ += nodes;
    if (nodes_ > kNodesMax) {
      throw Stop{{Code::TooLarge, at(mark) + "more than " + std::to_string(kNodesMax) +
                                      " values, aliases counted as what they stand for"}};
    }
  }

  void open(Json value, const YAML::Mark& mark, YAML::anchor_t anchor) {
    started_ = true;
    if (levels_.size() >= kDepthMax) {
      throw Stop{{Code::InvalidArgument, at(mark) + "nested deeper than " + std::to_string(kDepthMax) + " levels"}};
    }
    levels_.push_back({.value = std::move(value),
                       .mark = mark,
                       .anchor = anchor,
                       .key = {},
                       .merge = false,
                       .merges = {},
                       .nodes_before = nodes_});
  }

  void close() {
    Level level = std::move(levels_.back());
    levels_.pop_back();
    for (const Json& merge : level.merges) {  // keys written out win over merged ones, earlier merges over later ones
      for (const auto& [key, value] : merge.items()) {
        if (!level.value.contains(key)) level.value[key] = value;
      }
    }
    const size_t nodes = nodes_ - level.nodes_before + 1;
    add(std::move(level.value), level.mark, level.anchor, false, nodes);
  }

  void add(Json value, const YAML::Mark& mark, YAML::anchor_t anchor, bool merge_key = false, size_t nodes = 1) {
    started_ = true;
    count(1, mark);
    if (anchor != 0) anchors_[anchor] = {value, nodes};
    if (levels_.empty()) {
      root_ = std::move(value);
      return;
    }
    Level& level = levels_.back();
    if (level.value.is_array()) {
      level.value.push_back(std::move(value));
    } else if (!level.key && !level.merge) {
      add_key(level, value, mark, merge_key);
    } else if (level.merge) {
      add_merge(level, std::move(value), mark);
    } else {
      level.value[*level.key] = std::move(value);
      level.key.reset();
    }
  }

  static void add_key(Level& level, const Json& value, const YAML::Mark& mark, bool merge_key) {
    level.merge = merge_key;
    if (merge_key) return;
    level.key = key_text(value, mark);
    if (level.value.contains(*level.key)) {
      throw Stop{{Code::InvalidArgument, at(mark) + "key " + *level.key + " is written twice"}};
    }
    level.value[*level.key] = nullptr;
  }

  static void add_merge(Level& level, Json value, const YAML::Mark& mark) {
    level.merge = false;
    if (value.is_object()) value = Json::array({std::move(value)});
    if (!value.is_array()) throw Stop{{Code::InvalidArgument, at(mark) + "<< must name a mapping or a list of them"}};
    for (auto& entry : value) {
      if (!entry.is_object())
        throw Stop{{Code::InvalidArgument, at(mark) + "<< must name a mapping or a list of them"}};
      level.merges.push_back(std::move(entry));
    }
  }

  int before_, begins_ = -1;
  Json root_;
  bool started_ = false;
  std::vector<Level> levels_;
  std::map<YAML::anchor_t, Anchor> anchors_;
  size_t nodes_ = 0;
};

// ---- printing

bool reads_as_text(const std::string& text) {
  if (text == "<<") return false;  // the merge key
  const bool date = text.size() >= 8 && std::isdigit(static_cast<unsigned char>(text[0])) &&
                    text.find_first_not_of("0123456789") == 4 && text[4] == '-';
  if (date) return false;  // a timestamp to older readers
  try {
    return plain(text, YAML::Mark()).is_string();
  } catch (const Stop&) {
    return false;
  }
}

// Whether a string can stand without quotes in block context.
bool allowed_plain(const std::string& text) {
  if (text.front() == ' ' || text.back() == ' ' || text.back() == ':') return false;
  if (std::string_view(",[]{}#&*!|>'\"%@`").find(text[0]) != std::string_view::npos) return false;
  if (std::string_view("-?:").find(text[0]) != std::string_view::npos && (text.size() == 1 || text[1] == ' '))
    return false;
  if (text.starts_with("---") || text.starts_with("...")) return false;
  return text.find(": ") == std::string::npos && text.find(" #") == std::string::npos;
}

bool needs_escapes(const std::string& text) {
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if ((u < 0x20 && c != '\n') || u == 0x7f) return true;
  }
  return text.front() == '\n';
}

void print_block_text(std::string& out, const std::string& text, int indent) {
  const size_t body = text.find_last_not_of('\n') + 1;
  const size_t trailing = text.size() - body;
  out += text.front() == ' ' ? "|2" : "|";
  out += trailing == 0 ? "-\n" : trailing == 1 ? "\n" : "+\n";
  const std::string pad(static_cast<size_t>(indent), ' ');
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) out += line.empty() ? "\n" : pad + line + "\n";
}

void print_text(std::string& out, const std::string& text, int indent) {
  if (text.empty()) {
    out += "\"\"\n";
  } else if (needs_escapes(text)) {
    out += dump_json(Json(text)) + "\n";
  } else if (text.find('\n') != std::string::npos) {
    print_block_text(out, text, indent);
  } else if (!reads_as_text(text)) {
    out += "\"" + text + "\"\n";
  } else if (allowed_plain(text)) {
    out += text + "\n";
  } else {
    out += '\'';
    for (const char c : text) out += c == '\'' ? std::string("''") : std::string(1, c);
    out += "'\n";
  }
}

// The text of a key on its own line, without the line's end.
std::string key_form(const std::string& key) {
  if (key.find('\n') != std::string::npos) return dump_json(Json(key));
  std::string out;
  print_text(out, key, 0);
  out.pop_back();
  return out;
}

// `indent`: where this value's own lines begin. The cursor stands after "key:" or "-" and nothing has followed it yet.
void print(std::string& out, const Json& value, int indent, bool in_list) {
  const std::string pad(static_cast<size_t>(indent), ' ');
  if (value.is_object() && !value.empty()) {
    bool first = in_list;  // the first key shares its line with the dash
    if (!in_list && !out.empty()) out += "\n";
    for (const auto& [key, entry] : value.items()) {
      out += first ? " " : pad;
      first = false;
      out += key_form(key) + ":";
      const bool nested_list = entry.is_array();
      print(out, entry, nested_list ? indent : indent + 2, false);
    }
  } else if (value.is_array() && !value.empty()) {
    bool first = in_list;
    if (!in_list && !out.empty()) out += "\n";
    for (const auto& entry : value) {
      out += first ? " " : pad;
      first = false;
      out += "-";
      print(out, entry, indent + 2, true);
    }
  } else {
    out += ' ';
    if (value.is_string()) {
      print_text(out, value.get_ref<const std::string&>(), indent);
    } else {
      out += dump_json(value) + "\n";
    }
  }
}

}  // namespace

Result<std::vector<Json>> parse_yaml(std::string_view text, size_t bytes_max) {
  if (text.size() > bytes_max) {
    return fail(Code::TooLarge,
                "YAML of " + std::to_string(text.size()) + " bytes is over the limit of " + std::to_string(bytes_max));
  }
  std::vector<Json> documents;
  try {
    std::istringstream in{std::string(text)};
    YAML::Parser parser(in);
    for (int begins = -1;;) {
      Builder builder(begins);
      if (!parser.HandleNextDocument(builder)) break;
      begins = builder.begins();
      if (!builder.empty()) documents.push_back(builder.take());
    }
  } catch (const Stop& stop) {
    return std::unexpected(stop.error);
  } catch (const YAML::Exception& e) {
    return fail(Code::InvalidArgument, at(e.mark) + e.msg);
  }
  return documents;
}

std::string dump_yaml(const Json& value) {
  std::string out;
  print(out, value, 0, false);
  if (out.starts_with(' ')) out.erase(0, 1);  // a document that is one scalar
  return out;
}

}  // namespace clops
