#include "crds/json_reader.h"

#include <algorithm>

namespace clops::crds {
namespace {

const Json& empty_object() {
  static const Json value = Json::object();
  return value;
}

std::string kind_of(const Json& value) {
  if (value.is_number_integer()) return "an integer";
  switch (value.type()) {
    case Json::value_t::object:
      return "an object";
    case Json::value_t::array:
      return "a list";
    case Json::value_t::string:
      return "a string";
    case Json::value_t::boolean:
      return "a boolean";
    case Json::value_t::null:
      return "null";
    default:
      return "a number";
  }
}

std::string must_be(std::string_view wanted, const Json& got) {
  return "must be " + std::string(wanted) + ", not " + kind_of(got);
}

}  // namespace

void ReadError::set(const std::string& path, std::string_view what) {
  if (!error_) error_ = Error{Code::InvalidArgument, (path.empty() ? "document" : path) + ": " + std::string(what)};
}

Reader::Reader(const Json& value, std::string path, ReadError& error)
    : value_(&value), path_(std::move(path)), error_(&error) {
  if (value.is_object()) return;
  if (!value.is_null()) error.set(path_, must_be("an object", value));
  value_ = &empty_object();
}

std::string Reader::at(const char* key) const {
  return path_.empty() ? key : path_ + "." + key;
}

void Reader::fail(const char* key, std::string_view what) const {
  error_->set(at(key), what);
}

const Json* Reader::find(const char* key) const {
  const auto it = value_->find(key);
  return it == value_->end() || it->is_null() ? nullptr : &*it;
}

std::string Reader::text(const char* key, Need need, size_t bytes_max) const {
  const Json* value = find(key);
  if (!value) {
    if (need == Need::Required) fail(key, "is required");
    return "";
  }
  if (!value->is_string()) {
    fail(key, must_be("a string", *value));
    return "";
  }
  const auto& text = value->get_ref<const std::string&>();
  if (text.empty() && need == Need::Required) fail(key, "must not be empty");
  if (text.size() > bytes_max) fail(key, "is longer than " + std::to_string(bytes_max) + " bytes");
  return text;
}

int64_t Reader::integer(const char* key, int64_t least, int64_t most, int64_t fallback, Need need) const {
  const Json* value = find(key);
  if (!value) {
    if (need == Need::Required) fail(key, "is required");
    return fallback;
  }
  if (!value->is_number_integer()) {
    fail(key, must_be("an integer", *value));
    return fallback;
  }
  const bool huge = value->is_number_unsigned() && value->get<uint64_t>() > static_cast<uint64_t>(INT64_MAX);
  const int64_t number = huge ? INT64_MAX : value->get<int64_t>();
  if (huge || number < least || number > most) {
    fail(key, "must be from " + std::to_string(least) + " to " + std::to_string(most) + ", not " + dump_json(*value));
    return fallback;
  }
  return number;
}

double Reader::number(const char* key) const {
  const Json* value = find(key);
  if (!value) return 0;
  if (!value->is_number()) {
    fail(key, must_be("a number", *value));
    return 0;
  }
  return value->get<double>();
}

bool Reader::boolean(const char* key, bool fallback) const {
  const Json* value = find(key);
  if (!value) return fallback;
  if (!value->is_boolean()) {
    fail(key, must_be("true or false", *value));
    return fallback;
  }
  return value->get<bool>();
}

template <class T>
std::map<std::string, T> Reader::map(const char* key, size_t entries_max, bool (Json::*fits)() const noexcept,
                                     std::string_view wanted) const {
  std::map<std::string, T> out;
  const Json* value = find(key);
  if (!value) return out;
  if (!value->is_object()) {
    fail(key, must_be("an object", *value));
    return out;
  }
  if (value->size() > entries_max) fail(key, "has more than " + std::to_string(entries_max) + " entries");
  for (const auto& [name, entry] : value->items()) {
    if (!(entry.*fits)()) {
      error_->set(at(key) + "." + name, must_be(wanted, entry));
      return out;
    }
    out[name] = entry.template get<T>();
  }
  return out;
}

std::map<std::string, std::string> Reader::text_map(const char* key, size_t entries_max) const {
  return map<std::string>(key, entries_max, &Json::is_string, "a string");
}

std::map<std::string, double> Reader::number_map(const char* key, size_t entries_max) const {
  return map<double>(key, entries_max, &Json::is_number, "a number");
}

template <class T>
std::vector<T> Reader::list(const char* key, size_t entries_max, bool (Json::*fits)() const noexcept,
                            std::string_view wanted) const {
  std::vector<T> out;
  const Json* value = find(key);
  if (!value) return out;
  if (!value->is_array()) {
    fail(key, must_be("a list", *value));
    return out;
  }
  if (value->size() > entries_max) fail(key, "has more than " + std::to_string(entries_max) + " entries");
  for (size_t i = 0; i < value->size(); ++i) {
    const Json& entry = (*value)[i];
    if (!(entry.*fits)()) {
      error_->set(at(key) + "[" + std::to_string(i) + "]", must_be(wanted, entry));
      return out;
    }
    out.push_back(entry.get<T>());
  }
  return out;
}

std::vector<std::string> Reader::text_list(const char* key, size_t entries_max) const {
  return list<std::string>(key, entries_max, &Json::is_string, "a string");
}

std::vector<int64_t> Reader::integer_list(const char* key, size_t entries_max) const {
  return list<int64_t>(key, entries_max, &Json::is_number_integer, "an integer");
}

std::vector<double> Reader::number_list(const char* key, size_t entries_max) const {
  return list<double>(key, entries_max, &Json::is_number, "a number");
}

Reader Reader::child(const char* key) const {
  const Json* value = find(key);
  return Reader(value ? *value : empty_object(), at(key), *error_);
}

void Reader::each(const char* key, size_t entries_max, const std::function<void(const Reader&)>& read) const {
  const Json* value = find(key);
  if (!value) return;
  if (!value->is_array()) return fail(key, must_be("a list", *value));
  if (value->size() > entries_max) return fail(key, "has more than " + std::to_string(entries_max) + " entries");
  for (size_t i = 0; i < value->size(); ++i) {
    const std::string path = at(key) + "[" + std::to_string(i) + "]";
    if (!(*value)[i].is_object()) return error_->set(path, must_be("an object", (*value)[i]));
    read(Reader((*value)[i], path, *error_));
  }
}

void Reader::each_value(const char* key, size_t entries_max,
                        const std::function<void(const Json&, const std::string& path, ReadError&)>& read) const {
  const Json* value = find(key);
  if (!value) return;
  if (!value->is_array()) return fail(key, must_be("a list", *value));
  if (value->size() > entries_max) return fail(key, "has more than " + std::to_string(entries_max) + " entries");
  for (size_t i = 0; i < value->size(); ++i) read((*value)[i], at(key) + "[" + std::to_string(i) + "]", *error_);
}

void Reader::only(std::initializer_list<std::string_view> known) const {
  for (const auto& item : value_->items()) {
    if (std::find(known.begin(), known.end(), item.key()) == known.end()) {
      error_->set(at(item.key().c_str()), "is not a field here");
      return;
    }
  }
}

void put(Json& out, const char* key, const std::string& text) {
  if (!text.empty()) out[key] = text;
}

void put(Json& out, const char* key, const std::map<std::string, std::string>& entries) {
  if (!entries.empty()) out[key] = entries;
}

void put(Json& out, const char* key, const std::vector<std::string>& entries) {
  if (!entries.empty()) out[key] = entries;
}

}  // namespace clops::crds
