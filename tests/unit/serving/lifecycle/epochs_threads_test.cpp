// Readers under a storm of publishes: none ever sees a value that has been freed, and publish() returns only when all
// moved.
#include "serving/lifecycle/epochs.h"

#include <gtest/gtest.h>

#include "tests/support/eventually.h"

namespace clops::serving {
namespace {

struct Value {
  explicit Value(uint64_t n) : number(n), check(~n) {}
  ~Value() { number = check = 0; }
  uint64_t number, check;
};

TEST(Epochs, readers_never_see_what_was_freed) {
  constexpr size_t kReaders = 3;
  constexpr uint64_t kPublishes = 2000;
  Epochs<Value> epochs(kReaders, std::make_unique<const Value>(0));
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0}, started{0};
  std::vector<std::thread> readers;
  for (size_t slot = 0; slot < kReaders; ++slot) {
    readers.emplace_back([&, slot] {
      uint64_t last = 0;
      bool first = true;
      while (!stop.load(std::memory_order_relaxed)) {
        const Value* value = epochs.current(slot);
        if (first) ++started;
        first = false;
        if (value->check != ~value->number || value->number < last) ++wrong;
        last = value->number;
        // A reader that comes and goes must be as safe as one that stays.
        if (slot == 2 && value->number % 7 == 0) epochs.leave(slot);
        std::this_thread::yield();
      }
      epochs.leave(slot);
    });
  }
  ASSERT_TRUE(eventually([&] { return started == static_cast<int>(kReaders); }));
  for (uint64_t i = 1; i <= kPublishes; ++i) {
    epochs.publish(std::make_unique<const Value>(i), [] {});
    ASSERT_EQ(epochs.value().number, i);
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(wrong, 0);
}

TEST(Epochs, publishing_waits_for_a_reader_that_is_in) {
  Epochs<Value> epochs(1, std::make_unique<const Value>(1));
  const Value* held = epochs.current(0);
  std::atomic<bool> done{false};
  std::atomic<bool> woken{false};
  std::thread writer([&] {
    epochs.publish(std::make_unique<const Value>(2), [&] { woken = true; });
    done = true;
  });
  EXPECT_TRUE(eventually([&] { return woken.load(); }));
  EXPECT_FALSE(done);
  EXPECT_EQ(held->check, ~held->number);
  EXPECT_EQ(epochs.current(0)->number, 2u);
  EXPECT_TRUE(eventually([&] { return done.load(); }));
  writer.join();
}

}  // namespace
}  // namespace clops::serving
