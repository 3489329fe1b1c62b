// What is told of values at the door and of predictions: Prometheus text, bounded, and all of the predictions as JSON.
//
// Thread rule: pure, of counters that others may be counting up. Errors: none.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "serving/monitoring/counters.h"

namespace clops::serving {

using AllCounters = std::vector<std::shared_ptr<CounterSet>>;

void append_validation_metrics(std::string& out, const AllCounters& all);
// Of a variant's first few columns, on few bounds.
void append_prediction_metrics(std::string& out, const AllCounters& all);
[[nodiscard]] std::string predictions_json(const AllCounters& all);

}  // namespace clops::serving
