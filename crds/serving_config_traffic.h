// What a variant may take, what is computed as one, and whose calls are computed once more aside: as a
// ModelDeployment's spec has it and, in the same words, serving.json.
//
// Thread rule: values. Errors of the readers: as Reader's, naming the field.
#pragma once

#include <optional>
#include <string>

namespace clops::crds {

// Of one variant in one pod. 0: no limit of its own.
struct VariantLimits {
  int max_concurrent = 0;           // calls that are computed at once
  int max_requests_per_second = 0;  // in the long run; a tenth of a second's worth may come at once
  int max_queue_delay_ms = 0;       // longest wait after which a call is still computed; 0: the server's
  bool operator==(const VariantLimits&) const = default;
};

// Calls of one variant that come together may be computed as one.
struct Batcher {
  int max_batch_size = 32;  // rows; 1: each call is computed alone
  int max_latency_ms = 5;   // longest that a call waits for others of its round
  bool operator==(const Batcher&) const = default;
};

struct Mirror {
  std::string variant;
  int percent = 0;  // of the calls that other variants answer
  bool operator==(const Mirror&) const = default;
};

}  // namespace clops::crds
