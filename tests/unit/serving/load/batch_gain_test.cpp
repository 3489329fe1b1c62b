// When computing calls together is tried, kept and given up, from what they took.
#include "serving/load/batch_gain.h"

#include <gtest/gtest.h>

#include <chrono>

namespace clops::serving {
namespace {

using namespace std::chrono_literals;

struct Case {
  const char* why;
  Duration alone, batch;  // of eight calls
  bool pays;
};

class BatchGainTest : public testing::TestWithParam<Case> {};

TEST_P(BatchGainTest, decides) {
  BatchGain gain;
  for (int i = 0; i < 8; ++i) gain.alone(GetParam().alone);
  for (int i = 0; i < 8; ++i) gain.batch(GetParam().batch, 8);
  EXPECT_EQ(gain.pays(), GetParam().pays) << GetParam().why;
}

INSTANTIATE_TEST_SUITE_P(Table, BatchGainTest,
                         testing::Values(Case{"a small model is computed at once", 2us, 3us, false},
                                         Case{"just too small to be worth it", 9900ns, 8us, false},
                                         Case{"eight for the price of two", 20us, 40us, true},
                                         Case{"nothing is saved", 100us, 800us, false},
                                         Case{"less is saved than keeping costs", 20us, 144us, false},
                                         Case{"a little is saved of much", 1ms, 7500us, true}));

TEST(BatchGainTest, knows_nothing_at_first_and_then_tries) {
  BatchGain gain;
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(gain.pays());
    gain.alone(1ms);
  }
  EXPECT_FALSE(gain.pays());
  gain.alone(1ms);
  EXPECT_TRUE(gain.pays());  // no batch has been seen yet
}

TEST(BatchGainTest, tries_again_now_and_then_and_changes_its_opinion) {
  BatchGain gain;
  for (int i = 0; i < 8; ++i) gain.alone(100us);
  for (int i = 0; i < 8; ++i) gain.batch(800us, 8);
  int refusals = 0;
  while (!gain.pays()) ASSERT_LT(++refusals, 2000);
  EXPECT_EQ(refusals, 1023);
  for (int i = 0; i < 64; ++i) {
    EXPECT_TRUE(i >= 4 || gain.pays());
    gain.batch(160us, 8);
  }
  EXPECT_TRUE(gain.pays());
  EXPECT_LT(gain.mean_in_batch(), 25us);
}

}  // namespace
}  // namespace clops::serving
