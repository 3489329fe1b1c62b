#include "base/compression.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <limits>

#include "base/http.h"

namespace clops {
namespace {

constexpr size_t kFirstBytes = 16u << 10;
constexpr int kGzipOrZlib = 15 + 32, kGzip = 15 + 16, kZlib = 15, kRaw = -15;
constexpr int kZlibLevel = 1, kZstdLevel = 1;  // answers are made while a client waits
// A frame may ask its reader for a window of up to 2 GiB. RFC 9659: over HTTP 8 MiB, no more.
constexpr int kZstdWindowLogMax = 23;
constexpr size_t kKeepBytes = 1u << 20;  // of a context, from one message to the next

std::unexpected<Error> damaged(Coding coding, std::string_view why) {
  return fail(Code::InvalidArgument, "the " + std::string(to_string(coding)) + " data " + std::string(why));
}
std::unexpected<Error> too_large(size_t bytes_max) {
  return fail(Code::TooLarge, "unpacked it is larger than " + std::to_string(bytes_max) + " bytes");
}

// Room for more, at least twice as much and never beyond the limit; false at the limit.
bool grow(std::string& out, size_t bytes_max) {
  if (out.size() >= bytes_max) return false;
  out.resize(std::min(bytes_max, std::max(kFirstBytes, out.size() * 2)));
  return true;
}

bool has_zlib_header(std::string_view in) {
  if (in.size() < 2) return false;
  const auto first = static_cast<unsigned char>(in[0]), second = static_cast<unsigned char>(in[1]);
  return (first & 0x0f) == 8 && (first * 256 + second) % 31 == 0;
}

Bytef* input(std::string_view text) {  // zlib only reads it, though its interface has no const
  return reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
}
Bytef* output(char* to) {
  return reinterpret_cast<Bytef*>(to);
}

}  // namespace

std::optional<Coding> coding_from(std::string_view name) {
  struct Name {
    std::string_view text;
    Coding coding;
  };
  static constexpr std::array<Name, 5> kNames = {{{"identity", Coding::Identity},
                                                  {"gzip", Coding::Gzip},
                                                  {"x-gzip", Coding::Gzip},
                                                  {"deflate", Coding::Deflate},
                                                  {"zstd", Coding::Zstd}}};
  for (const Name& known : kNames)
    if (std::ranges::equal(name, known.text, {}, ascii_lower)) return known.coding;
  return std::nullopt;
}

std::string_view to_string(Coding coding) {
  switch (coding) {
    case Coding::Gzip:
      return "gzip";
    case Coding::Deflate:
      return "deflate";
    case Coding::Zstd:
      return "zstd";
    case Coding::Identity:
      break;
  }
  return "identity";
}

struct Compressor::Impl {
  z_stream in{}, out{};
  bool has_in = false, has_out = false;
  int out_bits = 0;
  ZSTD_DCtx* zstd_in = nullptr;
  ZSTD_CCtx* zstd_out = nullptr;

  ~Impl() {
    if (has_in) inflateEnd(&in);
    if (has_out) deflateEnd(&out);
    ZSTD_freeDCtx(zstd_in);
    ZSTD_freeCCtx(zstd_out);
  }

  Status start_inflate(int bits) {
    const int done = has_in ? inflateReset2(&in, bits) : inflateInit2(&in, bits);
    has_in = has_in || done == Z_OK;
    if (done == Z_OK) return {};
    return fail(Code::Internal, "zlib cannot start");
  }

  Status inflate_all(Coding coding, std::string_view from, size_t bytes_max, std::string& to) {
    CLOPS_TRY(start_inflate(coding == Coding::Gzip || has_zlib_header(from) ? kGzipOrZlib : kRaw));
    in.next_in = input(from);
    in.avail_in = static_cast<uInt>(from.size());
    size_t done = 0;
    to.clear();
    for (;;) {
      char extra = 0;  // full to the limit: good only if nothing more comes
      const bool full = done == to.size() && !grow(to, bytes_max);
      in.next_out = output(full ? &extra : to.data() + done);
      in.avail_out = full ? 1 : static_cast<uInt>(to.size() - done);
      const int state = inflate(&in, Z_NO_FLUSH);
      if (full && in.avail_out == 0) return too_large(bytes_max);
      if (!full) done = to.size() - in.avail_out;
      if (state == Z_STREAM_END) {
        if (in.avail_in == 0) break;
        if (coding != Coding::Gzip) return damaged(coding, "has more after its end");
        if (inflateReset(&in) != Z_OK) return fail(Code::Internal, "zlib cannot start");
      } else if (state == Z_BUF_ERROR || (state == Z_OK && in.avail_in == 0 && in.avail_out > 0)) {
        return damaged(coding, "is cut off");
      } else if (state != Z_OK) {
        return damaged(coding, "is damaged");
      }
    }
    to.resize(done);
    return {};
  }

