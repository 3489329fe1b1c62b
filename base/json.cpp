#include "base/json.h"

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

}  // namespace

Result<Json> parse_json(std::string_view text, JsonLimits limits) {
  if (text.size() > limits.bytes_max) {
    return fail(Code::TooLarge, "JSON of " + std::to_string(text.size()) + " bytes is over the limit of " +
                                    std::to_string(limits.bytes_max));
  }
  Json out;
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
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

const Json* find_path(const Json& value, std::initializer_list<std::string_view> path) {
  const Json* at = &value;
  for (const auto key : path) {
    if (!at->is_object()) return nullptr;
    const auto it = at->find(std::string(key));
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
