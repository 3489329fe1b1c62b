#include "local/api/protobuf.h"

#include <bit>
#include <charconv>
#include <cstdint>
#include <cstring>

#include "base/digest.h"
#include "base/time.h"
#include "local/api/builtin_types.h"
#include "local/api/schema.h"

namespace clops::local {
namespace {

constexpr std::string_view kMagic("k8s\0", 4);
constexpr int kDepthMax = 32;

std::unexpected<Error> malformed(const std::string& what) {
  return fail(Code::InvalidArgument, "protobuf: " + what);
}

// One field as it stands in a message: a number, or bytes.
struct Field {
  uint64_t number = 0, value = 0;
  std::string_view bytes;
  bool is_bytes = false;
};

class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}
  [[nodiscard]] bool done() const { return rest_.empty(); }
  Result<Field> next() {
    CLOPS_ASSIGN(const uint64_t tag, varint());
    Field out{.number = tag >> 3};
    switch (tag & 7) {
      case 0: {
        CLOPS_ASSIGN(out.value, varint());
        return out;
      }
      case 1:
        return fixed(out, 8);
      case 5:
        return fixed(out, 4);
      case 2: {
        CLOPS_ASSIGN(const uint64_t size, varint());
        if (size > rest_.size()) return malformed("a field is cut short");
        out.bytes = rest_.substr(0, size);
        out.is_bytes = true;
        rest_.remove_prefix(size);
        return out;
      }
      default:
        return malformed("an unknown wire type");
    }
  }

 private:
  Result<uint64_t> varint() {
    uint64_t out = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (rest_.empty()) return malformed("a number is cut short");
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      out |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return out;
    }
    return malformed("a number is too long");
  }
  Result<Field> fixed(Field out, size_t size) {
    if (rest_.size() < size) return malformed("a number is cut short");
    for (size_t i = size; i-- > 0;) out.value = out.value << 8 | static_cast<unsigned char>(rest_[i]);
    rest_.remove_prefix(size);
    return out;
  }
  std::string_view rest_;
};

Status read_message(const Json& schema, std::string_view bytes, const std::string& group, Json& into, int depth);

Result<Json> read_time(std::string_view bytes) {
  int64_t seconds = 0, nanos = 0;
  for (Reader reader(bytes); !reader.done();) {
    CLOPS_ASSIGN(const Field field, reader.next());
    if (field.number == 1) seconds = static_cast<int64_t>(field.value);
    if (field.number == 2) nanos = static_cast<int64_t>(field.value);
  }
  constexpr int64_t kMost = 253'402'300'799;  // the year 9999
  if (seconds < -kMost || seconds > kMost || nanos < 0 || nanos > 999'999'999) return malformed("no time");
  return Json(to_rfc3339(WallTime{} + std::chrono::seconds(seconds) +
                         std::chrono::duration_cast<WallTime::duration>(std::chrono::nanoseconds(nanos))));
}

// A quantity is its text; a number-or-text says which of the two it is.
Result<Json> read_choice(std::string_view bytes, bool quantity) {
  bool text = quantity;
  Json number = 0, string = "";
  for (Reader reader(bytes); !reader.done();) {
    CLOPS_ASSIGN(const Field field, reader.next());
    if (quantity && field.number == 1) string = std::string(field.bytes);
    if (!quantity && field.number == 1) text = field.value == 1;
    if (!quantity && field.number == 2) number = static_cast<int32_t>(field.value);
    if (!quantity && field.number == 3) string = std::string(field.bytes);
  }
  return text ? string : number;
}

