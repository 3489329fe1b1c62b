#include "serving/engines/row_pool.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace clops::serving {
namespace {

struct Job {
  const RowPool::Work& work;
  size_t rows, chunk;
  std::atomic<size_t> next{0};

  void do_chunks(size_t worker) {
    for (;;) {
      const size_t first = next.fetch_add(chunk, std::memory_order_relaxed);
      if (first >= rows) return;
      work(worker, first, std::min(chunk, rows - first));
    }
  }
};

}  // namespace

struct RowPool::Impl {
  void help(size_t worker) {
    std::unique_lock lock(mutex);
    for (uint64_t seen = 0;;) {
      changed.wait(lock, [&] { return stopping || (job != nullptr && number != seen); });
      if (stopping) return;
      seen = number;
      Job& mine = *job;
      ++at_work;
      lock.unlock();
      mine.do_chunks(worker);
      lock.lock();
      if (--at_work == 0) finished.notify_one();
    }
  }

  std::mutex one_job;  // held by whose job it is
  std::mutex mutex;    // guards the rest
  std::condition_variable changed, finished;
  Job* job = nullptr;
  uint64_t number = 0;  // of jobs so far
  size_t at_work = 0;
  bool stopping = false;
  std::vector<std::thread> helpers;
};

RowPool::RowPool(size_t helpers) : impl_(std::make_unique<Impl>()) {
  for (size_t i = 0; i < helpers; ++i) impl_->helpers.emplace_back([impl = impl_.get(), i] { impl->help(i + 1); });
}

RowPool::~RowPool() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->changed.notify_all();
  for (std::thread& helper : impl_->helpers) helper.join();
}

bool RowPool::run(size_t rows, size_t chunk, const Work& work) {
  const std::unique_lock own(impl_->one_job, std::try_to_lock);
  if (!own) return false;
  Job job{.work = work, .rows = rows, .chunk = std::max<size_t>(chunk, 1)};
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->job = &job;
    ++impl_->number;
  }
  impl_->changed.notify_all();
  job.do_chunks(0);
  std::unique_lock lock(impl_->mutex);
  impl_->job = nullptr;  // who wakes only now has nothing to do any more
  impl_->finished.wait(lock, [this] { return impl_->at_work == 0; });
  return true;
}

size_t RowPool::jobs() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->number;
}

size_t RowPool::workers() const {
  return impl_->helpers.size() + 1;
}

}  // namespace clops::serving
