// What must hold of a connection for any frames after the preface. Shared by the fuzzer and the test that replays its
// seeds.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "serving/grpc/http2.h"
#include "tests/unit/serving/grpc/echo_service.h"

namespace clops::serving::fuzz {

// True when all of `out` is whole frames, none larger than a client takes by default.
inline bool whole_frames(std::string_view out) {
  constexpr size_t kHead = 9, kMost = 16384;
  while (!out.empty()) {
    if (out.size() < kHead) return false;
    const auto byte = [&](size_t at) { return static_cast<size_t>(static_cast<unsigned char>(out[at])); };
    const size_t length = byte(0) << 16 | byte(1) << 8 | byte(2);
    if (length > kMost || out.size() < kHead + length) return false;
    out.remove_prefix(kHead + length);
  }
  return true;
}

inline bool survives(std::string_view bytes, size_t piece) {
  grpc::EchoService service;
  const std::atomic<bool> draining{false};
  const auto protocol = grpc::make_http2(service,
                                         {.call = {.message_bytes_max = 4096, .header_bytes_max = 1024},
                                          .streams_max = 8,
                                          .held_bytes_max = 16'384,
                                          .out_bytes_max = 8192},
                                         draining);
  const auto handler = protocol->open();
  std::string all, out;
  Next next = Next::Read;
  const auto took = [&](const Progress& progress, size_t size) {
    all += out;
    next = progress.next;
    // A frame past the limit at most, and nothing left over for the loop to keep.
    return progress.consumed == size && out.size() <= 8192 + 16'384 + 9;
  };
  const std::string whole = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + std::string(bytes);
  for (size_t at = 0; at < whole.size() && next == Next::Read; at += piece) {
    out.clear();
    const std::string part = whole.substr(at, piece);  // of exactly its size, so that a read past the end is seen
    if (!took(handler->on_input(part, out), part.size())) return false;
    for (int more = 0; handler->unsent() && next == Next::Read; ++more) {
      out.clear();
      if (more > 1000 || !took(handler->on_input({}, out), 0)) return false;
    }
    service.time += std::chrono::milliseconds(10);
  }
  for (int tick = 0; tick < 4 && next == Next::Read; ++tick) {
    service.time += std::chrono::seconds(20);
    service.version += 1;
    if (tick == 1) handler->retire();
    out.clear();
    if (!took(handler->on_time(out), 0)) return false;
  }
  // By then no call is under way any more, whatever the client has left open.
  return whole_frames(all) && (next == Next::Close || handler->idle());
}

inline bool holds_for_http2(std::string_view bytes) {
  return survives(bytes, bytes.size() + 64) && survives(bytes, 1) && survives(bytes, 13);
}

}  // namespace clops::serving::fuzz
