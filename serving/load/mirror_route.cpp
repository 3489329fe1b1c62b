#include "serving/load/mirror_route.h"

#include <algorithm>

namespace clops::serving {
namespace {

bool is_float(Datatype type) {
  return type == Datatype::Fp32 || type == Datatype::Fp64;
}
bool becomes(Datatype from, Datatype to) {
  return from == to || (is_float(from) && is_float(to));
}

}  // namespace

std::optional<std::vector<int>> inputs_for(const EngineInfo& asked, const EngineInfo& mirror) {
  const bool named = !asked.feature_names.empty() && !mirror.feature_names.empty();
  if (named && asked.feature_names != mirror.feature_names) return std::nullopt;
  const bool alone = asked.required().size() == 1 && mirror.required().size() == 1;
  std::vector<int> out;
  for (const TensorSpec& input : mirror.inputs) {
    if (input.optional) {  // what only some requests bring is for outputs that only some ask for
      out.push_back(-1);
      continue;
    }
    const auto at = alone ? asked.inputs.begin() : std::ranges::find(asked.inputs, input.name, &TensorSpec::name);
    if (at == asked.inputs.end() || at->optional || !becomes(at->datatype, input.datatype)) return std::nullopt;
    if (at->categories != nullptr && input.categories != nullptr && !at->categories->same_codes(*input.categories))
      return std::nullopt;
    out.push_back(static_cast<int>(at - asked.inputs.begin()));
  }
  return out;
}

}  // namespace clops::serving
