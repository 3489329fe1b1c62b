// XGBoost models as UBJSON, and the bare UBJSON reader.
#include <cstdint>

#include "tests/fuzz/xgboost_check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  clops::fuzz::check_xgboost({reinterpret_cast<const char*>(data), size}, clops::formats::make_ubjson_reader,
                             clops::formats::Encoding::Ubjson);
  return 0;
}
