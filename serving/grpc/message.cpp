#include "serving/grpc/message.h"

#include <charconv>
#include <chrono>

namespace clops::serving::grpc {

std::optional<Prefix> read_prefix(std::string_view bytes) {
  const auto at = [&](size_t i) { return static_cast<size_t>(static_cast<unsigned char>(bytes[i])); };
  if (at(0) > 1) return std::nullopt;
  return Prefix{.compressed = at(0) == 1, .length = at(1) << 24 | at(2) << 16 | at(3) << 8 | at(4)};
}

void write_prefix(char* to, size_t length) {
  to[0] = 0;
  for (size_t i = 1; i < kPrefixBytes; ++i) to[i] = static_cast<char>(length >> (8 * (4 - i)) & 0xff);
}

std::optional<Coding> encoding_from(std::string_view grpc_encoding) {
  if (grpc_encoding == "identity") return Coding::Identity;
  if (grpc_encoding == "gzip") return Coding::Gzip;
  if (grpc_encoding == "deflate") return Coding::Deflate;
  return std::nullopt;
}

Outcome unpack(Compressor& compressor, Coding coding, std::string_view message, size_t bytes_max, std::string& out) {
  const Status done = compressor.unpack(coding, message, bytes_max, out);
  if (done) return {};
  const bool large = done.error().code == Code::TooLarge;
  return {large ? GrpcCode::ResourceExhausted : GrpcCode::Internal, done.error().message};
}

std::optional<Duration> timeout_from(std::string_view text) {
  constexpr size_t kDigitsMax = 8;
  if (text.size() < 2 || text.size() > kDigitsMax + 1) return std::nullopt;
  int64_t value = 0;
  const char* const last = text.data() + text.size() - 1;
  if (text[0] == '-') return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), last, value);
  if (error != std::errc{} || end != last) return std::nullopt;
  // Eight digits of hours overflow nanoseconds: a year is as good as never.
  constexpr Duration kMost = std::chrono::hours(24 * 365);
  const auto of = [&](Duration unit) { return value > kMost / unit ? kMost : value * unit; };
  switch (*last) {
    case 'H':
      return of(std::chrono::hours(1));
    case 'M':
      return of(std::chrono::minutes(1));
    case 'S':
      return of(std::chrono::seconds(1));
    case 'm':
      return of(std::chrono::milliseconds(1));
    case 'u':
      return of(std::chrono::microseconds(1));
    case 'n':
      return of(Duration(1));
    default:
      return std::nullopt;
  }
}

void append_percent_encoded(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  for (const char c : text) {
    if (c >= ' ' && c <= '~' && c != '%') {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
}

Outcome outcome_of(const Error& error) {
  const auto code = [&] {
    switch (error.code) {
      case Code::InvalidArgument:
        return GrpcCode::InvalidArgument;
      case Code::NotFound:
        return GrpcCode::NotFound;
      case Code::AlreadyExists:
        return GrpcCode::AlreadyExists;
      case Code::Conflict:
        return GrpcCode::Aborted;
      case Code::Unauthenticated:
        return GrpcCode::Unauthenticated;
      case Code::PermissionDenied:
        return GrpcCode::PermissionDenied;
      case Code::Unsupported:
        return GrpcCode::Unimplemented;
      case Code::TooLarge:
        return GrpcCode::ResourceExhausted;
      case Code::Unavailable:
        return GrpcCode::Unavailable;
      case Code::DeadlineExceeded:
        return GrpcCode::DeadlineExceeded;
      case Code::Expired:
        return GrpcCode::OutOfRange;
      case Code::DataLoss:
        return GrpcCode::DataLoss;
      case Code::Internal:
        break;
    }
    return GrpcCode::Internal;
  }();
  return {code, error.message};
}

int http_status_of(GrpcCode code) {
  switch (code) {
    case GrpcCode::Ok:
      return 200;
    case GrpcCode::InvalidArgument:
    case GrpcCode::OutOfRange:
    case GrpcCode::FailedPrecondition:
      return 400;
    case GrpcCode::Unauthenticated:
      return 401;
    case GrpcCode::PermissionDenied:
      return 403;
    case GrpcCode::NotFound:
      return 404;
    case GrpcCode::AlreadyExists:
    case GrpcCode::Aborted:
      return 409;
    case GrpcCode::ResourceExhausted:
      return 413;
    case GrpcCode::DeadlineExceeded:
      return 504;
    case GrpcCode::Unimplemented:
      return 501;
    case GrpcCode::Unavailable:
      return 503;
    default:
      return 500;
  }
}

}  // namespace clops::serving::grpc
