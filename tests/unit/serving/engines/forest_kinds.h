// Every combination of instruction set and kernel that tests ask for, and comparing of bits.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "serving/engines/forest_choice.h"
#include "serving/engines/forest_model.h"

namespace clops::test {

// Of the instruction sets this processor has. A kernel that a model cannot have is refused as Unsupported.
inline std::vector<serving::ForestOptions> kinds() {
  using Options = serving::ForestOptions;
  using Single = Options::Single;
  using Batch = Options::Batch;
  std::vector<Options> kinds{{}};
  for (const auto instructions :
       {Options::Instructions::Portable, Options::Instructions::Avx2, Options::Instructions::Avx512}) {
    if (!serving::kernels_for(instructions)) continue;
    kinds.push_back({instructions, Single::Walk, Batch::Masks});
    kinds.push_back({instructions, Single::Walk, Batch::Planes});
    kinds.push_back({instructions, Single::Heap, Batch::Walk});
    kinds.push_back({instructions, Single::Bits, Batch::Walk});
    kinds.push_back({instructions, Single::Direct, Batch::Walk});
    kinds.push_back({instructions, Single::DirectApart, Batch::Walk});
    kinds.push_back({instructions, Single::WalkLarge, Batch::WalkLarge});
  }
  kinds.push_back({Options::Instructions::Portable, Single::Plain, Batch::Plain});
  return kinds;
}

inline std::string name(const serving::ForestOptions& options) {
  static constexpr const char* kSets[] = {"best", "portable", "AVX2", "AVX-512"};
  return std::string(kSets[static_cast<size_t>(options.instructions)]) + ", " +
         std::string(serving::to_string(options.single)) + " and " + std::string(serving::to_string(options.batch));
}

// "" when the bits are the same; a NaN is a NaN, whatever its bits.
template <class Real>
std::string first_difference(std::span<const Real> got, std::span<const Real> wanted) {
  if (got.size() != wanted.size()) return "another number of values";
  for (size_t i = 0; i < got.size(); ++i) {
    if (std::isnan(got[i]) && std::isnan(wanted[i])) continue;
    if (std::signbit(got[i]) == std::signbit(wanted[i]) && got[i] == wanted[i]) continue;
    char text[120];
    std::snprintf(text, sizeof text, "value %zu is %.17g, not %.17g", i, static_cast<double>(got[i]),
                  static_cast<double>(wanted[i]));
    return text;
  }
  return "";
}

}  // namespace clops::test
