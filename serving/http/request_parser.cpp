#include "serving/http/request_parser.h"

#include <algorithm>
#include <cstring>

namespace clops::serving::http {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

namespace {

constexpr size_t kTargetBytesMax = 8u << 10;
constexpr size_t kChunkLineBytesMax = 256;
constexpr size_t kChunksMax = 1u << 16;
constexpr size_t kTrailerBytesMax = 4u << 10;

constexpr std::array<bool, 256> make_token_table() {
  std::array<bool, 256> table{};
  for (int c = '0'; c <= '9'; ++c) table[static_cast<size_t>(c)] = true;
  for (int c = 'a'; c <= 'z'; ++c) table[static_cast<size_t>(c)] = table[static_cast<size_t>(c - 32)] = true;
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) table[static_cast<unsigned char>(c)] = true;
  return table;
}
constexpr std::array<bool, 256> kToken = make_token_table();

bool is_token(std::string_view text) {
  bool good = !text.empty();
  for (const char c : text) good &= kToken[static_cast<unsigned char>(c)];
  return good;
}
// Words of eight bytes first: a caller's JWT is many hundred bytes of a request. Exact as to whether there is any such
// byte; the loop takes over at the first, and lets tabs through.
bool has_control(uint64_t word) {
  constexpr uint64_t kOnes = 0x0101010101010101, kHigh = kOnes << 7;
  const uint64_t deleted = word ^ (kOnes * 0x7f);
  return ((((word - kOnes * 0x20) & ~word) | ((deleted - kOnes) & ~deleted)) & kHigh) != 0;
}
bool is_field_value(std::string_view text) {
  for (uint64_t word = 0; text.size() >= sizeof word; text.remove_prefix(sizeof word)) {
    std::memcpy(&word, text.data(), sizeof word);
    if (has_control(word)) break;
  }
  // Without early exits: good input is the rule.
  unsigned bad = 0;
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    bad |= static_cast<unsigned>(u < 0x20) & static_cast<unsigned>(u != '\t');
    bad |= static_cast<unsigned>(u == 0x7f);
  }
  return bad == 0;
}
bool is_target(std::string_view text) {
  unsigned bad = 0;
  for (const char c : text)
    bad |= static_cast<unsigned>(static_cast<unsigned char>(c) <= 0x20) | static_cast<unsigned>(c == 0x7f);
  return bad == 0;
}
// A list header has the option, in any case: "keep-alive, Close" has "close".
bool has_option(std::string_view list, std::string_view option) {
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    if (same_header_name(trimmed(list.substr(0, comma)), option)) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

bool refuse(RequestParser::Step& step, int status, std::string_view reason) {
  step.state = RequestParser::State::Bad;
  step.status = status;
  step.reason = reason;
  return false;
}

}  // namespace

std::optional<std::string_view> Request::header(std::string_view name) const {
  for (const HeaderView& item : headers) {
    if (item.name.size() == name.size() && same_header_name(item.name, name)) return item.value;
  }
  return std::nullopt;
}

void RequestParser::begin_again() {
  phase_ = Phase::Head;
  scanned_ = head_bytes_ = body_bytes_ = 0;
  header_count_ = 0;
  http10_ = chunked_ = expect_continue_ = done_ = false;
  request_ = Request{};
  if (chunk_count_ > 0 || !head_copy_.empty()) {
    std::string().swap(head_copy_);
    std::string().swap(body_copy_);
  }
  chunk_ = Chunk::Size;
  chunk_left_ = chunk_count_ = trailer_bytes_ = 0;
}

RequestParser::Step RequestParser::parse(std::string_view in) {
  if (done_) begin_again();
  if (phase_ == Phase::Head) return parse_head(in);
  if (phase_ == Phase::Chunks) return parse_chunks(in);
  Step step;
  if (in.size() < head_bytes_ + body_bytes_) return step;
  // The buffer may have moved since the head was read: the views are made again.
  header_count_ = 0;
  request_ = Request{};
  if (!read_head(in.substr(0, head_bytes_), step)) return step;
  return finish_head(in);
}

RequestParser::Step RequestParser::parse_head(std::string_view in) {
  Step step;
  size_t skipped = 0;
  // Empty lines before a request are what some old clients send after a body.
  while (scanned_ == 0 && in.substr(skipped).starts_with("\r\n")) skipped += 2;
  const std::string_view rest = in.substr(skipped);
  if (rest.empty()) {
    step.consumed = skipped;
    return step;
  }
  if (rest == "\r" && scanned_ == 0) {
    step.consumed = skipped;
    return step;
  }
  if (!kToken[static_cast<unsigned char>(rest.front())]) {
    refuse(step, 400, "the request does not begin with a method");
    return step;
  }
  const size_t from = scanned_ > 3 ? scanned_ - 3 : 0;
  const size_t end = rest.find("\r\n\r\n", from);
  if (end == std::string_view::npos || end + 4 > limits_.head_bytes_max) {
    if (end != std::string_view::npos || rest.size() > limits_.head_bytes_max) {
      refuse(step, 431, "the request's head is too large");
      return step;
    }
    step.consumed = skipped;
    scanned_ = rest.size();
    return step;
  }
  head_bytes_ = end + 4;
  if (!read_head(rest.substr(0, head_bytes_), step) || !judge_framing(step)) return step;
  step = finish_head(rest);
  step.consumed += skipped;
  return step;
}

