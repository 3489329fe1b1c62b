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
// `mirrored`: of calls that were computed once more, told apart by their names or "mirror": true.
void append_prediction_metrics(std::string& out, const AllCounters& all, const AllCounters& mirrored);
[[nodiscard]] std::string predictions_json(const AllCounters& all, const AllCounters& mirrored);

}  // namespace clops::serving
