// W3C trace context: which trace a call belongs to, as its headers or metadata say.
//
// Thread rule: pure. Errors: none: what is malformed counts as absent, as the specification asks.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "serving/routing/router.h"

namespace clops::serving {

using TraceId = std::array<uint8_t, 16>;
using SpanId = std::array<uint8_t, 8>;

struct TraceParent {
  TraceId trace{};
  SpanId parent{};
  bool sampled = false;
  bool operator==(const TraceParent&) const = default;
};

inline constexpr size_t kTraceParentSize = 55;
[[nodiscard]] std::optional<TraceParent> parse_traceparent(std::string_view text);
// Of the one header `traceparent`; two of them are none.
[[nodiscard]] std::optional<TraceParent> find_traceparent(std::span<const HeaderView> headers);
// What `tracestate` says: as many whole members as fit into `bytes_max`; "" where it is malformed.
[[nodiscard]] std::string_view kept_tracestate(std::string_view text, size_t bytes_max);

void append_hex(std::string& out, std::span<const uint8_t> bytes);
[[nodiscard]] std::string print_traceparent(const TraceParent& parent);

}  // namespace clops::serving
