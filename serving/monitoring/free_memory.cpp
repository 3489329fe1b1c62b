#include "serving/monitoring/free_memory.h"

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

namespace clops::serving {
namespace {

constexpr std::chrono::seconds kEvery{3};
constexpr size_t kMuch = 4u << 20;

size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  size_t all = 0, resident = 0;
  return file >> all >> resident ? resident * static_cast<size_t>(::sysconf(_SC_PAGESIZE)) : 0;
}

}  // namespace

// What is free says nothing of pages that were given back before: either more is free than then, or more is resident.
bool FreeMemory::look(TimePoint now) {
  if (now < next_look_) return false;
  next_look_ = now + kEvery;
  const size_t free = ::mallinfo2().fordblks;
  free_then_ = std::min(free_then_, free);
  if (free < kMuch) return false;
  if (free < free_then_ + kMuch && resident_bytes() < resident_then_ + kMuch) return false;
  ::malloc_trim(0);
  free_then_ = free;
  resident_then_ = resident_bytes();
  return true;
}

}  // namespace clops::serving
