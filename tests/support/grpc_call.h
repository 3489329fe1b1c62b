// One gRPC call on a connection of its own, and what the server says of it.
//
// Errors: a test failure where the connection ends, or nothing comes for ten seconds, before the call does.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "tests/support/http2_frames.h"
#include "tests/support/tcp_client.h"

namespace clops::test {

struct GrpcAnswer {
  std::string status = "none", message;  // grpc-status, grpc-message
  std::string body;                      // of the one message, without its head of five bytes
};

inline GrpcAnswer call_grpc(int port, const std::string& path, std::string_view message) {
  const TcpClient client(port);
  EXPECT_TRUE(client.send_all(hello() + call_headers(1, path) + data(1, grpc_message(message))));
  FrameReader reader;
  GrpcAnswer out;
  for (bool ended = false; !ended;) {
    const std::string more = client.read_some();
    EXPECT_FALSE(more.empty()) << "the call did not end";
    if (more.empty()) return out;
    for (const Frame& frame : reader.read(more)) {
      if (frame.stream != 1) continue;
      if (frame.type == kData) out.body += frame.payload;
      if (const auto at = frame.headers.find("grpc-status"); at != frame.headers.end()) out.status = at->second;
      if (const auto at = frame.headers.find("grpc-message"); at != frame.headers.end()) out.message = at->second;
      ended = ended || frame.ends();
    }
  }
  out.body.erase(0, 5);
  return out;
}

}  // namespace clops::test
