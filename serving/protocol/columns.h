// A model's inputs as the named columns of a table: the features of its one input, or its inputs themselves where each
// takes one value a row. For the dialects that send rows by name, and the rooms that speak of columns.
//
// Thread rule: one per thread, reused. Ownership: views the EngineInfo it was made of. Errors: none: a model that is no
// table has no columns.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "serving/protocol/engine.h"

namespace clops::serving {

class Columns {
 public:
  struct Place {
    uint32_t input = 0, offset = 0;  // which input, and where in its row
  };
  static constexpr size_t kNone = SIZE_MAX;

  void of(const EngineInfo& info);
  [[nodiscard]] size_t size() const { return places_.size(); }
  [[nodiscard]] bool named() const { return !names_.empty(); }
  [[nodiscard]] Place place(size_t column) const { return places_[column]; }
  [[nodiscard]] std::string_view name(size_t column) const { return names_[column]; }  // only if named()
  // By a JSON string's raw text, or plain text; tables mostly come in the model's order, so `expected` is tried first.
  [[nodiscard]] size_t find_raw(std::string_view raw, size_t expected);
  [[nodiscard]] size_t find(std::string_view name, size_t expected);
  [[nodiscard]] std::string shown(size_t column) const;  // "\"age\"", or its number, for people

 private:
  std::vector<Place> places_;
  std::vector<std::string_view> names_;
  std::vector<uint32_t> sorted_;  // by name; made when it is first needed
};

}  // namespace clops::serving
