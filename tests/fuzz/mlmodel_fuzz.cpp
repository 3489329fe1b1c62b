// MLflow's MLmodel, a YAML text: no crash, bounded time, and no file is named that is outside its folder. Seed corpus:
// tests/data/mlflow.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>

#include "formats/mlmodel.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto read = clops::formats::read_mlmodel({reinterpret_cast<const char*>(data), size});
  if (!read) return 0;
  const std::filesystem::path file(read->file);
  if (file.empty() || file.is_absolute() || std::ranges::find(file, "..") != file.end()) std::abort();
  return 0;
}
