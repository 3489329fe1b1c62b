#include "serving/monitoring/process_age.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/file.h"

namespace clops::serving {

Duration process_age() {
  constexpr size_t kBytesMax = 4'096;
  constexpr int kFieldsBefore = 19;  // from the state, the first after the name's bracket, to the start
  const auto stat = read_file("/proc/self/stat", kBytesMax), uptime = read_file("/proc/uptime", kBytesMax);
  const size_t name_end = stat ? stat->rfind(')') : std::string::npos;
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  if (name_end == std::string::npos || !uptime || ticks <= 0) return {};
  size_t at = name_end + 2;
  for (int i = 0; i < kFieldsBefore && at != std::string::npos; ++i) at = stat->find(' ', at + 1);
  if (at == std::string::npos) return {};
  const double age = std::strtod(uptime->c_str(), nullptr) - std::strtod(stat->c_str() + at, nullptr) / ticks;
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(std::max(age, 0.0)));
}

}  // namespace clops::serving
