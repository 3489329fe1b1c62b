// HTTP/2 as bytes, from a client's side: frames written as a test wants them, right or wrong, and a server's read back.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace clops::test {

enum FrameType : uint8_t {
  kData = 0,
  kHeaders = 1,
  kReset = 3,
  kSettings = 4,
  kPing = 6,
  kGoaway = 7,
  kWindowUpdate = 8
};
inline constexpr uint8_t kEndStream = 1, kAck = 1, kEndHeaders = 4;

using HeaderList = std::vector<std::pair<std::string, std::string>>;

struct Frame {
  uint8_t type = 0, flags = 0;
  uint32_t stream = 0;
  std::string payload;
  std::map<std::string, std::string> headers;  // of kHeaders
  [[nodiscard]] bool ends() const { return (type == kData || type == kHeaders) && (flags & kEndStream) != 0; }
  [[nodiscard]] uint32_t number(size_t at) const;  // big-endian, of the payload
};

[[nodiscard]] std::string be32(uint32_t value);
[[nodiscard]] std::string frame(uint8_t type, uint8_t flags, uint32_t stream, std::string_view payload = {});
[[nodiscard]] std::string header_block(const HeaderList& headers);  // literals, no table
// A gRPC call's HEADERS; `more` after the usual ones, or instead of them where the name is the same.
[[nodiscard]] std::string call_headers(uint32_t stream, const std::string& path, const HeaderList& more = {},
                                       uint8_t flags = kEndHeaders);
[[nodiscard]] std::string grpc_message(std::string_view message, char flag = 0);
[[nodiscard]] std::string data(uint32_t stream, std::string_view payload, bool end = true);
[[nodiscard]] std::string hello();  // the preface and empty SETTINGS

// Reads what a server has written; keeps the header table from one call to the next.
class FrameReader {
 public:
  FrameReader();
  ~FrameReader();
  FrameReader(const FrameReader&) = delete;
  FrameReader& operator=(const FrameReader&) = delete;
  // All whole frames of `bytes`, and what was left over before.
  std::vector<Frame> read(std::string_view bytes);

 private:
  struct Impl;
  Impl* impl_;
};

}  // namespace clops::test
