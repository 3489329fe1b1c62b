// What a span and a line of the access log say of one call: of a fixed size, so that a serving thread hands it on
// without memory of its own. Thread rule: values. Texts that are too long are cut.
#pragma once

#include <algorithm>

#include "base/time.h"
#include "serving/telemetry/trace_context.h"

namespace clops::serving {

template <size_t N>
class FixedText {
 public:
  void assign(std::string_view text) {
    size_ = static_cast<uint16_t>(std::min(text.size(), N));
    std::copy_n(text.data(), size_, bytes_);
  }
  [[nodiscard]] std::string_view view() const { return {bytes_, size_}; }

 private:
  uint16_t size_ = 0;
  char bytes_[N];
};

struct CallRecord {
  bool span = false, line = false;  // what it is for
  bool traced = false;              // `trace` is one
  bool has_parent = false;
  TraceId trace;
  SpanId id, parent;
  TimePoint begin{}, decoded{}, computed{}, end{};  // decoded, computed: 0 where it was not reached or not timed
  int status = 200;
  uint64_t rows = 0, body_bytes = 0, answer_bytes = 0;
  std::string_view wire;  // static text
  FixedText<64> model, caller;
  FixedText<24> version;
  FixedText<40> variant;
  FixedText<112> prediction;
  FixedText<200> error;
  FixedText<256> state;

  [[nodiscard]] size_t spans() const { return 1u + 2u * (computed != TimePoint{} ? 1 : 0) + (decoded != TimePoint{}); }
};

}  // namespace clops::serving
