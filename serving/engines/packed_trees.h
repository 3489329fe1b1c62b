// The trees of an ensemble in about ten bytes a node, for what may be needed later and mostly is not: contributions.
// Thread rule: a value. unpack() gives back what pack() was given but for names and notes; trees with linear leaves,
// which are not explained, are not taken.
#pragma once

#include <cstdint>
#include <vector>

#include "formats/ensemble.h"

namespace clops::serving {

class PackedTrees {
 public:
  PackedTrees() = default;
  explicit PackedTrees(const formats::Ensemble& model);
  [[nodiscard]] formats::Ensemble unpack() const;
  [[nodiscard]] size_t bytes() const { return bytes_.size(); }

 private:
  formats::Ensemble head_;  // without trees
  uint32_t trees_ = 0;
  std::vector<uint8_t> bytes_;
};

}  // namespace clops::serving
