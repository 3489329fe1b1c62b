#include "serving/http/http1.h"

#include <charconv>
#include <utility>

namespace clops::serving::http {
namespace {

void append_number(std::string& out, size_t value) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out.append(digits, end);
}

class Http1 final : public StreamHandler {
 public:
  Http1(HttpService& service, const Http1Options& options, Answer& answer, const std::atomic<bool>& draining)
      : service_(service), options_(options), answer_(answer), draining_(draining), parser_(options.parser) {}

  Progress on_input(std::string_view in, std::string& out) override {
    Progress progress;
    while (out.size() < options_.out_bytes_max) {
      if (!held_) {
        if (progress.consumed == in.size() && parser_.between_messages()) break;
        const RequestParser::Step step = parser_.parse(in.substr(progress.consumed));
        if (step.state == RequestParser::State::Bad) return refuse(step, in.size(), progress, out);
        if (step.send_continue) out += "HTTP/1.1 100 Continue\r\n\r\n";
        if (step.state == RequestParser::State::More) {
          progress.consumed += step.consumed;
          break;
        }
        held_bytes_ = step.consumed;
      } else {
        // The buffer has moved since: parse again what was whole before.
        RequestParser again(options_.parser);
        if (!held_chunked_) parser_ = std::move(again), parser_.parse(in.substr(progress.consumed));
        held_ = false;
      }
      answer_.reset();
      answer_.asked_first = std::exchange(asked_first_, 0);
      answer_.may_wait = out.empty();  // else what is there already is sent first, which may take time
      if (!service_.serve(parser_.request(), answer_)) return hold(progress);
      const bool last = progress.consumed + held_bytes_ >= in.size();  // of those that have come in one go
      const bool keep = write_answer(out, last);
      progress.consumed += held_bytes_;
      progress.completed = true;
      held_bytes_ = 0;
      if (!keep) {
        progress.consumed = in.size();
        progress.next = Next::Close;
        break;
      }
    }
    return progress;
  }

  bool idle() const override { return !held_ && parser_.between_messages(); }
  size_t held_bytes() const override { return parser_.held_bytes(); }
  void retire() override { retired_ = true; }

 private:
  Progress hold(Progress progress) {
    held_ = true;
    asked_first_ = answer_.asked_first;
    // A chunked message lives in the parser; its bytes may go. Another's views point into the loop's buffer, so it
    // stays.
    held_chunked_ = parser_.owns_message();
    if (held_chunked_) progress.consumed += std::exchange(held_bytes_, 0);
    progress.next = answer_.later ? Next::Later : Next::Wait;
    return progress;
  }

  Progress refuse(const RequestParser::Step& step, size_t size, Progress progress, std::string& out) {
    service_.on_refused(step.status);
    answer_.reset();
    answer_.error(step.status, step.reason);
    write_head(out, answer_.body.size(), false);
    out += answer_.body;
    progress.consumed = size;
    progress.next = Next::Close;
    progress.completed = true;
    return progress;
  }

  bool write_answer(std::string& out, bool last) {
    const Request& request = parser_.request();
    const bool ending = last && (retired_ || draining_.load(std::memory_order_relaxed));
    const bool keep = request.keep_alive && !ending;
    write_head(out, answer_.body.size(), keep);
    if (request.method != "HEAD") out += answer_.body;
    if (answer_.body.capacity() > (1u << 20)) std::string().swap(answer_.body);
    return keep;
  }

  void write_head(std::string& out, size_t body_bytes, bool keep) {
    if (answer_.status == 200) {
      out += "HTTP/1.1 200 OK\r\n";
    } else {
      out += "HTTP/1.1 ";
      append_number(out, static_cast<size_t>(answer_.status));
      out += ' ';
      out += reason_phrase(answer_.status);
      out += "\r\n";
    }
    out += "Content-Type: ";
    out += answer_.content_type;
    out += "\r\nContent-Length: ";
    append_number(out, body_bytes);
    out += "\r\n";
    out += answer_.extra;
    out += answer_.headers;
    if (!keep) out += "Connection: close\r\n";
    out += "\r\n";
  }

  HttpService& service_;
  const Http1Options& options_;
  Answer& answer_;
  const std::atomic<bool>& draining_;
  RequestParser parser_;
  size_t held_bytes_ = 0;
  int64_t asked_first_ = 0;  // of the request that is held
  bool held_ = false, held_chunked_ = false, retired_ = false;
};

class Http1Protocol final : public StreamProtocol {
 public:
  Http1Protocol(HttpService& service, const Http1Options& options, const std::atomic<bool>& draining)
      : service_(service), options_(options), draining_(draining) {}
  std::unique_ptr<StreamHandler> open() override {
    return std::make_unique<Http1>(service_, options_, answer_, draining_);
  }

 private:
  HttpService& service_;
  Http1Options options_;
  const std::atomic<bool>& draining_;
  Answer answer_;  // one per loop thread: only one request is answered at a time
};

}  // namespace

std::unique_ptr<StreamProtocol> make_http1(HttpService& service, const Http1Options& options,
                                           const std::atomic<bool>& draining) {
  return std::make_unique<Http1Protocol>(service, options, draining);
}

void Answer::error(int code, std::string_view message) {
  status = code;
  body = "{\"error\":";
  append_json_string(body, message);
  body += '}';
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 431:
      return "Request Header Fields Too Large";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Internal Server Error";
  }
}

}  // namespace clops::serving::http