// `in` begins with the head, which has been read into views.
RequestParser::Step RequestParser::finish_head(std::string_view in) {
  Step step;
  if (chunked_) {
    head_copy_.assign(in.substr(0, head_bytes_));
    phase_ = Phase::Chunks;
    step = parse_chunks(in.substr(head_bytes_));
    step.consumed += head_bytes_;
    if (step.state == State::More && expect_continue_ && in.size() == head_bytes_) step.send_continue = true;
    return step;
  }
  if (in.size() < head_bytes_ + body_bytes_) {
    phase_ = Phase::Length;
    scanned_ = head_bytes_;
    step.send_continue = expect_continue_ && in.size() == head_bytes_;
    return step;
  }
  request_.body = in.substr(head_bytes_, body_bytes_);
  request_.headers = {headers_.data(), header_count_};
  step.state = State::Ready;
  step.consumed = head_bytes_ + body_bytes_;
  done_ = true;
  return step;
}

bool RequestParser::read_head(std::string_view head, Step& bad) {
  bool first = true;
  while (head.size() > 2) {
    const size_t end = head.find('\n');
    if (end == 0 || end == std::string_view::npos || head[end - 1] != '\r')
      return refuse(bad, 400, "a line of the head does not end in CRLF");
    const std::string_view line = head.substr(0, end - 1);
    if (!(first ? read_request_line(line, bad) : read_header(line, bad))) return false;
    first = false;
    head.remove_prefix(end + 1);
  }
  return true;
}

bool RequestParser::read_request_line(std::string_view line, Step& bad) {
  const size_t space = line.find(' ');
  const size_t last = line.rfind(' ');
  if (space == std::string_view::npos || last == space)
    return refuse(bad, 400, "the request line is not METHOD TARGET VERSION");
  request_.method = line.substr(0, space);
  std::string_view target = line.substr(space + 1, last - space - 1);
  const std::string_view version = line.substr(last + 1);
  if (!is_token(request_.method)) return refuse(bad, 400, "the method is malformed");
  if (version.size() != 8 || !version.starts_with("HTTP/"))
    return refuse(bad, 400, "the protocol version is malformed");
  if (version != "HTTP/1.1" && version != "HTTP/1.0")
    return refuse(bad, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
  if (target.size() > kTargetBytesMax) return refuse(bad, 414, "the request target is too long");
  if (!is_target(target)) return refuse(bad, 400, "the request target is malformed");
  if (target.starts_with("http://") || target.starts_with("https://")) {  // absolute form, as proxies send it
    const size_t path = target.find('/', target.find("//") + 2);
    target = path == std::string_view::npos ? std::string_view("/") : target.substr(path);
  }
  if (!target.starts_with('/') && target != "*") return refuse(bad, 400, "the request target is malformed");
  request_.target = target;
  http10_ = version == "HTTP/1.0";
  request_.keep_alive = !http10_;
  return true;
}

bool RequestParser::read_header(std::string_view line, Step& bad) {
  if (header_count_ == ParserLimits::headers_max) return refuse(bad, 431, "the request has too many headers");
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon)))
    return refuse(bad, 400, "a header line is malformed");
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (!is_field_value(value)) return refuse(bad, 400, "a header's value has control characters");
  headers_[header_count_++] = {line.substr(0, colon), value};
  if (colon == 10 && same_header_name(line.substr(0, colon), "connection")) {
    if (has_option(value, "close")) {
      request_.keep_alive = false;
    } else if (http10_ && has_option(value, "keep-alive")) {
      request_.keep_alive = true;
    }
  }
  return true;
}

