#include "serving/telemetry/access_log.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

#include "serving/protocol/json_text.h"

namespace clops::serving {
namespace {

void append_text(std::string& out, std::string_view key, std::string_view value) {
  if (value.empty()) return;
  ((out += ",\"") += key) += "\":";
  append_json_string(out, value);
}
void append_count(std::string& out, std::string_view key, uint64_t value) {
  (((out += ",\"") += key) += "\":") += std::to_string(value);
}

}  // namespace

void append_access_line(std::string& out, const CallRecord& call, Duration wall_offset) {
  const WallTime at{std::chrono::duration_cast<std::chrono::microseconds>(call.begin.time_since_epoch() + wall_offset)};
  ((out += "{\"time\":\"") += to_rfc3339_micro(at)) += '"';
  if (call.traced) {
    out += ",\"trace_id\":\"";
    append_hex(out, call.trace);
    out += '"';
    if (call.span) {
      out += ",\"span_id\":\"";
      append_hex(out, call.id);
      out += '"';
    }
  }
  append_text(out, "wire", call.wire);
  append_text(out, "model", call.model.view());
  append_text(out, "version", call.version.view());
  append_text(out, "variant", call.variant.view());
  append_count(out, "status", static_cast<uint64_t>(call.status));
  append_count(out, "rows", call.rows);
  append_count(out, "request_bytes", call.body_bytes);
  append_count(out, "response_bytes", call.answer_bytes);
  append_count(out, "duration_us", static_cast<uint64_t>((call.end - call.begin).count() / 1'000));
  append_text(out, "caller", call.caller.view());
  append_text(out, "prediction_id", call.prediction.view());
  append_text(out, "error", call.error.view());
  out += '}';
}

AccessLog::~AccessLog() {
  flush();
  if (owned_) ::close(descriptor_);
}

void AccessLog::add(const CallRecord& call, TimePoint now, Duration wall_offset) {
  const auto most = static_cast<double>(options_.lines_per_second);
  const double passed = counted_at_ == TimePoint{} ? 1 : std::chrono::duration<double>(now - counted_at_).count();
  allowance_ = std::min(most, allowance_ + passed * most);
  counted_at_ = now;
  if (allowance_ < 1) {
    counts_.over_rate.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  allowance_ -= 1;
  const size_t begin = pending_.size();
  append_access_line(pending_, call, wall_offset);
  pending_ += '\n';
  // A pipe takes PIPE_BUF bytes whole, so that lines of several writers do not mix, and poll() knows when.
  if (pending_.size() > PIPE_BUF && begin > 0) {
    std::string last = pending_.substr(begin);
    pending_.resize(begin);
    flush();
    pending_ = std::move(last);
  }
  ++pending_lines_;
}

bool AccessLog::write_out() {
  std::string_view rest = pending_;
  while (!rest.empty()) {
    pollfd ready{.fd = descriptor_, .events = POLLOUT, .revents = 0};
    if (::poll(&ready, 1, stuck_ ? 0 : static_cast<int>(options_.write_most.count())) <= 0) return false;
    const ssize_t put = ::write(descriptor_, rest.data(), std::min<size_t>(rest.size(), PIPE_BUF));
    if (put < 0 && errno != EINTR) return false;
    if (put > 0) rest.remove_prefix(static_cast<size_t>(put));
  }
  return true;
}

void AccessLog::flush() {
  if (pending_lines_ == 0) return;
  stuck_ = !write_out();  // waited for once, until it takes something again
  (stuck_ ? counts_.not_written : counts_.written).fetch_add(pending_lines_, std::memory_order_relaxed);
  pending_.clear();
  pending_lines_ = 0;
}

Result<std::unique_ptr<AccessLog>> open_access_log(AccessLogOptions options) {
  int descriptor = STDOUT_FILENO;
  const bool owned = options.file != "-";
  if (owned) {
    descriptor = ::open(options.file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (descriptor < 0) return fail(Code::Unavailable, options.file + ": the access log cannot be opened");
  }
  return std::make_unique<AccessLog>(descriptor, owned, std::move(options));
}

}  // namespace clops::serving
