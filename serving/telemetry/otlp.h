// Calls as OTLP's ExportTraceServiceRequest in protobuf: a server span each, with request (decoding), compute and
// response (writing) under it, as far as the call came.
//
// Protobuf and not JSON: collectors must take it (JSON is a MAY), it is half the bytes, and the writer is there.
// Thread rule: pure but for the Random. Errors: none.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/random.h"
#include "serving/telemetry/call_record.h"

namespace clops::serving {

struct OtlpResource {
  std::vector<std::pair<std::string, std::string>> attributes;  // service.name and what else is known
  std::string scope_version;
};

// `wall_offset`: what turns a TimePoint into time since 1970. `random`: ids of the children.
void append_otlp(std::string& out, std::span<const CallRecord> calls, const OtlpResource& resource,
                 Duration wall_offset, Random& random);

// How many spans a collector says in its answer it has not taken.
[[nodiscard]] uint64_t rejected_spans(std::string_view answer);

}  // namespace clops::serving
