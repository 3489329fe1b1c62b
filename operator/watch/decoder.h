// Bytes from the API, turned into what the cache keeps: frames of a watch, pages of a list. Fields not needed are
// dropped here, before anything is kept.
//
// Thread rule: one decoder per thread at a time. Errors: DataLoss (not JSON, or not the shape), TooLarge.
// The one door to simdjson in operator/ is decoder.cpp.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "operator/cache/cache.h"

namespace clops::op::watch {

inline constexpr size_t kFrameBytesMax = 16u << 20;  // the API's own limit of an object is 3 MiB

// Newline-delimited frames out of chunks that are cut anywhere. Bounded: a frame over the limit is an error.
class LineSplitter {
 public:
  explicit LineSplitter(size_t bytes_max = kFrameBytesMax) : bytes_max_(bytes_max) {}
  // Calls line(std::string_view) for each whole line that is not blank; false: over the limit, the stream is useless.
  template <class Line>
  [[nodiscard]] bool feed(std::string_view chunk, Line&& line) {
    for (;;) {
      const size_t end = chunk.find('\n');
      if (end == std::string_view::npos) break;
      if (rest_.empty()) {
        emit(chunk.substr(0, end), line);
      } else {
        if (rest_.size() + end > bytes_max_) return false;
        rest_.append(chunk.substr(0, end));
        emit(rest_, line);
        rest_.clear();
      }
      chunk.remove_prefix(end + 1);
    }
    if (rest_.size() + chunk.size() > bytes_max_) return false;
    rest_.append(chunk);
    return true;
  }

 private:
  template <class Line>
  void emit(std::string_view text, Line&& line) {
    if (text.find_first_not_of(" \t\r") != std::string_view::npos) line(text);
  }
  const size_t bytes_max_;
  std::string rest_;
};

enum class FrameKind { Added, Modified, Deleted, Bookmark, Error };

struct Frame {
  FrameKind kind = FrameKind::Error;
  ObjectPtr object;              // Added, Modified, Deleted
  std::string resource_version;  // all but Error
  clops::Error error;            // Error
};

struct Page {
  std::vector<ObjectPtr> objects;
  std::string resource_version, continue_token;
};

class Decoder {
 public:
  explicit Decoder(const InformerSpec& spec);
  ~Decoder();
  Decoder(Decoder&&) noexcept;
  [[nodiscard]] Result<Frame> frame(std::string_view line);
  [[nodiscard]] Result<Page> page(std::string_view body);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace clops::op::watch
