// A model that answers with what it was asked: one output like each input, called out-NAME. For what the wire does to
// values of every datatype; what engines do with them is theirs to test.
#pragma once

#include <cstring>

#include "serving/protocol/engine.h"

namespace clops::serving {

class EchoEngine final : public Engine {
 public:
  explicit EchoEngine(std::vector<TensorSpec> inputs) {
    info_.platform = "echo";
    info_.framework = "echo 1";
    for (const TensorSpec& input : inputs) {
      info_.outputs.push_back(input);
      info_.outputs.back().name = "out-" + input.name;
    }
    info_.inputs = std::move(inputs);
    if (info_.inputs.size() == 1 && info_.inputs[0].shape.size() == 2 && info_.inputs[0].shape[1] == 3)
      info_.feature_names = {"age", "income, yearly", "größe"};
  }
  const EngineInfo& info() const override { return info_; }
  std::unique_ptr<Scratch> make_scratch() const override { return std::make_unique<Scratch>(); }
  Status infer(std::span<const TensorView> inputs, Scratch&, std::span<TensorBuffer> outputs) const override {
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (!outputs[i].wanted) continue;
      outputs[i].reset(inputs[i].datatype, inputs[i].shape);
      if (inputs[i].datatype == Datatype::Bytes) {
        for (size_t e = 0; e < inputs[i].count; ++e) outputs[i].set_text(e, inputs[i].as<std::string_view>()[e]);
      } else {
        std::memcpy(outputs[i].data(), inputs[i].data, inputs[i].count * size_of(inputs[i].datatype));
      }
    }
    return {};
  }

 private:
  EngineInfo info_;
};

class EchoFactory final : public EngineFactory {
 public:
  EchoFactory(std::string format, std::vector<TensorSpec> inputs)
      : format_(std::move(format)), inputs_(std::move(inputs)) {}
  bool accepts(std::string_view format) const override { return format == format_; }
  Result<std::unique_ptr<Engine>> load(std::string_view) const override {
    return std::make_unique<EchoEngine>(inputs_);
  }

 private:
  std::string format_;
  std::vector<TensorSpec> inputs_;
};

}  // namespace clops::serving