  Status unpack_zstd(std::string_view from, size_t bytes_max, std::string& to) {
    const Status done = unpack_frames(from, bytes_max, to);
    if (ZSTD_sizeof_DCtx(zstd_in) > kKeepBytes) {
      ZSTD_freeDCtx(zstd_in);
      zstd_in = nullptr;
    }
    return done;
  }

  Status unpack_frames(std::string_view from, size_t bytes_max, std::string& to) {
    if (zstd_in == nullptr) zstd_in = ZSTD_createDCtx();
    if (zstd_in == nullptr) return fail(Code::Internal, "zstd cannot start");
    ZSTD_DCtx_reset(zstd_in, ZSTD_reset_session_only);
    ZSTD_DCtx_setParameter(zstd_in, ZSTD_d_windowLogMax, kZstdWindowLogMax);
    ZSTD_inBuffer source{from.data(), from.size(), 0};
    size_t done = 0, left = 1;
    to.clear();
    // `left` is 0 exactly when a frame has ended and all of it has been given out.
    while (source.pos < source.size || left != 0) {
      char extra = 0;
      const bool full = done == to.size() && !grow(to, bytes_max);
      ZSTD_outBuffer sink{full ? &extra : to.data() + done, full ? 1 : to.size() - done, 0};
      const size_t before = source.pos;
      left = ZSTD_decompressStream(zstd_in, &sink, &source);
      if (ZSTD_isError(left) != 0) return damaged(Coding::Zstd, "is damaged");
      if (full && sink.pos > 0) return too_large(bytes_max);
      if (!full) done += sink.pos;
      if (left != 0 && source.pos == before && sink.pos == 0 && source.pos == source.size)
        return damaged(Coding::Zstd, "is cut off");
    }
    to.resize(done);
    return {};
  }

  void deflate_all(Coding coding, std::string_view from, std::string& to) {
    const int bits = coding == Coding::Gzip ? kGzip : kZlib;
    if (has_out && bits != out_bits) {
      deflateEnd(&out);
      out = {};
      has_out = false;
    }
    if (has_out) {
      deflateReset(&out);
    } else {
      has_out = deflateInit2(&out, kZlibLevel, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY) == Z_OK;
      out_bits = bits;
    }
    to.clear();
    if (!has_out) return;
    to.resize(deflateBound(&out, static_cast<uLong>(from.size())));
    out.next_in = input(from);
    out.avail_in = static_cast<uInt>(from.size());
    out.next_out = output(to.data());
    out.avail_out = static_cast<uInt>(to.size());
    const int state = deflate(&out, Z_FINISH);
    to.resize(state == Z_STREAM_END ? to.size() - out.avail_out : 0);
  }

  void pack_zstd(std::string_view from, std::string& to) {
    if (zstd_out == nullptr) zstd_out = ZSTD_createCCtx();
    to.clear();
    if (zstd_out == nullptr) return;
    to.resize(ZSTD_compressBound(from.size()));
    const size_t size = ZSTD_compressCCtx(zstd_out, to.data(), to.size(), from.data(), from.size(), kZstdLevel);
    to.resize(ZSTD_isError(size) != 0 ? 0 : size);
  }
};

Compressor::Compressor() : impl_(std::make_unique<Impl>()) {}
Compressor::~Compressor() = default;

Status Compressor::unpack(Coding coding, std::string_view in, size_t bytes_max, std::string& out) {
  if (in.size() > std::numeric_limits<uInt>::max()) return too_large(bytes_max);
  if (coding == Coding::Zstd) return impl_->unpack_zstd(in, bytes_max, out);
  if (coding != Coding::Identity) return impl_->inflate_all(coding, in, bytes_max, out);
  if (in.size() > bytes_max) return too_large(bytes_max);
  out.assign(in);
  return {};
}

void Compressor::pack(Coding coding, std::string_view in, std::string& out) {
  if (coding == Coding::Zstd) return impl_->pack_zstd(in, out);
  if (coding != Coding::Identity && in.size() <= std::numeric_limits<uInt>::max())
    return impl_->deflate_all(coding, in, out);
  out.assign(in);
}

}  // namespace clops
