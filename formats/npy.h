// NumPy's .npy arrays, also those of records: numbers by index and field, whatever their width.
//
// Thread rule: const after parse(). Ownership: keeps the bytes. Errors: InvalidArgument (damaged), Unsupported (big
// endian, objects).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace clops::formats {

class NpyArray {
 public:
  [[nodiscard]] static Result<NpyArray> parse(std::string bytes);

  [[nodiscard]] const std::vector<size_t>& shape() const { return shape_; }
  [[nodiscard]] size_t count() const { return count_; }  // elements
  // Index of an element of an array of two dimensions, whichever lies first in memory.
  [[nodiscard]] size_t index(size_t row, size_t column) const {
    return fortran_ ? column * shape_[0] + row : row * shape_[1] + column;
  }
  [[nodiscard]] bool is_text() const { return fields_.size() == 1 && fields_[0].kind == 'U'; }
  // Index of a record's field; of an array of plain numbers the one field is "". -1: none.
  [[nodiscard]] int field(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> field_names() const;  // without padding

  // `index` < count(), `field` as field() gave it. A boolean is 0 or 1.
  [[nodiscard]] double real(size_t index, int field = 0) const;
  [[nodiscard]] int64_t integer(size_t index, int field = 0) const;  // a real one is cut
  [[nodiscard]] std::string text(size_t index) const;                // UTF-8

 private:
  struct Field {
    std::string name;
    char kind = 0;  // as NumPy's: f i u b U V
    size_t bytes = 0, at = 0;
  };
  [[nodiscard]] Status read_header(std::string_view header);
  [[nodiscard]] Status add_field(std::string name, std::string_view code);
  [[nodiscard]] uint64_t bits(size_t index, const Field& field) const;

  std::string bytes_;
  size_t data_ = 0, item_ = 0, count_ = 1;
  bool fortran_ = false;
  std::vector<Field> fields_;
  std::vector<size_t> shape_;
};

}  // namespace clops::formats
