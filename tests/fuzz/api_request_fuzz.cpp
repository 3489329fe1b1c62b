// Whatever a client may send to the embedded API before an object is read: paths, selectors, patches, field sets,
// JSONPath, protobuf, quantities. The first byte chooses; nothing may crash, hang or throw.
#include <cstdint>
#include <string_view>

#include "base/json.h"
#include "local/api/field_set.h"
#include "local/api/patch.h"
#include "local/api/protobuf.h"
#include "local/api/quantity.h"
#include "local/api/request.h"
#include "local/api/resources.h"
#include "local/api/schema.h"
#include "local/api/selector.h"
#include "local/api/table.h"
#include "local/api/typed_value.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace clops;
  using namespace clops::local;
  if (size < 2) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  static const Json target =
      parse_json(R"({"metadata":{"labels":{"a":"b"}},"spec":{"replicas":1,"list":[1,2,{"name":"x"}]}})").value();
  static const auto resources = builtin_resources();
  switch (data[0] % 8) {
    case 0:
      (void)parse_route(text);
      break;
    case 1:
      if (const auto selector = Selector::parse(text, data[0] < 128 ? Selector::Kind::Labels : Selector::Kind::Fields))
        (void)selector->matches(target);
      break;
    case 2:
      (void)json_path(target, text);
      break;
    case 3:
      (void)parse_protobuf(resources[data[0] % resources.size()]->schema, text);
      break;
    case 4:
      // The canonical form is its own.
      if (const auto once = canonical_quantity(text); once && canonical_quantity(*once) != once) __builtin_trap();
      break;
    default: {
      const auto body = parse_json(text);
      if (!body) break;
      const Json& schema = resources[data[0] % resources.size()]->schema;
      (void)merge_patch(target, *body);
      (void)json_patch(target, *body);
      (void)strategic_merge_patch(schema, target, *body);
      Json pruned = *body;
      std::vector<std::string> unknown;
      prune(schema, pruned, "", true, unknown);
      apply_defaults(schema, pruned);
      std::vector<Cause> causes;
      check(schema, pruned, "", causes);
      const FieldSet fields = fields_of(schema, pruned);
      if (field_set_from_json(fields.to_json()).to_json() != fields.to_json()) __builtin_trap();
      (void)field_set_from_json(*body).paths();
      as_typed(schema, pruned, true);
      if (!not_applicable(schema, *body).empty()) break;
      const FieldSet wanted = fields_of(schema, *body);
      const Json merged = merge_applied(schema, pruned, *body);
      (void)compare(schema, pruned, merged);
      (void)without_fields(schema, merged, with_named_fields(schema, wanted));
    }
  }
  return 0;
}
