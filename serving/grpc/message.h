// gRPC's own layer over HTTP/2: length-prefixed messages, compression, time-outs and status texts in headers.
//
// Thread rule: pure functions. Errors: an Outcome, in gRPC's words.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/compression.h"
#include "base/time.h"
#include "serving/grpc/call.h"

namespace clops::serving::grpc {

inline constexpr size_t kPrefixBytes = 5;  // a flag, and the length in big-endian order
inline constexpr std::string_view kEncodingsTaken = "identity,gzip,deflate";

struct Prefix {
  bool compressed = false;
  size_t length = 0;
};
// `bytes` has at least kPrefixBytes. Nothing: the flag is neither 0 nor 1.
[[nodiscard]] std::optional<Prefix> read_prefix(std::string_view bytes);
void write_prefix(char* to, size_t length);  // of a message that is not compressed

// Of a grpc-encoding header. Nothing: one that is not taken here.
[[nodiscard]] std::optional<Coding> encoding_from(std::string_view grpc_encoding);

// `out`: replaced by the message. ResourceExhausted: more than `bytes_max`; Internal: not what `coding` says.
[[nodiscard]] Outcome unpack(Compressor& compressor, Coding coding, std::string_view message, size_t bytes_max,
                             std::string& out);

// "100m": at most eight digits and a unit of H M S m u n.
[[nodiscard]] std::optional<Duration> timeout_from(std::string_view grpc_timeout);

void append_percent_encoded(std::string& out, std::string_view text);  // as grpc-message wants it

}  // namespace clops::serving::grpc
