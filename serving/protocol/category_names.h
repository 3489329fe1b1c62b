// What texts stand for in columns of numbers: the codes of the categories that a model trained on pandas knows by name.
//
// Numbers in such a column are codes as they are, and no business of this. Thread rule: immutable once made; shared by
// an engine and those around it. find() takes O(log n) of a column's names and does not allocate. Errors: none; a name
// that is not known is missing or refused, as the model's framework has it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/unknown_category.h"

namespace clops::serving {

class CategoryNames {
 public:
  static constexpr size_t kNone = SIZE_MAX;

  // `names`: per column, by code; empty for one without. One that has a name twice counts as one without: nobody can
  // tell which is meant. `columns`: what they are called, or nothing where they have no names. Null where no column has
  // names.
  [[nodiscard]] static std::shared_ptr<const CategoryNames> make(std::span<const std::vector<std::string>> names,
                                                                 std::span<const std::string> columns,
                                                                 formats::UnknownCategory unknown);
  // The same of other columns: `from` says which of these each is, or kNone.
  [[nodiscard]] std::shared_ptr<const CategoryNames> picked(std::span<const size_t> from,
                                                            std::span<const std::string> columns) const;

  [[nodiscard]] size_t columns() const { return columns_.size(); }  // with names and without
  [[nodiscard]] bool has(size_t column) const { return columns_[column] != nullptr; }
  [[nodiscard]] formats::UnknownCategory unknown() const { return unknown_; }
  // These two, of a column that has names. code(): NaN for a name that is not known and so missing; nothing: refused.
  [[nodiscard]] std::optional<uint32_t> find(size_t column, std::string_view name) const;
  [[nodiscard]] std::optional<double> code(size_t column, std::string_view name) const;
  // Why code() refuses it, and what it knows, shortened.
  [[nodiscard]] std::string refusal(size_t column, std::string_view name) const;

  // [{"column":"colour","count":3,"names":["red","green","blue"]},...]: of many only the first, of many columns some
  // without names, {"more_columns":N} for those left out: at most some KiB, for metadata.
  [[nodiscard]] const std::string& told() const { return told_; }
  // Do the same texts stand for the same codes?
  [[nodiscard]] bool same_codes(const CategoryNames& other) const;
  [[nodiscard]] size_t bytes() const;

 private:
  struct Names {
    std::string text;              // one after another, by code
    std::vector<size_t> ends;      // of each, in `text`
    std::vector<uint32_t> sorted;  // codes by name

    [[nodiscard]] std::string_view name(uint32_t code) const {
      const size_t from = code == 0 ? 0 : ends[code - 1];
      return std::string_view(text).substr(from, ends[code] - from);
    }
  };

  CategoryNames(std::vector<std::shared_ptr<const Names>> columns, std::span<const std::string> called,
                formats::UnknownCategory unknown);
  [[nodiscard]] static std::shared_ptr<const Names> index(const std::vector<std::string>& names);
  void tell(std::span<const std::string> called);

  std::vector<std::shared_ptr<const Names>> columns_;  // null: without
  formats::UnknownCategory unknown_;
  std::string told_;
};

// Is every text read alike, also one that is not known? Null: where there are no names.
[[nodiscard]] bool decode_alike(const std::shared_ptr<const CategoryNames>& a,
                                const std::shared_ptr<const CategoryNames>& b);

}  // namespace clops::serving
