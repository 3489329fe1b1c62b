// XGBoost models as UBJSON, and the bare UBJSON reader.
#include "tests/fuzz/xgboost_check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return clops::fuzz::check_xgboost(data, size, clops::formats::Encoding::Ubjson);
}
