#include "serving/grpc/call_stream.h"

#include <utility>

namespace clops::serving::grpc {
namespace {

constexpr size_t kHeaderOverhead = 32;    // RFC 9113, 6.5.2
constexpr size_t kKeepBytes = 16u << 10;  // of each buffer, between calls

bool is_grpc(std::string_view content_type) {
  constexpr std::string_view kGrpc = "application/grpc";
  if (!content_type.starts_with(kGrpc)) return false;
  const std::string_view rest = content_type.substr(kGrpc.size());
  return rest.empty() || rest == "+proto" || rest[0] == ';';
}

}  // namespace

void CallStream::open(int32_t id, TimePoint now) {
  id_ = id;
  call_ = Call{};
  call_.begin = now;
  moved = now;
  known_ = waiting_ = later_ = served_ = concluded_ = ended_ = post_ = bad_timeout_ = is_grpc_ = submitted = deferred =
      false;
  http_status_ = 200;
  encoding_ = Coding::Identity;
  timeout_.reset();
  header_bytes_ = sent_ = 0;
  text_.clear();
  path_.clear();
  body_.clear();
  out_.clear();
  spans_.clear();
  headers_.clear();
  outcome_.code = GrpcCode::Ok;
  outcome_.message.clear();
  outcome_.retry_ms = 0;
}

void CallStream::add_header(std::string_view name, std::string_view value, const CallLimits& limits) {
  header_bytes_ += name.size() + value.size() + kHeaderOverhead;
  if (header_bytes_ > limits.header_bytes_max) return;
  if (name == ":path") {
    path_.assign(value);
  } else if (name == ":method") {
    post_ = value == "POST";
  } else if (!name.starts_with(':')) {
    take_metadata(name, value);
  }
}

void CallStream::take_metadata(std::string_view name, std::string_view value) {
  if (name == "content-type") {
    is_grpc_ = is_grpc(value);
  } else if (name == "grpc-encoding") {
    encoding_ = encoding_from(value);
  } else if (name == "grpc-timeout") {
    timeout_ = timeout_from(value);
    bad_timeout_ = !timeout_;
  }
  for (const std::string_view part : {name, value}) {
    spans_.push_back({static_cast<uint32_t>(text_.size()), static_cast<uint32_t>(part.size())});
    text_ += part;
  }
}

void CallStream::begin(const Parts& parts) {
  if (header_bytes_ > parts.limits.header_bytes_max) {
    const std::string most = std::to_string(parts.limits.header_bytes_max);
    return refuse(parts, GrpcCode::ResourceExhausted, "the call's headers are more than " + most + " bytes");
  }
  if (!post_ || !is_grpc_) {
    http_status_ = post_ ? 415 : 405;
    return refuse(parts, GrpcCode::InvalidArgument, "HTTP/2 is for gRPC here: POST, content-type application/grpc");
  }
  const std::string_view text = text_;
  for (size_t i = 0; i < spans_.size(); i += 2)
    headers_.push_back({text.substr(spans_[i].at, spans_[i].size), text.substr(spans_[i + 1].at, spans_[i + 1].size)});
  call_.headers = headers_;
  if (bad_timeout_) return refuse(parts, GrpcCode::InvalidArgument, "grpc-timeout is not at most 8 digits and a unit");
  if (timeout_) call_.deadline = call_.begin + *timeout_;
  const auto method = parts.service.find(path_);
  if (!method) return refuse(parts, GrpcCode::Unimplemented, "no method is called " + path_.substr(0, 200) + " here");
  call_.method = *method;
  if (Outcome admitted = parts.service.admit(call_); !admitted.ok())
    return refuse(parts, admitted.code, std::move(admitted.message));
  known_ = true;
}

void CallStream::add_data(std::string_view bytes, const Parts& parts) {
  if (concluded_ || !known_) return;
  body_.append(bytes);
  if (body_.size() >= kPrefixBytes) {
    const auto prefix = read_prefix(body_);
    if (!prefix) return refuse(parts, GrpcCode::Internal, "the message's first byte is neither 0 nor 1");
    if (prefix->length > parts.limits.message_bytes_max) {
      return refuse(parts, GrpcCode::ResourceExhausted,
                    "a message of " + std::to_string(prefix->length) + " bytes is larger than " +
                        std::to_string(parts.limits.message_bytes_max) + ", which is the limit");
    }
    if (call_.method.kind == MethodKind::Unary && body_.size() > kPrefixBytes + prefix->length)
      return refuse(parts, GrpcCode::Unimplemented, "this method takes one message, more were sent");
  }
  if (call_.method.kind != MethodKind::Unary) take_messages(parts);
}

void CallStream::take_messages(const Parts& parts) {
  size_t at = 0;
  while (!concluded_ && body_.size() - at >= kPrefixBytes) {
    const std::string_view rest = std::string_view(body_).substr(at);
    const auto prefix = read_prefix(rest);
    if (!prefix) return refuse(parts, GrpcCode::Internal, "a message's first byte is neither 0 nor 1");
    if (prefix->length > parts.limits.message_bytes_max)
      return refuse(parts, GrpcCode::ResourceExhausted, "a message is larger than the limit");
    if (rest.size() < kPrefixBytes + prefix->length) break;
    if (waiting_) return refuse(parts, GrpcCode::Unimplemented, "this method takes one message, more were sent");
    serve(*prefix, rest.substr(kPrefixBytes, prefix->length), parts);
    at += kPrefixBytes + prefix->length;
    // Whoever asks without reading is not kept answering.
    if (unsent().size() > parts.limits.message_bytes_max)
      return refuse(parts, GrpcCode::ResourceExhausted, "answers are not read: ask for less at a time");
    waiting_ = call_.method.kind != MethodKind::Stream && !concluded_;
  }
  if (!concluded_) body_.erase(0, at);  // else it is gone already
}

void CallStream::end(const Parts& parts) {
  if (concluded_ || !known_ || std::exchange(ended_, true)) return;
  if (call_.method.kind == MethodKind::Unary) {
    if (body_.empty()) return refuse(parts, GrpcCode::Unimplemented, "this method takes one message, none was sent");
    const auto prefix = body_.size() < kPrefixBytes ? std::nullopt : read_prefix(body_);
    if (!prefix || body_.size() != kPrefixBytes + prefix->length)
      return refuse(parts, GrpcCode::Internal, "the call ends within its message");
    call_.alone = parts.alone;
    serve(*prefix, std::string_view(body_).substr(kPrefixBytes), parts);
    if (!later_) conclude({});
    return;
  }
  if (!body_.empty()) return refuse(parts, GrpcCode::Internal, "the call ends within a message");
  if (call_.method.kind == MethodKind::Stream) return conclude({});
  if (!waiting_) refuse(parts, GrpcCode::Unimplemented, "this method takes one message, none was sent");
}

void CallStream::serve(const Prefix& prefix, std::string_view message, const Parts& parts) {
  if (prefix.compressed) {
    if (!encoding_)
      return refuse(parts, GrpcCode::Unimplemented,
                    "grpc-encoding is not taken here: send " + std::string(kEncodingsTaken));
    if (*encoding_ == Coding::Identity)
      return refuse(parts, GrpcCode::Internal, "a compressed message came without grpc-encoding");
    if (Outcome done = unpack(parts.compressor, *encoding_, message, parts.limits.message_bytes_max, parts.unpacked);
        !done.ok())
      return refuse(parts, done.code, std::move(done.message));
    message = parts.unpacked;
  }
  // What nobody waits for any more is not computed.
  if (call_.deadline && parts.service.now() >= *call_.deadline)
    return refuse(parts, GrpcCode::DeadlineExceeded, "the deadline had passed before the call could be served");
  const size_t at = out_.size();
  out_.append(kPrefixBytes, '\0');
  served_ = true;
  Outcome outcome = parts.service.serve(call_, message, out_);
  waiting_ = later_ = outcome.later;
  if (outcome.ok() && !later_ && call_.method.kind != MethodKind::Later) {
    write_prefix(out_.data() + at, out_.size() - at - kPrefixBytes);
  } else {
    out_.resize(at);
    if (!outcome.ok()) conclude(std::move(outcome));
  }
  if (parts.unpacked.capacity() > kKeepBytes) std::string().swap(parts.unpacked);
}

void CallStream::look_for_news(const Parts& parts) {
  // One message at a time: a client that does not read is told the latest when it does.
  if (!waiting_ || concluded_ || !unsent().empty()) return;
  const size_t at = out_.size();
  out_.append(kPrefixBytes, '\0');
  std::optional<Outcome> news = parts.service.news(call_, out_);
  if (news && news->ok()) {
    write_prefix(out_.data() + at, out_.size() - at - kPrefixBytes);
    if (later_ || call_.method.kind == MethodKind::Later) conclude({});
    return;
  }
  out_.resize(at);
  if (news) conclude(std::move(*news));
}

void CallStream::refuse(const Parts& parts, GrpcCode code, std::string message) {
  if (concluded_) return;
  if (!served_) parts.service.on_refused(code);
  conclude({code, std::move(message)});
}

void CallStream::conclude(Outcome outcome) {
  if (std::exchange(concluded_, true)) return;
  waiting_ = false;
  outcome_ = std::move(outcome);
  body_.clear();
}

void CallStream::sent(size_t bytes) {
  sent_ += bytes;
  if (sent_ < out_.size()) return;
  out_.clear();
  sent_ = 0;
}

void CallStream::forget() {
  for (std::string* text : {&text_, &path_, &body_, &out_, &outcome_.message}) {
    if (text->capacity() > kKeepBytes) std::string().swap(*text);
  }
}

}  // namespace clops::serving::grpc
