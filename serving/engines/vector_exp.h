// e^x of many float32 numbers at once, with the bits that the C library's expf() gives one at a time.
//
// The algorithm is that of Arm's Optimized Routines (exp2f_data.c and expf.c; MIT or Apache 2.0), which the GNU C
// library has had from 2.28 to 2.40: x * 32 / ln 2 is parted into an integer k and a rest r; 2^(r / 32) is a polynomial
// of degree 3 in double, 2^(k / 32) comes from a table of 32, and their product is rounded to float32 once. Other C
// libraries (newer GNU ones round correctly) differ in about one number of a thousand: so a kernel is only used where
// it is seen to agree. Thread rule: pure functions; the table is made once.
#pragma once

#include <cstdint>

namespace clops::serving::forest {

struct ExpTable {
  uint64_t powers[32] = {};  // the bits of 2^(i / 32) in double, less i << 47: adding k << 47 gives those of 2^(k / 32)
};
[[nodiscard]] const ExpTable& exp_table();

inline constexpr double kExpPerLn2 = 0x1.71547652b82fep+0 * 32;  // 32 / ln 2
inline constexpr double kExpCubic = 0x1.c6af84b912394p-5 / 32 / 32 / 32;
inline constexpr double kExpSquare = 0x1.ebfce50fac4f3p-3 / 32 / 32;
inline constexpr double kExpLinear = 0x1.62e42ff0c52d6p-1 / 32;
inline constexpr float kExpMost = 88.7F, kExpLeast = -104.0F;  // e^kExpLeast is 0

// x[i] becomes e^-x[i], of what is below -kExpMost e^kExpMost; of sigmoids: 1 / (1 + that).
using VectorExp = void (*)(const ExpTable& table, float* x, uint32_t count);

// Whether the kernel gives own(min(-x, kExpMost)) bit for bit: on 47,000 numbers, in less than a millisecond.
[[nodiscard]] bool agrees(VectorExp kernel, float (*own)(float));

// The kernel if it agrees with this process's expf(), else null. Asked once, then remembered.
[[nodiscard]] VectorExp if_exact(VectorExp kernel);

}  // namespace clops::serving::forest
