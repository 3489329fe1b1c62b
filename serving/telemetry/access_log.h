// The access log: a JSON object a line, for calls that were sampled, at most so many a second.
//
// Thread rule: belongs to the telemetry thread; counters may be read from any. Ownership: an opened file is closed at
// the end, standard output is not. Errors: open_access_log() Unavailable; a line that cannot be written within
// `write_most` (a pipe nobody reads, a full disk) is dropped and counted.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>

#include "base/result.h"
#include "serving/telemetry/call_record.h"
#include "serving/telemetry/telemetry_options.h"

namespace clops::serving {

// Without the newline.
void append_access_line(std::string& out, const CallRecord& call, Duration wall_offset);

struct AccessLogCounts {
  std::atomic<uint64_t> written{0}, over_rate{0}, not_written{0};
};

class AccessLog {
 public:
  AccessLog(int descriptor, bool owned, AccessLogOptions options)
      : descriptor_(descriptor), owned_(owned), options_(std::move(options)) {}
  ~AccessLog();
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;

  void add(const CallRecord& call, TimePoint now, Duration wall_offset);
  void flush();  // what add() has gathered
  [[nodiscard]] const AccessLogCounts& counts() const { return counts_; }

 private:
  [[nodiscard]] bool write_out();
  int descriptor_;
  bool owned_;
  AccessLogOptions options_;
  AccessLogCounts counts_;
  std::string pending_;
  uint64_t pending_lines_ = 0;
  bool stuck_ = false;
  double allowance_ = 0;
  TimePoint counted_at_{};
};
[[nodiscard]] Result<std::unique_ptr<AccessLog>> open_access_log(AccessLogOptions options);

}  // namespace clops::serving
