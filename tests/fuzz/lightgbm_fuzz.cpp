// LightGBM's text: no input crashes the reader, and what is accepted can be evaluated. Seed corpus: tests/data/golden
// and tests/data/refused; tests/unit/formats/hostile_test.cpp replays them with mutations.
#include <cstdint>
#include <cstdlib>

#include "formats/lightgbm.h"
#include "tests/support/reference_forest.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace clops;
  const auto model = formats::read_lightgbm({reinterpret_cast<const char*>(data), size});
  if (!model || model->features > 4096) return 0;
  if (!formats::check_ensemble(*model)) std::abort();
  for (const double fill : {0.0, -0.5, 1e-36, 3.0, 1e300, static_cast<double>(NAN)}) {
    const std::vector<double> row(model->features, fill);
    (void)test::reference_predict<double, double>(*model, row.data());
  }
  return 0;
}
