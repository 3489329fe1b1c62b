// What is told of calls, and where. Thread rule: values.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/http.h"

namespace clops::serving {

struct AccessLogOptions {
  std::string file = "-";  // "-": standard output
  uint32_t lines_per_second = 1'000;
  std::chrono::milliseconds write_most{100};
};

struct TelemetryOptions {
  std::string otlp_traces_url;  // whole; empty: no spans
  Headers otlp_headers;         // secret
  std::string service_name = "clops-server";
  std::vector<std::pair<std::string, std::string>> resource;  // more attributes of it
  double trace_ratio = 0;                                     // of calls that come without a traceparent
  bool log_errors = false;
  double log_ratio = 0;
  AccessLogOptions access_log;
  size_t event_bytes_max = 16u << 20;
};

}  // namespace clops::serving