// How long the body is: the place where two readers of one stream come to differ, so nothing doubtful passes.
bool RequestParser::judge_framing(Step& bad) {
  int hosts = 0, lengths = 0, codings = 0;
  std::string_view length, coding;
  for (size_t i = 0; i < header_count_; ++i) {
    const auto& [name, value] = headers_[i];
    switch (name.size()) {
      case 4:
        hosts += same_header_name(name, "host") ? 1 : 0;
        break;
      case 6:
        if (same_header_name(name, "expect")) {
          if (!same_header_name(value, "100-continue")) return refuse(bad, 417, "the expectation is not known");
          expect_continue_ = !http10_;
        }
        break;
      case 14:
        if (same_header_name(name, "content-length")) ++lengths, length = value;
        break;
      case 17:
        if (same_header_name(name, "transfer-encoding")) ++codings, coding = value;
        break;
      default:
        break;
    }
  }
  if (hosts > 1 || (hosts == 0 && !http10_)) return refuse(bad, 400, "exactly one Host header is needed");
  if (codings > 0) {
    if (lengths > 0) return refuse(bad, 400, "Content-Length and Transfer-Encoding exclude each other");
    if (http10_) return refuse(bad, 400, "HTTP/1.0 has no Transfer-Encoding");
    if (codings > 1 || !same_header_name(coding, "chunked"))
      return refuse(bad, 501, "the only transfer coding known is chunked");
    chunked_ = true;
    return true;
  }
  if (lengths == 0) return true;
  if (lengths > 1) return refuse(bad, 400, "Content-Length is given more than once");
  if (length.empty() || length.size() > 18 ||
      !std::ranges::all_of(length, [](char c) { return c >= '0' && c <= '9'; })) {
    return refuse(bad, 400, "Content-Length is not a number");
  }
  for (const char c : length) body_bytes_ = body_bytes_ * 10 + static_cast<size_t>(c - '0');
  if (body_bytes_ > limits_.body_bytes_max) return refuse(bad, 413, "the body is larger than this server takes");
  return true;
}

namespace {

// "1a;name=value" → 26; false when malformed or absurd.
bool chunk_size(std::string_view line, size_t& size) {
  const std::string_view digits = trimmed(line.substr(0, line.find(';')));
  if (digits.empty() || digits.size() > 8 || line.front() == ' ' || line.front() == '\t') return false;
  size = 0;
  for (const char c : digits) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) return false;
    size = size * 16 + static_cast<size_t>(digit);
  }
  return is_field_value(line);
}

}  // namespace

RequestParser::Step RequestParser::parse_chunks(std::string_view in) {
  Step step;
  size_t at = 0;
  while (at <= in.size()) {
    const std::string_view rest = in.substr(at);
    if (chunk_ == Chunk::Data) {
      const size_t take = std::min(chunk_left_, rest.size());
      body_copy_.append(rest.substr(0, take));
      at += take;
      chunk_left_ -= take;
      if (chunk_left_ > 0) break;
      chunk_ = Chunk::DataEnd;
      continue;
    }
    if (chunk_ == Chunk::DataEnd) {
      if (rest.size() < 2) break;
      if (!rest.starts_with("\r\n")) return refuse(step, 400, "a chunk is longer than it says"), step;
      at += 2;
      chunk_ = Chunk::Size;
      continue;
    }
    const size_t end = rest.find('\n');
    const size_t line_max = chunk_ == Chunk::Size ? kChunkLineBytesMax : kTrailerBytesMax;
    if (end == std::string_view::npos ? rest.size() > line_max : end > line_max)
      return refuse(step, 400, "a line between chunks is too long"), step;
    if (end == std::string_view::npos) break;
    if (end == 0 || rest[end - 1] != '\r') return refuse(step, 400, "a line between chunks does not end in CRLF"), step;
    const std::string_view line = rest.substr(0, end - 1);
    at += end + 1;
    if (chunk_ == Chunk::Trailer) {
      trailer_bytes_ += line.size();
      if (trailer_bytes_ > kTrailerBytesMax) return refuse(step, 431, "the trailers are too large"), step;
      if (!line.empty()) {
        const size_t colon = line.find(':');
        if (colon == std::string_view::npos || !is_token(line.substr(0, colon)) ||
            !is_field_value(line.substr(colon + 1))) {
          return refuse(step, 400, "a trailer is malformed"), step;
        }
        continue;  // known to be well formed, and of no use to a request that has been routed
      }
      header_count_ = 0;
      request_ = Request{};
      if (!read_head(head_copy_, step)) return step;
      request_.headers = {headers_.data(), header_count_};
      request_.body = body_copy_;
      step.state = State::Ready;
      step.consumed = at;
      done_ = true;
      return step;
    }
    size_t size = 0;
    if (line.empty() || !chunk_size(line, size)) return refuse(step, 400, "a chunk's size is malformed"), step;
    if (++chunk_count_ > kChunksMax) return refuse(step, 400, "the body has too many chunks"), step;
    if (size > limits_.body_bytes_max - body_copy_.size())
      return refuse(step, 413, "the body is larger than this server takes"), step;
    chunk_left_ = size;
    chunk_ = size == 0 ? Chunk::Trailer : Chunk::Data;
  }
  step.consumed = at;
  return step;
}

}  // namespace clops::serving::http
