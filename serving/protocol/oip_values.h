// The values of one tensor between JSON text and memory: a client's numbers to the model's datatype, an answer's to the
// fewest digits that read back as the same number. Inner to the OIP JSON codec.
//
// A client says what its numbers are; the model says what it takes. Numbers of any kind are turned into a model's
// floats as numpy's astype would (text to double or integer, FP32 rounded to float32 first, then to the model's),
// `null` is NaN, what is beyond a float's range is infinity. A model's integers take integers that fit, its booleans
// booleans, its BYTES strings. `names`, if not null, are those of a model's categories (TensorSpec::categories): a text
// in a column that has some is the code it stands for. Thread rule: pure functions. Errors: InvalidArgument that names
// row and column.
#pragma once

#include <span>
#include <string>

#include "base/result.h"
#include "serving/protocol/category_names.h"
#include "serving/protocol/json_cursor.h"
#include "serving/protocol/tensor.h"

namespace clops::serving {

// Can values that a client calls `given` be read for a model that takes `wanted`? InvalidArgument says what it takes.
// FP16 and BF16 have a binary form only; names of categories may be called BYTES in JSON.
[[nodiscard]] Status check_datatype(Datatype given, Datatype wanted);
[[nodiscard]] Status check_json_datatype(Datatype given, Datatype wanted, bool has_names = false);

// `json` stands at the data's '['. Flat, or nested as the tensor's shape says. `out` has been reset to datatype and
// shape; its strings view the JSON text where they can.
[[nodiscard]] Status read_values(JsonCursor& json, Datatype given, TensorBuffer& out,
                                 const CategoryNames* names = nullptr);

// The same where nobody says what a client's numbers are: a model's floats take numbers, true and false, null, and what
// JsonCursor::word() reads; all else is as if the client had named the model's datatype.
[[nodiscard]] Status read_untyped_values(JsonCursor& json, TensorBuffer& out, const CategoryNames* names = nullptr);
// One row of it, which may be a scalar where the tensor has one dimension.
[[nodiscard]] Status read_untyped_row(JsonCursor& json, size_t row, TensorBuffer& out,
                                      const CategoryNames* names = nullptr);
// One element; json says what was wrong, until `out` is used again.
void read_untyped_cell(JsonCursor& json, size_t element, TensorBuffer& out, const CategoryNames* names = nullptr);
// One number, or truth value, that is text by itself. False: it is not, or not one that the datatype takes.
[[nodiscard]] bool read_cell_text(std::string_view text, size_t element, TensorBuffer& out);

void append_nested(std::string& out, const TensorView& tensor);  // "[[1,2],[3,null]]", as its shape says
void append_nested_row(std::string& out, const TensorView& tensor, size_t row);
void append_values(std::string& out, const TensorView& tensor);  // "1,2.5": NaN and infinities are null

}  // namespace clops::serving
