// Where a model's requests and answers are told as CloudEvents (spec.logger), in the spec and in serving.json alike.
//
// Thread rule: values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace clops::crds {

enum class LogMode : uint8_t { All, Request, Response };

struct Logger {
  std::string url;  // http(s), no credentials in it
  LogMode mode = LogMode::All;
  int percent = 100;
  std::vector<std::string> redact_columns;  // of inputs and outputs, or names of whole tensors: told as null
  int64_t bytes_max = 65'536;               // of a side's values; what has more is told without values
  std::string ns;                           // of the ModelDeployment; in serving.json only
  bool operator==(const Logger&) const = default;
};

}  // namespace clops::crds
