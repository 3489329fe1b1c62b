// A value that one thread replaces now and then and many read: a reader pays one load until there is a new one.
//
// Thread rule: publish() by one thread at a time; a Reader belongs to one thread. Ownership: shared; a Reader keeps
// what it read until it reads something newer, which it outlives.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

namespace clops::serving {

template <class T>
class Published {
 public:
  void publish(std::shared_ptr<const T> value) {
    const std::lock_guard lock(mutex_);
    value_ = std::move(value);
    version_.fetch_add(1, std::memory_order_release);
  }

  class Reader {
   public:
    explicit Reader(const Published& from) : from_(&from) {}
    [[nodiscard]] const T* current() {  // null: nothing was published yet. Good until the next call
      if (from_->version_.load(std::memory_order_acquire) != version_) {
        const std::lock_guard lock(from_->mutex_);
        value_ = from_->value_;
        version_ = from_->version_.load(std::memory_order_relaxed);
      }
      return value_.get();
    }
    [[nodiscard]] uint64_t version() const { return version_; }  // of what current() gave

   private:
    const Published* from_;
    std::shared_ptr<const T> value_;
    uint64_t version_ = 0;
  };

 private:
  friend class Reader;
  mutable std::mutex mutex_;
  std::shared_ptr<const T> value_;
  std::atomic<uint64_t> version_{0};
};

}  // namespace clops::serving
