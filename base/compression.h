// gzip, deflate and zstd of whole messages, as HTTP names them. The one door to zlib's and zstd's streams.
//
// Thread rule: a Compressor belongs to one thread; it keeps its working memory from one message to the next. Ownership:
// the caller's strings. Errors: InvalidArgument (damaged, cut off, more after its end), TooLarge (more than `bytes_max`
// when unpacked: memory is never asked for beyond that).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace clops {

enum class Coding : unsigned char { Identity, Gzip, Deflate, Zstd };
[[nodiscard]] std::optional<Coding> coding_from(std::string_view name);  // in any case; "x-gzip" is gzip
[[nodiscard]] std::string_view to_string(Coding coding);

class Compressor {
 public:
  Compressor();
  ~Compressor();
  Compressor(const Compressor&) = delete;
  Compressor& operator=(const Compressor&) = delete;

  // Replaces `out`. Deflate is taken with zlib's header, as it should be, and without, as some clients send it; gzip
  // and zstd may have several members.
  [[nodiscard]] Status unpack(Coding coding, std::string_view in, size_t bytes_max, std::string& out);
  void pack(Coding coding, std::string_view in, std::string& out);  // replaces `out`; the fast levels

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace clops
