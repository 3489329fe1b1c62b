// What keeps a user on a side, as text: the same text for the same value, whatever wire and datatype brought it. Whole
// numbers are written without a fraction (7, also of 7.0 and 7e0), others with the fewest digits that read back as the
// same; strings are what they are; true and false.
//
// Thread rule: pure. Errors: InvalidArgument.
#pragma once

#include <string>
#include <string_view>

#include "serving/protocol/json_cursor.h"
#include "serving/protocol/oip_json.h"

namespace clops::serving {

void append_sticky(std::string& out, double value);
void append_sticky(std::string& out, float value);
// One element; false, and nothing: it is missing.
[[nodiscard]] bool append_sticky(std::string& out, const TensorView& tensor, size_t element);

// The value at the cursor, of the parameter called `key`, into `out`'s sticky key.
[[nodiscard]] Status read_sticky(JsonCursor& json, std::string_view key, InferRequest& out);
// Of an object of parameters, whose others are left aside.
[[nodiscard]] Status read_sticky_of(JsonCursor& json, InferRequest& out);

}  // namespace clops::serving
