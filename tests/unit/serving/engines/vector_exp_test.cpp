#include "serving/engines/vector_exp.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <vector>

#include "serving/engines/forest_kernels.h"
#include "serving/engines/transform.h"

namespace clops::serving::forest {
namespace {

float own_exp(float x) {
  return std::exp(x);
}

// Every set of instructions that has one, on this processor.
std::vector<const Kernels*> sets() {
  std::vector<const Kernels*> some;
  for (const Kernels* kernels : {&portable_kernels(), avx2_kernels(), avx512_kernels()})
    if (kernels != nullptr && kernels->exp != nullptr) some.push_back(kernels);
  return some;
}

// Whether this process's C library is one whose algorithm it is: then the kernels must be in use.
bool library_has_it() {
#ifdef __GLIBC__
  return __GLIBC__ == 2 && __GLIBC_MINOR__ >= 28 && __GLIBC_MINOR__ <= 40;
#else
  return false;
#endif
}

uint32_t bits_of(float x) {
  return std::bit_cast<uint32_t>(x);
}

TEST(VectorExp, IsUsedWhereTheLibraryHasItsAlgorithm) {
  EXPECT_EQ(sets().empty(), avx512_kernels() == nullptr);
  for (const Kernels* kernels : sets()) EXPECT_EQ(if_exact(kernels->exp) != nullptr, library_has_it()) << kernels->name;
}

TEST(VectorExp, TableHoldsPowersOfTwo) {
  const ExpTable& table = exp_table();
  for (uint64_t i = 0; i < 32; ++i) {
    const auto power = std::bit_cast<double>(table.powers[i] + (i << 47));
    EXPECT_NEAR(power, std::exp2(static_cast<double>(i) / 32), 2.3e-16) << i;
  }
}

// All float32 numbers, each so many: 2^32 / 251 is 17 million. CLOPS_EVERY_FLOAT=1 asks all (a minute).
TEST(VectorExp, GivesTheLibrarysBits) {
  const bool every = std::getenv("CLOPS_EVERY_FLOAT") != nullptr;
  const uint64_t step = every ? 1 : 251;
  for (const Kernels* kernels : sets()) {
    if (if_exact(kernels->exp) == nullptr) continue;  // a C library with another algorithm: then it is not used
    std::vector<float> x, powers, sigmoids;
    uint64_t wrong = 0;
    const auto flush = [&] {
      powers = sigmoids = x;
      kernels->exp(exp_table(), powers.data(), static_cast<uint32_t>(powers.size()));
      kernels->sigmoid(exp_table(), sigmoids.data(), static_cast<uint32_t>(sigmoids.size()));
      for (size_t i = 0; i < x.size(); ++i) {
        const float power = sigmoid_power(x[i], 1), sigmoid_of = sigmoid(x[i], 1);
        const bool same = std::isnan(x[i])
                              ? std::isnan(powers[i]) && std::isnan(sigmoids[i])
                              : bits_of(power) == bits_of(powers[i]) && bits_of(sigmoid_of) == bits_of(sigmoids[i]);
        if (!same && ++wrong < 5)
          ADD_FAILURE() << kernels->name << ": of " << x[i] << " " << powers[i] << ", expected " << power;
      }
      x.clear();
    };
    for (uint64_t bits = 0; bits <= UINT32_MAX; bits += step) {
      x.push_back(std::bit_cast<float>(static_cast<uint32_t>(bits)));
      if (x.size() == 4096) flush();
    }
    flush();
    EXPECT_EQ(wrong, 0U) << kernels->name;
  }
}

TEST(VectorExp, TakesAnyCountAndLeavesWhatIsBehind) {
  for (const Kernels* kernels : sets())
    for (uint32_t count = 0; count <= 40 && if_exact(kernels->exp) != nullptr; ++count) {
      std::vector<float> x(64);
      for (size_t i = 0; i < x.size(); ++i) x[i] = 0.25F * static_cast<float>(i) - 5;
      const std::vector<float> before = x;
      kernels->sigmoid(exp_table(), x.data(), count);
      for (uint32_t i = 0; i < x.size(); ++i)
        EXPECT_EQ(x[i], i < count ? sigmoid(before[i], 1) : before[i]) << kernels->name << " " << count << " " << i;
    }
}

// The GNU C library from 2.41 on rounds correctly: about one number of a thousand differs by its last bit.
TEST(VectorExp, IsNotUsedBesideAnotherLibrary) {
  const auto rounded = [](float x) { return static_cast<float>(std::exp(static_cast<double>(x))); };
  uint32_t differ = 0, asked = 0;
  for (float x = -80; x < 80; x += 0.01F, ++asked)
    if (bits_of(rounded(x)) != bits_of(own_exp(x))) ++differ;
  for (const Kernels* kernels : sets()) {
    if (if_exact(kernels->exp) == nullptr) continue;
    EXPECT_GT(differ, 0U);
    EXPECT_LT(differ, asked / 200);
    EXPECT_TRUE(agrees(kernels->exp, own_exp));
    EXPECT_FALSE(agrees(kernels->exp, rounded));
  }
  EXPECT_EQ(if_exact(nullptr), nullptr);
}

}  // namespace
}  // namespace clops::serving::forest
