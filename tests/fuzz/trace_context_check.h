// What must hold of W3C trace context for any bytes. Shared by the fuzzer and the test that replays its seeds.
#pragma once

#include "serving/telemetry/trace_context.h"

namespace clops::serving::fuzz {

// What is taken prints as what was taken, and a state that is kept is a prefix in whole members.
inline bool holds_for_trace_context(std::string_view text) {
  if (const auto parent = parse_traceparent(text)) {
    const std::string again = print_traceparent(*parent);
    if (again.substr(3, 49) != text.substr(3, 49) || parse_traceparent(again) != parent) return false;
  }
  for (const size_t most : {size_t{0}, size_t{7}, size_t{256}}) {
    const std::string_view kept = kept_tracestate(text, most);
    if (kept.size() > most || !text.starts_with(kept)) return false;
    if (!kept.empty() && kept.size() < text.size() && text[kept.size()] != ',') return false;
  }
  return true;
}

}  // namespace clops::serving::fuzz
