// XGBoost models as JSON.
#include <cstdint>

#include "tests/fuzz/xgboost_check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  clops::fuzz::check_xgboost({reinterpret_cast<const char*>(data), size}, clops::formats::make_json_reader,
                             clops::formats::Encoding::Json);
  return 0;
}
