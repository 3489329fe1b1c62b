#include "serving/telemetry/event_plan.h"

#include <algorithm>

namespace clops::serving {
namespace {

EventTensor tensor_of(const TensorSpec& spec) {
  EventTensor out{.name = spec.name, .whole = false, .width = 1, .columns = {}};
  for (size_t i = 1; i < spec.shape.size(); ++i) out.width *= static_cast<size_t>(std::max<int64_t>(spec.shape[i], 0));
  return out;
}

// Of a tensor whose rows are the model's features: an input, or what each feature contributes (and one number more).
bool has_features(const EventTensor& tensor, size_t features, bool input) {
  return input ? tensor.width == features : tensor.name == kContributions;
}

bool mark(std::vector<EventTensor>& tensors, const std::string& column, const std::vector<std::string>& features,
          bool input) {
  const auto at = std::ranges::find(features, column);
  bool known = false;
  for (EventTensor& tensor : tensors) {
    if (tensor.name == column) {
      tensor.whole = known = true;
    } else if (at != features.end() && has_features(tensor, features.size(), input)) {
      if (!input) tensor.width = features.size() + 1;
      tensor.columns.push_back(static_cast<uint32_t>(at - features.begin()));
      known = true;
    }
  }
  return known;
}

}  // namespace

std::shared_ptr<const EventPlan> make_event_plan(const crds::Logger& logger, std::string model, std::string version,
                                                 std::string variant, const EngineInfo* info) {
  auto out = std::make_shared<EventPlan>();
  out->logger = logger;
  out->model = std::move(model);
  out->version = std::move(version);
  out->variant = std::move(variant);
  if (info == nullptr) return out;
  for (const TensorSpec& spec : info->inputs) out->inputs.push_back(tensor_of(spec));
  for (const TensorSpec& spec : info->outputs) out->outputs.push_back(tensor_of(spec));
  for (const std::string& column : logger.redact_columns) {
    const bool in = mark(out->inputs, column, info->feature_names, true);
    const bool given = mark(out->outputs, column, info->feature_names, false);
    if (!in && !given) out->unknown_columns.push_back(column);
  }
  for (auto* tensors : {&out->inputs, &out->outputs})
    for (EventTensor& tensor : *tensors) std::ranges::sort(tensor.columns);
  return out;
}

}  // namespace clops::serving
