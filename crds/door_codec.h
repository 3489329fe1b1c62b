// Reads and writes validation (serving_config_door.h) as a part of spec and of serving.json.
//
// Thread rule: pure. Errors: remembered by the Reader, naming the field.
#pragma once

#include "crds/json_reader.h"
#include "crds/serving_config_door.h"

namespace clops::crds {

// From `parent`'s field "validation"; absent: nullopt. `strict`: a field that is not known is an error.
[[nodiscard]] std::optional<Validation> read_validation(const Reader& parent, bool strict);
// Into `parent`, unless there is nothing to say.
void put_validation(Json& parent, const std::optional<Validation>& validation);

}  // namespace clops::crds
