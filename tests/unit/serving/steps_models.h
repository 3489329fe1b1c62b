// Models that answer with what they were asked, under a schema of the test's choice; and steps as people write them.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>

#include "base/yaml.h"
#include "crds/steps_codec.h"
#include "serving/engines/steps/stepped.h"
#include "tests/unit/serving/echo_engine.h"

namespace clops::serving {

inline crds::Steps steps_of(const std::string& yaml) {
  const auto documents = parse_yaml(yaml);
  EXPECT_TRUE(documents) << yaml;
  crds::ReadError error;
  crds::Steps steps = crds::read_steps(crds::Reader(documents->at(0), "steps", error));
  EXPECT_TRUE(error.ok()) << yaml << (error.ok() ? "" : error.get()->message);
  return steps;
}

// An echo of `inputs` with `columns` as names; `extra`: an output on request, which says 7.
class ColumnsEcho final : public Engine {
 public:
  ColumnsEcho(std::vector<TensorSpec> inputs, std::vector<std::string> columns, bool extra = false)
      : echo_(std::move(inputs)), info_(echo_.info()) {
    info_.feature_names = std::move(columns);
    for (TensorSpec& output : info_.outputs) output.name.erase(0, std::string_view("out-").size());
    if (extra) {
      info_.outputs.push_back(
          {.name = std::string(kContributions), .datatype = Datatype::Fp32, .shape = {-1}, .on_request = true});
      info_.inputs.push_back({.name = std::string(kContributionsBackground),
                              .datatype = Datatype::Fp32,
                              .shape = {-1, 2},
                              .optional = true});
    }
  }
  const EngineInfo& info() const override { return info_; }
  std::unique_ptr<Scratch> make_scratch() const override { return echo_.make_scratch(); }
  Status infer(std::span<const TensorView> inputs, Scratch& scratch, std::span<TensorBuffer> outputs) const override {
    const size_t count = echo_.info().outputs.size();
    asked.clear();
    for (const TensorBuffer& output : outputs) asked.push_back(output.wanted);
    CLOPS_TRY(echo_.infer(inputs, scratch, outputs.first(count)));
    if (outputs.size() > count && outputs[count].wanted) {
      outputs[count].reset(Datatype::Fp32, {static_cast<int64_t>(inputs[0].rows())});
      std::ranges::fill(outputs[count].as<float>(), 7.0F);
    }
    return {};
  }
  mutable std::vector<bool> asked;  // which outputs were wanted last

 private:
  EchoEngine echo_;
  EngineInfo info_;
};

}  // namespace clops::serving
