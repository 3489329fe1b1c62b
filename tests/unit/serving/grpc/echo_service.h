// A GrpcService for tests of what is around one: answers with what it was sent, by a clock that the test moves.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "serving/grpc/call.h"

namespace clops::serving::grpc {

class EchoService final : public GrpcService {
 public:
  std::optional<Method> find(std::string_view path) const override {
    if (path == "/t.T/Echo") return Method{.id = 0, .kind = MethodKind::Unary};
    if (path == "/t.T/Fail") return Method{.id = 1, .kind = MethodKind::Unary};
    if (path == "/t.T/Chat") return Method{.id = 2, .kind = MethodKind::Stream};
    if (path == "/t.T/Watch") return Method{.id = 3, .kind = MethodKind::Watch};
    if (path == "/t.T/Later") return Method{.id = 5, .kind = MethodKind::Later};
    if (path == "/t.T/Headers") return Method{.id = 4, .kind = MethodKind::Unary};
    return std::nullopt;
  }
  Outcome serve(Call& call, std::string_view message, std::string& out) override {
    ++served;
    if (call.method.id == 1 && message == "busy") return {GrpcCode::Unavailable, "busy", 1000};
    if (call.method.id == 1) return {GrpcCode::NotFound, std::string(message)};
    for (const HeaderView& header : call.headers) {
      if (call.method.id == 4) out.append(header.name).append("=").append(header.value).append(";");
    }
    if (call.method.id < 4) out += message;
    call.memory = version;
    return {};
  }
  std::optional<Outcome> news(Call& call, std::string& out) override {
    if (call.memory == version) return std::nullopt;
    call.memory = version;
    if (version == 99) return Outcome{GrpcCode::Unavailable, "no news is good news"};
    out += "news";
    return Outcome{};
  }
  void on_refused(GrpcCode code) override { refused.push_back(code); }
  TimePoint now() const override { return time; }

  TimePoint time{std::chrono::hours(1)};
  uint64_t version = 1;
  int served = 0;
  std::vector<GrpcCode> refused;
};

}  // namespace clops::serving::grpc
