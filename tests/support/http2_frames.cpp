#include "tests/support/http2_frames.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>

namespace clops::test {
namespace {

std::string hpack_text(std::string_view text) {
  std::string out;
  if (text.size() < 127) {
    out += static_cast<char>(text.size());
  } else {
    out += '\x7f';
    size_t rest = text.size() - 127;
    for (; rest >= 128; rest >>= 7) out += static_cast<char>(rest | 0x80);
    out += static_cast<char>(rest);
  }
  return out.append(text);
}

}  // namespace

uint32_t Frame::number(size_t at) const {
  uint32_t out = 0;
  for (size_t i = at; i < at + 4 && i < payload.size(); ++i) out = out << 8 | static_cast<unsigned char>(payload[i]);
  return out;
}

std::string be32(uint32_t value) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xff);
  return out;
}

std::string frame(uint8_t type, uint8_t flags, uint32_t stream, std::string_view payload) {
  std::string out = be32(static_cast<uint32_t>(payload.size())).substr(1);
  out += static_cast<char>(type);
  out += static_cast<char>(flags);
  return (out + be32(stream)).append(payload);
}

std::string header_block(const HeaderList& headers) {
  std::string out;
  for (const auto& [name, value] : headers) out += '\0' + hpack_text(name) + hpack_text(value);
  return out;
}

std::string call_headers(uint32_t stream, const std::string& path, const HeaderList& more, uint8_t flags) {
  HeaderList all = {{":method", "POST"},
                    {":scheme", "http"},
                    {":path", path},
                    {":authority", "a"},
                    {"content-type", "application/grpc"},
                    {"te", "trailers"}};
  for (const auto& header : more) {
    const auto at = std::ranges::find(all, header.first, &HeaderList::value_type::first);
    if (at == all.end()) {
      all.push_back(header);
    } else {
      at->second = header.second;
    }
  }
  return frame(kHeaders, flags, stream, header_block(all));
}

std::string grpc_message(std::string_view message, char flag) {
  return (std::string(1, flag) + be32(static_cast<uint32_t>(message.size()))).append(message);
}

std::string data(uint32_t stream, std::string_view payload, bool end) {
  constexpr size_t kMost = 16384;
  std::string out;
  while (payload.size() > kMost) {
    out += frame(kData, 0, stream, payload.substr(0, kMost));
    payload.remove_prefix(kMost);
  }
  return out + frame(kData, end ? kEndStream : 0, stream, payload);
}

std::string hello() {
  return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(kSettings, 0, 0);
}

struct FrameReader::Impl {
  nghttp2_hd_inflater* inflater = nullptr;
  std::string left;

  void read_headers(Frame& to) const {
    auto* at = reinterpret_cast<uint8_t*>(to.payload.data());
    size_t size = to.payload.size();
    for (;;) {
      nghttp2_nv header;
      int flags = 0;
      const ssize_t used = nghttp2_hd_inflate_hd2(inflater, &header, &flags, at, size, 1);
      if (used < 0) return;
      at += used;
      size -= static_cast<size_t>(used);
      if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0)
        to.headers[std::string(header.name, header.name + header.namelen)] =
            std::string(header.value, header.value + header.valuelen);
      if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
      if ((flags & NGHTTP2_HD_INFLATE_EMIT) == 0 && size == 0) break;
    }
    nghttp2_hd_inflate_end_headers(inflater);
  }
};

FrameReader::FrameReader() : impl_(new Impl) {
  nghttp2_hd_inflate_new(&impl_->inflater);
}
FrameReader::~FrameReader() {
  nghttp2_hd_inflate_del(impl_->inflater);
  delete impl_;
}

std::vector<Frame> FrameReader::read(std::string_view bytes) {
  constexpr size_t kHead = 9;
  std::vector<Frame> out;
  impl_->left += bytes;
  while (impl_->left.size() >= kHead) {
    const std::string& left = impl_->left;
    const auto byte = [&](size_t at) { return static_cast<unsigned char>(left[at]); };
    const size_t length = size_t{byte(0)} << 16 | size_t{byte(1)} << 8 | byte(2);
    if (left.size() < kHead + length) break;
    Frame one{.type = byte(3), .flags = byte(4), .payload = left.substr(kHead, length)};
    one.stream = uint32_t{byte(5) & 0x7fu} << 24 | uint32_t{byte(6)} << 16 | uint32_t{byte(7)} << 8 | byte(8);
    if (one.type == kHeaders) impl_->read_headers(one);
    out.push_back(std::move(one));
    impl_->left.erase(0, kHead + length);
  }
  return out;
}

}  // namespace clops::test
