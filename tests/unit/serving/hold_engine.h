// A model whose calls take as long as a test wants: one that is asked for kHold stays in until the test lets it go, and
// then fails; any other is answered at once with what it was asked.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <memory>

#include "serving/protocol/engine.h"

namespace clops::serving {

inline constexpr float kHold = 1000, kRefused = -1000;

struct Holding {
  std::atomic<int> inside{0};  // calls that are held
  std::atomic<bool> held{true};
  std::atomic<int> computed{0};  // calls that were answered
  float trigger = kHold;
  // A call takes so long whatever its rows, and fails for a row of kRefused.
  std::chrono::microseconds busy{0};
  std::atomic<size_t> rows_most{0};  // of one computation
  bool sums = false;                 // it answers one row, the last, to however many
  void let_go() {
    held.store(false);
    held.notify_all();
  }
};

class HoldEngine final : public Engine {
 public:
  explicit HoldEngine(std::shared_ptr<Holding> holding) : holding_(std::move(holding)) {
    info_.platform = "hold";
    info_.framework = "hold 1";
    info_.inputs = {{"x", Datatype::Fp32, {-1, 1}}};
    info_.outputs = {{"y", Datatype::Fp32, {-1, 1}}};
  }
  const EngineInfo& info() const override { return info_; }
  std::unique_ptr<Scratch> make_scratch() const override { return std::make_unique<Scratch>(); }
  Status infer(std::span<const TensorView> inputs, Scratch&, std::span<TensorBuffer> outputs) const override {
    if (inputs[0].as<float>()[0] == holding_->trigger) {
      holding_->inside.fetch_add(1);
      holding_->held.wait(true);
      holding_->inside.fetch_sub(1);
      return fail(Code::InvalidArgument, "was held");
    }
    const auto until = std::chrono::steady_clock::now() + holding_->busy;
    while (std::chrono::steady_clock::now() < until) {
    }
    if (std::ranges::find(inputs[0].as<float>(), kRefused) != inputs[0].as<float>().end())
      return fail(Code::InvalidArgument, "a row is refused");
    if (inputs[0].rows() > holding_->rows_most.load()) holding_->rows_most.store(inputs[0].rows());
    if (holding_->sums) {
      outputs[0].reset(inputs[0].datatype, {1, 1});
      outputs[0].as<float>()[0] = inputs[0].as<float>().back();
      return {};
    }
    outputs[0].reset(inputs[0].datatype, inputs[0].shape);
    std::memcpy(outputs[0].data(), inputs[0].data, inputs[0].count * sizeof(float));
    holding_->computed.fetch_add(1);
    return {};
  }

 private:
  std::shared_ptr<Holding> holding_;
  EngineInfo info_;
};

class HoldFactory final : public EngineFactory {
 public:
  HoldFactory(std::string format, std::shared_ptr<Holding> holding)
      : format_(std::move(format)), holding_(std::move(holding)) {}
  bool accepts(std::string_view format) const override { return format == format_; }
  Result<std::unique_ptr<Engine>> load(std::string_view) const override {
    return std::make_unique<HoldEngine>(holding_);
  }

 private:
  std::string format_;
  std::shared_ptr<Holding> holding_;
};

}  // namespace clops::serving
