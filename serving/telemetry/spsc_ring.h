// A bounded ring between one thread that writes and one that reads: no lock, no allocation; full means dropped.
//
// Thread rule: claim() and publish() are the writer's, front() and pop() the reader's; dropped() anybody's. Ownership:
// slots are kept and used again, so a T that owns memory gives it back when the writer says so, or at the end.
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>

namespace clops::serving {

template <class T>
class SpscRing {
 public:
  explicit SpscRing(size_t capacity) : mask_(std::bit_ceil(capacity) - 1), slots_(new T[mask_ + 1]) {}

  // The next slot to fill, or nullptr: full, which is counted.
  [[nodiscard]] T* claim() {
    const uint64_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - seen_head_ > mask_) {
      seen_head_ = head_.load(std::memory_order_acquire);
      if (tail - seen_head_ > mask_) {
        dropped_.store(dropped_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        return nullptr;
      }
    }
    return &slots_[tail & mask_];
  }
  void publish() { tail_.store(tail_.load(std::memory_order_relaxed) + 1, std::memory_order_release); }

  [[nodiscard]] T* front() {
    const uint64_t head = head_.load(std::memory_order_relaxed);
    return head == tail_.load(std::memory_order_acquire) ? nullptr : &slots_[head & mask_];
  }
  void pop() { head_.store(head_.load(std::memory_order_relaxed) + 1, std::memory_order_release); }

  [[nodiscard]] uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }
  [[nodiscard]] size_t capacity() const { return mask_ + 1; }

 private:
  const uint64_t mask_;
  const std::unique_ptr<T[]> slots_;
  alignas(64) std::atomic<uint64_t> tail_{0};
  uint64_t seen_head_ = 0;  // the writer's
  std::atomic<uint64_t> dropped_{0};
  alignas(64) std::atomic<uint64_t> head_{0};
};

}  // namespace clops::serving
