#include "serving/net/by_preface.h"

#include <algorithm>
#include <utility>

namespace clops::serving {
namespace {

class Undecided final : public StreamHandler {
 public:
  Undecided(StreamProtocol& http1, StreamProtocol& http2) : http1_(http1), http2_(http2) {}

  Progress on_input(std::string_view in, std::string& out) override {
    if (chosen_ == nullptr) {
      const size_t seen = std::min(in.size(), kHttp2Preface.size());
      const bool may_be = in.substr(0, seen) == kHttp2Preface.substr(0, seen);
      begun_ = !in.empty();
      if (may_be && seen < kHttp2Preface.size()) return {};
      chosen_ = may_be ? http2_.open() : http1_.open();
      if (retired_) chosen_->retire();
    }
    return chosen_->on_input(in, out);
  }
  bool idle() const override { return chosen_ == nullptr ? !begun_ : chosen_->idle(); }
  bool unsent() const override { return chosen_ != nullptr && chosen_->unsent(); }
  size_t held_bytes() const override { return chosen_ == nullptr ? 0 : chosen_->held_bytes(); }
  Progress on_time(std::string& out) override { return chosen_ == nullptr ? Progress{} : chosen_->on_time(out); }
  void retire() override {
    retired_ = true;
    if (chosen_ != nullptr) chosen_->retire();
  }
  void farewell(std::string& out) override {
    if (chosen_ != nullptr) chosen_->farewell(out);
  }

 private:
  StreamProtocol& http1_;
  StreamProtocol& http2_;
  std::unique_ptr<StreamHandler> chosen_;
  bool begun_ = false, retired_ = false;
};

class ByPreface final : public StreamProtocol {
 public:
  ByPreface(std::unique_ptr<StreamProtocol> http1, std::unique_ptr<StreamProtocol> http2)
      : http1_(std::move(http1)), http2_(std::move(http2)) {}
  std::unique_ptr<StreamHandler> open() override { return std::make_unique<Undecided>(*http1_, *http2_); }

 private:
  std::unique_ptr<StreamProtocol> http1_, http2_;
};

}  // namespace

std::unique_ptr<StreamProtocol> by_preface(std::unique_ptr<StreamProtocol> http1,
                                           std::unique_ptr<StreamProtocol> http2) {
  return std::make_unique<ByPreface>(std::move(http1), std::move(http2));
}

}  // namespace clops::serving
