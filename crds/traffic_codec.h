// Reads and writes limits, mirror and batcher (serving_config_traffic.h) as a part of spec and of serving.json.
//
// Thread rule: pure. Errors: remembered by the Reader.
#pragma once

#include "crds/json_reader.h"
#include "crds/serving_config_traffic.h"

namespace clops::crds {

// From `parent`'s field of that name; absent as if empty. `strict`: a field that is not known is an error.
[[nodiscard]] VariantLimits read_limits(const Reader& parent, bool strict);
[[nodiscard]] std::optional<Mirror> read_mirror(const Reader& parent, bool strict);
[[nodiscard]] std::optional<Batcher> read_batcher(const Reader& parent, bool strict);
// Into `parent`, unless there is nothing to say.
void put_limits(Json& parent, const VariantLimits& limits);
void put_mirror(Json& parent, const std::optional<Mirror>& mirror);
void put_batcher(Json& parent, const std::optional<Batcher>& batcher);

}  // namespace clops::crds
