// ONNX Runtime beside the other peers: see engines_peers.h.
#pragma once

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "bench/engines_peers.h"
#include "serving/engines/onnx_runtime.h"

namespace clops::bench {

class OnnxPeer final : public Peer {
 public:
  OnnxPeer(const std::string& library, const std::string& model, size_t columns, size_t outputs, std::string output)
      : Peer(columns, outputs), output_(std::move(output)), row_(columns) {
    auto opened = serving::ort::Runtime::open({library});
    if (!opened) die(opened.error().message);
    runtime_ = *opened;
    const auto& call = runtime_->functions();
    serving::ort::SessionOptions* options = nullptr;
    check(call.create_session_options(&options));
    check(call.set_intra_threads(options, 1));
    check(call.set_inter_threads(options, 1));
    check(call.create_session(runtime_->env(), model.c_str(), options, &session_));
    one_ = tensor(row_.data(), 1);
  }
  void one(const float* row) override {
    std::memcpy(row_.data(), row, columns_ * sizeof(float));
    run(one_);
  }
  void batch(const float* rows, size_t count) override {
    serving::ort::Value* in = tensor(const_cast<float*>(rows), count);
    run(in);
    runtime_->functions().release_value(in);
  }
  double answer(size_t i) const override { return static_cast<double>(answers_[i]); }

 private:
  void check(serving::ort::Failure* failure) const {
    if (const Status status = runtime_->check(failure); !status) die(status.error().message);
  }
  serving::ort::Value* tensor(float* rows, size_t count) const {
    const int64_t shape[] = {static_cast<int64_t>(count), static_cast<int64_t>(columns_)};
    serving::ort::Value* value = nullptr;
    check(runtime_->functions().create_tensor_over(runtime_->memory(), rows, count * columns_ * sizeof(float), shape, 2,
                                                   serving::ort::kFloat, &value));
    return value;
  }
  void run(const serving::ort::Value* in) {
    const auto& call = runtime_->functions();
    if (out_ != nullptr) call.release_value(out_);
    out_ = nullptr;
    const char *input = "input", *output = output_.c_str();
    check(call.run(session_, nullptr, &input, &in, 1, &output, 1, &out_));
    void* data = nullptr;
    check(call.tensor_data(out_, &data));
    answers_ = static_cast<const float*>(data);
  }
  std::string output_;
  std::vector<float> row_;
  std::shared_ptr<const serving::ort::Runtime> runtime_;
  serving::ort::Session* session_ = nullptr;
  serving::ort::Value *one_ = nullptr, *out_ = nullptr;
  const float* answers_ = nullptr;
};

}  // namespace clops::bench
