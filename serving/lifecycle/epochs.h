// One value that many threads read and one thread replaces: readers take the new one between requests and say so; the
// old one is freed when all have. A reader's cost is one load and one compare.
//
// Thread rule: each slot belongs to one reader thread; publish() is called by one thread at a time. A reader that waits
// for events must be woken (`wake`) so that it calls current(); one that ends calls leave(). Ownership: Epochs owns the
// value in force and, while publish() runs, the one before.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace clops::serving {

template <class T>
class Epochs {
 public:
  Epochs(size_t readers, std::unique_ptr<const T> first) : slots_(readers), value_(std::move(first)) {
    current_.store(value_.get(), std::memory_order_release);
  }

  // Reader `slot`: the value in force, good until its next call of current() or leave().
  [[nodiscard]] const T* current(size_t slot) {
    const T* value = current_.load(std::memory_order_acquire);
    std::atomic<const T*>& seen = slots_[slot].seen;
    if (seen.load(std::memory_order_relaxed) != value) {
      // The store below may race with a publish that comes between: re-reading makes what is announced what is used.
      for (;;) {
        seen.store(value, std::memory_order_seq_cst);
        const T* again = current_.load(std::memory_order_seq_cst);
        if (again == value) break;
        value = again;
      }
      seen.notify_all();
    }
    return value;
  }
  void leave(size_t slot) {
    slots_[slot].seen.store(nullptr, std::memory_order_seq_cst);
    slots_[slot].seen.notify_all();
  }

  // Returns when every reader that is in has taken `next`; the old value is destroyed before that.
  void publish(std::unique_ptr<const T> next, const std::function<void()>& wake) {
    current_.store(next.get(), std::memory_order_seq_cst);
    wake();
    for (Slot& slot : slots_) {
      for (;;) {
        const T* seen = slot.seen.load(std::memory_order_seq_cst);
        if (seen == nullptr || seen == next.get()) break;
        slot.seen.wait(seen, std::memory_order_seq_cst);
      }
    }
    value_ = std::move(next);
  }
  // For the publishing thread only.
  [[nodiscard]] const T& value() const { return *value_; }

 private:
  struct alignas(64) Slot {
    std::atomic<const T*> seen{nullptr};
  };
  std::vector<Slot> slots_;
  alignas(64) std::atomic<const T*> current_{nullptr};
  std::unique_ptr<const T> value_;
};

}  // namespace clops::serving
