// gRPC over HTTP/2 on a stream of bytes: frames, header compression and flow control are libnghttp2's (its one door),
// calls are CallStreams, answered on the thread that read them.
//
// Bounded: streams at once, header bytes, bytes held of calls under way and of answers not taken, frames that ask for
// nothing (pings, settings, empty data, resets: rapid reset), time from a call's first byte to its last. What is over a
// bound ends the call (RESOURCE_EXHAUSTED, DEADLINE_EXCEEDED) or, for frames, the connection (GOAWAY
// ENHANCE_YOUR_CALM). An old connection or a draining server says GOAWAY, answers what was asked, and closes.
// Thread rule: one protocol and one service per loop thread. Ownership: borrows service and draining.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>

#include "serving/grpc/call_stream.h"
#include "serving/net/stream.h"

namespace clops::serving::grpc {

struct Http2Options {
  CallLimits call;
  uint32_t streams_max = 128;                   // at once, of a connection
  size_t held_bytes_max = 64u << 20;            // of a connection: calls under way, answers not taken
  size_t out_bytes_max = 1u << 20;              // the loop's
  std::chrono::milliseconds call_time{30'000};  // from a call's first byte to its last; then between bytes taken
  double idle_frames_max = 10'000;              // frames that ask for nothing: so many at once,
  double idle_frames_per_second = 1'000;        // so many in the long run,
  double idle_frames_per_call = 16;             // and so many more for each call
};

[[nodiscard]] std::unique_ptr<StreamProtocol> make_http2(GrpcService& service, const Http2Options& options,
                                                         const std::atomic<bool>& draining);

}  // namespace clops::serving::grpc
