#include "local/api/schema.h"

#include <cmath>
#include <regex>
#include <set>

#include "base/digest.h"
#include "base/time.h"
#include "local/api/builtin_types.h"
#include "local/api/quantity.h"

namespace clops::local {
namespace {

constexpr std::string_view kRefPrefix = "#/components/schemas/";
constexpr size_t kPatternBytesMax = 8'192;  // std::regex recurses: a longer text could exhaust the stack

bool flag(const Json& schema, const char* name) {
  const auto it = schema.find(name);
  return it != schema.end() && it->is_boolean() && it->get<bool>();
}
const std::string& text(const Json& schema, const char* name) {
  static const std::string none;
  const auto it = schema.find(name);
  return it != schema.end() && it->is_string() ? it->get_ref<const std::string&>() : none;
}
bool embedded_object(const Json& schema) {
  return flag(schema, "x-kubernetes-embedded-resource");
}
bool is_identity(const std::string& name) {
  return name == "apiVersion" || name == "kind" || name == "metadata";
}

std::string child(const std::string& path, const std::string& name) {
  return path.empty() ? name : path + "." + name;
}
std::string indexed(const std::string& path, size_t i) {
  return path + "[" + std::to_string(i) + "]";
}

// Objects and lists are too long for a message: their type stands for them, as it does upstream.
std::string shown(const Json& value) {
  if (value.is_object() || value.is_array()) return dump_json(Json(json_type(value)));
  return dump_json(value);
}

bool has_type(const std::string& type, const Json& value) {
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_boolean();
  if (type == "integer")
    return value.is_number_integer() ||
           (value.is_number_float() && std::trunc(value.get<double>()) == value.get<double>());
  if (type == "number") return value.is_number();
  if (type == "array") return value.is_array();
  if (type == "object") return value.is_object();
  return true;
}

void add(std::vector<Cause>& causes, const char* reason, const std::string& field, std::string message) {
  causes.push_back({reason, std::move(message), field});
}

bool valid_format(const std::string& format, const std::string& value) {
  if (format == "date-time") return from_rfc3339(value).has_value();
  if (format == "byte") return base64_decode(value).has_value();
  return true;  // formats a server does not know are not checked there either
}

void check_string(const Json& schema, const std::string& value, const std::string& path, std::vector<Cause>& causes) {
  const auto length = [&] {  // code points, as the real one counts
    int64_t n = 0;
    for (const char c : value) n += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    return n;
  }();
  if (const auto max = int_at(schema, {"maxLength"}, -1); max >= 0 && length > max) {
    add(causes, "FieldValueTooLong", path, "Too long: may not be more than " + std::to_string(max) + " bytes");
  }
  if (const auto min = int_at(schema, {"minLength"}, 0); length < min) {
    causes.push_back(
        invalid_cause(path, value, path + " in body should be at least " + std::to_string(min) + " chars long"));
  }
  if (const auto& pattern = text(schema, "pattern"); !pattern.empty()) {
    bool matches = false;
    try {
      matches = value.size() <= kPatternBytesMax && std::regex_search(value, std::regex(pattern));
    } catch (
        const std::regex_error&) {  // a pattern this machine's regex does not have: nothing can be said to match it
    }
    if (!matches) causes.push_back(invalid_cause(path, value, path + " in body should match '" + pattern + "'"));
  }
  if (const auto& format = text(schema, "format"); !format.empty() && !valid_format(format, value)) {
    causes.push_back(invalid_cause(path, value, path + " in body must be of type " + format + ": " + dump_json(value)));
  }
}

void check_number(const Json& schema, const Json& value, const std::string& path, std::vector<Cause>& causes) {
  const double number = value.get<double>();
  if (const auto it = schema.find("minimum"); it != schema.end() && it->is_number()) {
    const bool exclusive = flag(schema, "exclusiveMinimum");
    if (number < it->get<double>() || (exclusive && number == it->get<double>())) {
      causes.push_back(invalid_cause(
          path, value, path + " in body should be greater than " + (exclusive ? "" : "or equal to ") + dump_json(*it)));
    }
  }
  if (const auto it = schema.find("maximum"); it != schema.end() && it->is_number()) {
    const bool exclusive = flag(schema, "exclusiveMaximum");
    if (number > it->get<double>() || (exclusive && number == it->get<double>())) {
      causes.push_back(invalid_cause(
          path, value, path + " in body should be less than " + (exclusive ? "" : "or equal to ") + dump_json(*it)));
    }
  }
  if (const auto it = schema.find("multipleOf"); it != schema.end() && it->is_number() && it->get<double>() > 0) {
    if (std::abs(std::remainder(number, it->get<double>())) > 1e-9) {
      causes.push_back(invalid_cause(path, value, path + " in body should be a multiple of " + dump_json(*it)));
    }
  }
}

void check_size(const Json& schema, size_t size, const char* least, const char* most, const char* unit,
                const Json& value, const std::string& path, std::vector<Cause>& causes) {
  if (const auto max = int_at(schema, {most}, -1); max >= 0 && static_cast<int64_t>(size) > max) {
    add(causes, "FieldValueTooMany", path,
        "Too many: " + std::to_string(size) + ": must have at most " + std::to_string(max) + " items");
  }
  if (const auto min = int_at(schema, {least}, 0); static_cast<int64_t>(size) < min) {
    causes.push_back(invalid_cause(path, value, path + " in body should have at least " + std::to_string(min) + unit));
  }
}

void check_list(const Json& schema, const Json& value, const std::string& path, std::vector<Cause>& causes) {
  check_size(schema, value.size(), "minItems", "maxItems", " items", value, path, causes);
  const Json& items = item_schema(schema);
  for (size_t i = 0; i < value.size(); ++i) check(items, value[i], indexed(path, i), causes);
  const Shape shape = shape_of(schema);
  if (shape != Shape::SetList && shape != Shape::MapList) return;
  std::set<std::string> seen;
  for (size_t i = 0; i < value.size(); ++i) {
    Json key = value[i];
    if (shape == Shape::MapList) {
      key = Json::object();
      for (const auto& name : list_keys(schema)) {
        if (value[i].is_object() && value[i].contains(name)) key[name] = value[i][name];
      }
    }
    const std::string printed = dump_json(key);
    if (!seen.insert(printed).second)
      add(causes, "FieldValueDuplicate", indexed(path, i), "Duplicate value: " + printed);
  }
}

void check_object(const Json& schema, const Json& value, const std::string& path, std::vector<Cause>& causes) {
  check_size(schema, value.size(), "minProperties", "maxProperties", " properties", value, path, causes);
  if (const auto it = schema.find("required"); it != schema.end() && it->is_array()) {
    for (const auto& name : *it) {
      if (name.is_string() && !value.contains(name.get<std::string>()))
        causes.push_back(required_cause(child(path, name.get<std::string>())));
    }
  }
  for (const auto& [name, field] : value.items()) {
    const Json* sub = field_schema(schema, name);
    const bool unset = field.is_null() && find_path(schema, {"properties", name, kZeroMark});
    if (sub && !unset) check(*sub, field, child(path, name), causes);
  }
}

// The combinators of a structural schema only add rules; they name no fields.
void check_combined(const Json& schema, const Json& value, const std::string& path, std::vector<Cause>& causes) {
  const auto passes = [&](const Json& rule) {
    std::vector<Cause> found;
    check(resolve(rule), value, path, found);
    return found.empty();
  };
  if (const auto it = schema.find("allOf"); it != schema.end() && it->is_array()) {
    for (const auto& rule : *it) check(resolve(rule), value, path, causes);
  }
  for (const char* name : {"anyOf", "oneOf"}) {
    const auto it = schema.find(name);
    if (it == schema.end() || !it->is_array()) continue;
    int passed = 0;
    for (const auto& rule : *it) passed += passes(rule);
    const bool any = std::string_view(name) == "anyOf";
    if (any ? passed == 0 : passed != 1) {
      causes.push_back(invalid_cause(path, value,
                                     std::string("\"") + path + "\" must validate " +
                                         (any ? "at least one" : "one and only one") + " schema (" + name + ")"));
    }
  }
  if (const auto it = schema.find("not"); it != schema.end() && passes(*it)) {
    causes.push_back(invalid_cause(path, value, "\"" + path + "\" must not validate the schema (not)"));
  }
}

}  // namespace

std::string json_type(const Json& value) {
  if (value.is_string()) return "string";
  if (value.is_boolean()) return "boolean";
  if (value.is_number_integer()) return "integer";
  if (value.is_number()) return "number";
  if (value.is_array()) return "array";
  if (value.is_object()) return "object";
  return "null";
}

Cause required_cause(const std::string& field, const std::string& detail) {
  return {"FieldValueRequired", detail.empty() ? "Required value" : "Required value: " + detail, field};
}

Cause invalid_cause(const std::string& field, const Json& value, const std::string& detail) {
  return {"FieldValueInvalid", "Invalid value: " + shown(value) + ": " + detail, field};
}

const Json& resolve(const Json& schema) {
  static const Json any{{"x-kubernetes-preserve-unknown-fields", true}};
  if (!schema.is_object()) return any;
  const auto ref = schema.find("$ref");
  if (ref == schema.end() || !ref->is_string()) return schema;
  const std::string& name = ref->get_ref<const std::string&>();
  const Json& all = builtin_definitions();
  const auto it = name.starts_with(kRefPrefix) ? all.find(name.substr(kRefPrefix.size())) : all.end();
  return it == all.end() ? any : *it;
}

Shape shape_of(const Json& schema) {
  const std::string& type = text(schema, "type");
  if (type == "array") {
    const std::string& list = text(schema, "x-kubernetes-list-type");
    return list == "map" ? Shape::MapList : list == "set" ? Shape::SetList : Shape::AtomicList;
  }
  if (type == "object" || schema.contains("properties")) {
    if (text(schema, "x-kubernetes-map-type") == "atomic") return Shape::AtomicMap;
    if (schema.contains("properties") || embedded_object(schema)) return Shape::Struct;
    return schema.contains("additionalProperties") ? Shape::Map : Shape::Untyped;
  }
  if (type.empty() && !flag(schema, "x-kubernetes-int-or-string")) return Shape::Untyped;
  return Shape::Scalar;
}

const Json* field_schema(const Json& schema, const std::string& name) {
  static const Json meta_ref{{"$ref", "#/components/schemas/" + builtin_full_name("meta/ObjectMeta")}};
  static const Json string_type{{"type", "string"}};
  if (embedded_object(schema) && is_identity(name)) return name == "metadata" ? &resolve(meta_ref) : &string_type;
  if (const auto it = schema.find("properties"); it != schema.end() && it->is_object()) {
    if (const auto field = it->find(name); field != it->end()) return &resolve(*field);
  }
  if (const auto it = schema.find("additionalProperties"); it != schema.end()) {
    if (it->is_object()) return &resolve(*it);
    if (it->is_boolean() && it->get<bool>()) return &resolve(Json());
  }
  return nullptr;
}

const Json& item_schema(const Json& schema) {
  const auto it = schema.find("items");
  return it == schema.end() ? resolve(Json()) : resolve(*it);
}

std::vector<std::string> list_keys(const Json& schema) {
  std::vector<std::string> out;
  if (const auto it = schema.find("x-kubernetes-list-map-keys"); it != schema.end() && it->is_array()) {
    for (const auto& key : *it) {
      if (key.is_string()) out.push_back(key.get<std::string>());
    }
  }
  return out;
}

const Json* key_default(const Json& schema, const std::string& key) {
  const Json* field = field_schema(item_schema(schema), key);
  if (!field) return nullptr;
  const auto it = field->find("default");
  return it == field->end() ? nullptr : &*it;
}

void prune(const Json& schema, Json& value, const std::string& path, bool drop_nulls,
           std::vector<std::string>& unknown) {
  if (value.is_array()) {
    const Json& items = item_schema(schema);
    for (size_t i = 0; i < value.size(); ++i) prune(items, value[i], indexed(path, i), drop_nulls, unknown);
    return;
  }
  if (!value.is_object()) return;
  const bool open = flag(schema, "x-kubernetes-preserve-unknown-fields");
  for (auto it = value.begin(); it != value.end();) {
    const Json* field = field_schema(schema, it.key());
    if (!field && !open) {
      unknown.push_back(child(path, it.key()));
      it = value.erase(it);
      continue;
    }
    if (field && drop_nulls && it->is_null()) {
      it = value.erase(it);
      continue;
    }
    if (field) prune(*field, *it, child(path, it.key()), drop_nulls, unknown);
    ++it;
  }
}

void apply_defaults(const Json& schema, Json& value) {
  if (value.is_array()) {
    const Json& items = item_schema(schema);
    for (auto& item : value) apply_defaults(items, item);
    return;
  }
  if (!value.is_object()) return;
  if (const auto it = schema.find("properties"); it != schema.end() && it->is_object()) {
    for (const auto& [name, raw] : it->items()) {
      const Json& field = resolve(raw);
      const auto fallback = raw.find("default");
      if (fallback == raw.end()) continue;
      const auto present = value.find(name);
      if (present == value.end() || (present->is_null() && !flag(field, "nullable"))) value[name] = *fallback;
    }
  }
  for (auto& [name, field] : value.items()) {
    if (const Json* sub = field_schema(schema, name)) apply_defaults(*sub, field);
  }
}

namespace {

bool is_zero(const Json& value) {
  if (value.is_structured() || value.is_null()) return value.empty();
  if (value.is_string()) return value.get_ref<const std::string&>().empty();
  return value.is_boolean() ? !value.get<bool>() : value.is_number() && value.get<double>() == 0;
}

}  // namespace

void as_typed(const Json& schema, Json& value, bool with_nulls) {
  if (text(schema, "format") == "quantity") {
    const auto canonical =
        canonical_quantity(value.is_string() ? value.get_ref<const std::string&>() : dump_json(value));
    if (canonical) value = *canonical;
    return;
  }
  if (value.is_array()) {
    const Json& items = item_schema(schema);
    for (auto& item : value) as_typed(items, item, with_nulls);
    return;
  }
  const auto properties = schema.find("properties");
  if (!value.is_object() || properties == schema.end()) {
    if (value.is_object()) {
      for (auto& [name, field] : value.items()) {
        if (const Json* sub = field_schema(schema, name)) as_typed(*sub, field, with_nulls);
      }
    }
    return;
  }
  for (const auto& [name, raw] : properties->items()) {
    const auto mark = raw.find(kZeroMark);
    const bool present = mark != raw.end() && *mark == "present";
    auto found = value.find(name);
    const Json& field = resolve(raw);
    if (found == value.end() && present) {
      const std::string& type = text(field, "type");
      if (type == "array" && !with_nulls) continue;
      value[name] = type == "object" ? Json::object() : Json();  // a time that is always there is null
      found = value.find(name);
    }
    if (found == value.end()) continue;
    as_typed(field, *found, with_nulls);
    if (mark != raw.end() && *mark == "omitted" && is_zero(*found)) value.erase(found);
  }
}

void check(const Json& schema, const Json& value, const std::string& path, std::vector<Cause>& causes) {
  if (value.is_null() && flag(schema, "nullable")) return;
  const std::string& type = text(schema, "type");
  if (flag(schema, "x-kubernetes-int-or-string")) {
    if (!value.is_string() && !value.is_number_integer()) {
      add(causes, "FieldValueTypeInvalid", path,
          "Invalid value: " + shown(value) + ": " + path +
              " in body must be of type integer,string: " + dump_json(Json(json_type(value))));
      return;
    }
  } else if (!type.empty() && !has_type(type, value)) {
    add(causes, "FieldValueTypeInvalid", path,
        "Invalid value: " + dump_json(Json(json_type(value))) + ": " + path + " in body must be of type " + type +
            ": " + dump_json(Json(json_type(value))));
    return;
  }
  if (const auto it = schema.find("enum");
      it != schema.end() && it->is_array() && std::find(it->begin(), it->end(), value) == it->end()) {
    std::string supported;
    for (const auto& choice : *it) supported += (supported.empty() ? "" : ", ") + dump_json(choice);
    add(causes, "FieldValueNotSupported", path,
        "Unsupported value: " + shown(value) + ": supported values: " + supported);
  }
  if (value.is_string()) check_string(schema, value.get_ref<const std::string&>(), path, causes);
  if (value.is_number()) check_number(schema, value, path, causes);
  if (value.is_array()) check_list(schema, value, path, causes);
  if (value.is_object()) check_object(schema, value, path, causes);
  check_combined(schema, value, path, causes);
}

std::string wrong_type(const Json& schema, const Json& value, const std::string& path) {
  if (value.is_null()) return {};
  const std::string& type = text(schema, "type");
  if (flag(schema, "x-kubernetes-int-or-string")) {
    const bool quantity = text(schema, "format") == "quantity";
    if (value.is_string() || value.is_number_integer() || (quantity && value.is_number())) return {};
    return "json: cannot unmarshal " + json_type(value) + " into field " + path + " of type int or string";
  }
  if (!type.empty() && !has_type(type, value))
    return "json: cannot unmarshal " + json_type(value) + " into field " + path + " of type " + type;
  if (value.is_array()) {
    for (size_t i = 0; i < value.size(); ++i) {
      if (auto found = wrong_type(item_schema(schema), value[i], indexed(path, i)); !found.empty()) return found;
    }
  }
  if (value.is_object()) {
    for (const auto& [name, field] : value.items()) {
      const Json* sub = field_schema(schema, name);
      if (!sub) continue;
      if (auto found = wrong_type(*sub, field, child(path, name)); !found.empty()) return found;
    }
  }
  if (value.is_string() && text(schema, "format") == "byte" && !base64_decode(value.get_ref<const std::string&>())) {
    return "illegal base64 data in field " + path;
  }
  return {};
}

}  // namespace clops::local
