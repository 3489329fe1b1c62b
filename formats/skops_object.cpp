#include "formats/skops_object.h"

#include <charconv>

namespace clops::formats {
namespace {

constexpr JsonLimits kSchemaLimits{.bytes_max = 256u << 20, .depth_max = 64};

}  // namespace

Result<SkopsFile> SkopsFile::open(std::string_view bytes) {
  CLOPS_ASSIGN(ZipArchive archive, ZipArchive::open(bytes));
  if (!archive.has("schema.json"))
    return fail(
        Code::Unsupported,
        "this is a zip archive without schema.json, so not a skops file (PyTorch, Keras or NumPy .npz?): give the "
        "model as skops.io.dump writes it, or export it to ONNX");
  CLOPS_ASSIGN(const std::string text, archive.read("schema.json"));
  auto schema = parse_json(text, kSchemaLimits);
  if (!schema) return fail_in("schema.json", schema.error());
  if (int_at(*schema, {"protocol"}, -1) > 2)
    return fail(Code::Unsupported, "the file is of a newer skops protocol: write it with skops 0.16 or older");
  const size_t budget = 2 * archive.unpacked_bytes() + (1u << 20);
  return SkopsFile(std::move(archive), std::move(*schema), budget);
}

Result<NpyArray> SkopsFile::array(std::string_view name) {
  CLOPS_ASSIGN(std::string bytes, archive_.read(name));
  if (bytes.size() > budget_) return fail(Code::TooLarge, "the schema uses its arrays again and again");
  budget_ -= bytes.size();
  auto array = NpyArray::parse(std::move(bytes));
  if (!array) return fail_in(name, array.error());
  return array;
}

std::string SkopsObject::type() const {
  return string_at(*node_, {"__class__"});
}
std::string SkopsObject::module() const {
  return string_at(*node_, {"__module__"});
}

std::unexpected<Error> SkopsObject::wrong(std::string_view what) const {
  return fail(Code::InvalidArgument, name_ + " " + std::string(what));
}

const Json* SkopsObject::find(std::string_view attribute) const {
  // An object's state is a dictionary; a dictionary is one itself.
  const bool dictionary = string_at(*node_, {"__loader__"}) == "DictNode";
  return dictionary ? find_path(*node_, {"content", attribute}) : find_path(*node_, {"content", "content", attribute});
}

Result<SkopsObject> SkopsObject::get(std::string_view attribute) const {
  const Json* const found = find(attribute);
  if (found == nullptr) return wrong("has no " + std::string(attribute) + " (is it fitted?)");
  return SkopsObject(*file_, *found,
                     name_ == "the model" ? std::string(attribute) : name_ + "." + std::string(attribute));
}

Result<Json> SkopsObject::scalar() const {
  if (string_at(*node_, {"__loader__"}) != "JsonNode") return wrong("is not a plain value");
  return parse_json(string_at(*node_, {"content"}), kSchemaLimits);
}

bool SkopsObject::is_none() const {
  const auto value = scalar();
  return value && value->is_null();
}

bool SkopsObject::is_nan() const {
  return string_at(*node_, {"__loader__"}) == "JsonNode" && string_at(*node_, {"content"}) == "NaN";
}

bool SkopsObject::is_array() const {
  return string_at(*node_, {"type"}) == "numpy";
}

Result<double> SkopsObject::real() const {
  if (string_at(*node_, {"__loader__"}) == "NdArrayNode") {
    CLOPS_ASSIGN(const NpyArray value, array());
    if (value.count() != 1 || value.field("") < 0) return wrong("is not one number");
    return value.real(0);
  }
  CLOPS_ASSIGN(const Json value, scalar());
  if (!value.is_number()) return wrong("is not a number");
  return value.get<double>();
}

Result<int64_t> SkopsObject::integer() const {
  CLOPS_ASSIGN(const double value, real());
  if (value < -9e15 || value > 9e15 || value != static_cast<double>(static_cast<int64_t>(value)))
    return wrong("is not a whole number");
  return static_cast<int64_t>(value);
}

Result<std::string> SkopsObject::string() const {
  CLOPS_ASSIGN(const Json value, scalar());
  if (!value.is_string()) return wrong("is not a text");
  return value.get<std::string>();
}

std::string SkopsObject::string_or(std::string_view attribute, std::string_view otherwise) const {
  const Json* const found = find(attribute);
  if (found == nullptr) return std::string(otherwise);
  const auto text = SkopsObject(*file_, *found, "").string();
  return text ? *text : std::string(otherwise);
}

Result<NpyArray> SkopsObject::array() const {
  if (!is_array()) return wrong("is not an array of numbers");
  auto array = file_->array(string_at(*node_, {"file"}));
  if (!array) return fail_in(name_, array.error());
  return array;
}

Result<std::vector<SkopsObject>> SkopsObject::items() const {
  const Json* const content = find_path(*node_, {"content"});
  if (content == nullptr || !content->is_array()) return wrong("is not a list");
  std::vector<SkopsObject> out;
  for (const Json& item : *content) out.emplace_back(*file_, item, name_ + "[" + std::to_string(out.size()) + "]");
  return out;
}

Result<std::vector<std::string>> SkopsObject::labels() const {
  std::vector<std::string> out;
  if (!is_array()) {
    CLOPS_ASSIGN(const auto list, items());
    for (const SkopsObject& item : list) {
      CLOPS_ASSIGN(const Json value, item.scalar());
      out.push_back(value.is_string() ? value.get<std::string>() : dump_json(value));
    }
    return out;
  }
  CLOPS_ASSIGN(const NpyArray values, array());
  for (size_t i = 0; i < values.count(); ++i) {
    if (values.is_text()) {
      out.push_back(values.text(i));
      continue;
    }
    if (values.field("") < 0) return wrong("has values without a text");
    const double number = values.real(i);
    char digits[32];
    const bool whole = number == static_cast<double>(values.integer(i));
    const auto end = whole ? std::to_chars(digits, digits + sizeof digits, values.integer(i)).ptr
                           : std::to_chars(digits, digits + sizeof digits, number).ptr;
    out.emplace_back(digits, end);
  }
  return out;
}

}  // namespace clops::formats