Result<Json> read_value(const Json& schema, const Field& field, int depth) {
  const std::string type = string_at(schema, {"type"}), format = string_at(schema, {"format"});
  if (type == "boolean") return Json(field.value != 0);
  if (type == "integer") {
    const auto value = static_cast<int64_t>(field.value);
    return format == "int32" ? Json(static_cast<int32_t>(value)) : Json(value);
  }
  if (type == "number") return Json(std::bit_cast<double>(field.value));
  if (!field.is_bytes) return malformed("a number where there is none");
  if (format == "date-time") return read_time(field.bytes);
  if (bool_at(schema, {"x-kubernetes-int-or-string"})) return read_choice(field.bytes, format == "quantity");
  if (format == "byte") return Json(base64_encode(field.bytes));
  if (type == "string") return Json(std::string(field.bytes));
  Json out = Json::object();
  if (schema.contains("properties")) {
    CLOPS_TRY(read_message(schema, field.bytes, "", out, depth + 1));
    return out;
  }
  for (Reader reader(field.bytes); !reader.done();) {  // anything: its JSON is the first field
    CLOPS_ASSIGN(const Field inner, reader.next());
    if (inner.number != 1 || !inner.is_bytes) continue;
    CLOPS_ASSIGN(out, parse_json(inner.bytes));
  }
  return out;
}

Status read_entry(const Json& schema, std::string_view bytes, Json& into, int depth) {
  std::string key;
  Json value = string_at(schema, {"type"}) == "string" ? Json("") : Json();
  for (Reader reader(bytes); !reader.done();) {
    CLOPS_ASSIGN(const Field field, reader.next());
    if (field.number == 1) key = std::string(field.bytes);
    if (field.number != 2) continue;
    CLOPS_ASSIGN(value, read_value(schema, field, depth));
  }
  into[key] = std::move(value);
  return {};
}

Status read_field(const Json& schema, const Field& field, Json& into, int depth) {
  const std::string type = string_at(schema, {"type"});
  if (type == "array") {
    CLOPS_ASSIGN(Json item, read_value(item_schema(schema), field, depth));
    into.push_back(std::move(item));
    return {};
  }
  if (const auto values = schema.find("additionalProperties"); type == "object" && values != schema.end()) {
    if (!field.is_bytes) return malformed("a number where a map's entry should be");
    if (!into.is_object()) into = Json::object();
    return read_entry(resolve(*values), field.bytes, into, depth);
  }
  CLOPS_ASSIGN(into, read_value(schema, field, depth));
  return {};
}

// Fields of types that upstream embeds lie in a message of their own: "2.19" is field 19 of the embedded field 2.
Status read_message(const Json& schema, std::string_view bytes, const std::string& group, Json& into, int depth) {
  if (depth > kDepthMax) return malformed("nested too deeply");
  for (Reader reader(bytes); !reader.done();) {
    CLOPS_ASSIGN(const Field field, reader.next());
    const std::string number = group + std::to_string(field.number);
    bool embedded = false;
    for (const auto& [name, raw] : schema["properties"].items()) {
      const std::string mark = string_at(raw, {kNumberMark});
      if (mark == number) {
        CLOPS_TRY(read_field(resolve(raw), field, into[name], depth));
        break;
      }
      embedded = embedded || mark.starts_with(number + ".");
    }
    if (embedded && field.is_bytes) CLOPS_TRY(read_message(schema, field.bytes, number + ".", into, depth + 1));
  }
  return {};
}

}  // namespace

Result<Json> parse_protobuf(const Json& schema, std::string_view body) {
  if (!body.starts_with(kMagic)) return malformed("it does not begin as Kubernetes' does");
  std::string_view raw, type;
  for (Reader reader(body.substr(kMagic.size())); !reader.done();) {
    CLOPS_ASSIGN(const Field field, reader.next());
    if (field.number == 1) type = field.bytes;
    if (field.number == 2) raw = field.bytes;
  }
  Json out = Json::object();
  for (Reader reader(type); !reader.done();) {
    CLOPS_ASSIGN(const Field field, reader.next());
    if (field.number == 1) out["apiVersion"] = std::string(field.bytes);
    if (field.number == 2) out["kind"] = std::string(field.bytes);
  }
  if (!schema.contains("properties")) return malformed("nothing is known of this kind's fields");
  CLOPS_TRY(read_message(schema, raw, "", out, 0));
  return out;
}

}  // namespace clops::local
