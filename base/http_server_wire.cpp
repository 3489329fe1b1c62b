#include "base/http_server_wire.h"

#include <strings.h>

#include <algorithm>
#include <cstdio>

namespace clops::beast {
namespace {

bool same(const std::string& name, const char* other) {
  return strcasecmp(name.c_str(), other) == 0;
}

}  // namespace

std::string response_head(int status, std::string_view reason, const Headers& headers, std::string_view type,
                          Framing& framing) {
  std::string out = "HTTP/1.1 ";
  out.append(std::to_string(status)).append(" ").append(reason).append("\r\n");
  framing.bodiless = status < 200 || status == 204 || status == 304;
  if (!framing.bodiless && !headers.get("Content-Type")) out.append("Content-Type: ").append(type).append("\r\n");
  for (const auto& [name, value] : headers.items) {
    if (same(name, "Content-Length") || same(name, "Transfer-Encoding")) continue;
    if (same(name, "Connection")) {
      if (same(value, "close")) framing.keep = false;
      continue;
    }
    const size_t at = out.size();
    out.append(name).append(": ").append(value);
    std::replace_if(
        out.begin() + static_cast<std::ptrdiff_t>(at), out.end(), [](char c) { return c == '\r' || c == '\n'; },
        ' ');  // else a value from outside could bring headers of its own
    out.append("\r\n");
  }
  if (!framing.bodiless && framing.length) {
    out.append("Content-Length: ").append(std::to_string(*framing.length)).append("\r\n");
  } else if (!framing.bodiless && !framing.old) {
    out.append("Transfer-Encoding: chunked\r\n");
  } else if (!framing.bodiless) {
    framing.keep = false;  // such a body ends with its connection
  }
  if (!framing.keep) out.append("Connection: close\r\n");
  if (framing.keep && framing.old) out.append("Connection: keep-alive\r\n");
  return out.append("\r\n");
}

bool Outbox::write(std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  if (closed_ || !connection_.open()) return false;
  if (bytes.empty()) return true;
  if (waiting_ + bytes.size() > bytes_max_) {  // too slow to follow
    closed_ = cut_ = true;
    (void)connection_.wake();  // even where it was told to come: it may be in a write that never ends
    return false;
  }
  const size_t before = pending_.size();
  if (chunked_) {
    char length[24];
    pending_.append(length, static_cast<size_t>(snprintf(length, sizeof length, "%zx\r\n", bytes.size())));
  }
  pending_.append(bytes);
  if (chunked_) pending_.append("\r\n");
  waiting_ += pending_.size() - before;
  notify();
  return true;
}

void Outbox::close() {
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  closed_ = true;
  if (chunked_) pending_.append("0\r\n\r\n");
  notify();
}

Outbox::Taken Outbox::take(std::string& into) {
  const std::lock_guard lock(mutex_);
  notified_ = false;
  into.swap(pending_);
  if (!into.empty()) return Taken::Bytes;
  return closed_ ? Taken::End : Taken::Nothing;
}

void Outbox::sent(size_t bytes) {
  const std::lock_guard lock(mutex_);
  waiting_ -= std::min(bytes, waiting_);
}

bool Outbox::cut() {
  const std::lock_guard lock(mutex_);
  return cut_;
}

void Outbox::kill() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  pending_ = {};
}

// Once for all that comes before the next take(). Under the lock.
void Outbox::notify() {
  if (!notified_) notified_ = connection_.wake();
}

}  // namespace clops::beast
