// The golden files of tests/data/golden (scripts/make_golden*.py write them): lines `model PATH` from the repository's
// root, one per encoding; `columns C outputs O rows R`, with `bits 64` behind it where rows and predictions are
// float64; then a line a row, `INPUT ... | PREDICTION ...`, each number its bits in hex.
#pragma once

#include <algorithm>
#include <bit>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "base/file.h"
#include "tests/support/paths.h"

namespace clops::golden {

inline std::filesystem::path root() {
  return clops::test::source_dir();
}
inline std::filesystem::path data(std::string_view name) {
  return root() / "tests/data" / name;
}

struct Golden {
  std::string name;
  std::vector<std::string> models;  // paths from the repository's root, one per encoding
  size_t columns = 0, outputs = 0, rows = 0, bits = 32;
  uint64_t ulps = 0;  // how far a prediction may be off, where the framework's own differ from machine to machine
  std::vector<float> input, predicted;       // row-major; empty where bits is 64
  std::vector<double> input64, predicted64;  // likewise; empty where bits is 32
};

// `INPUT ... | PREDICTION ...` onto the ends of both.
template <class Real, class Bits>
void read_row(std::istringstream& words, std::vector<Real>& input, std::vector<Real>& predicted) {
  std::vector<Real>* into = &input;
  std::string word;
  while (words >> word) {
    Bits bits = 0;
    std::from_chars(word.data(), word.data() + word.size(), bits, 16);
    if (word == "|")
      into = &predicted;
    else
      into->push_back(std::bit_cast<Real>(bits));
  }
}

inline Golden read(const std::filesystem::path& path) {
  Golden golden{.name = path.stem().string()};
  std::ifstream in(path);
  std::string line;
  while (std::getline(in, line)) {
    std::istringstream words(line);
    std::string word;
    if (line.starts_with("model ")) {
      golden.models.push_back(line.substr(6));
    } else if (line.starts_with("ulps ")) {
      words >> word >> golden.ulps;
    } else if (line.starts_with("columns ")) {
      words >> word >> golden.columns >> word >> golden.outputs >> word >> golden.rows >> word >> golden.bits;
    } else if (golden.bits == 64) {
      read_row<double, uint64_t>(words, golden.input64, golden.predicted64);
    } else {
      read_row<float, uint32_t>(words, golden.input, golden.predicted);
    }
  }
  return golden;
}

// Those whose rows and predictions are float32, or float64. In the folder `contributions`, what is predicted is what
// each column adds to each output, and what is expected of no row.
inline std::vector<Golden> all(size_t bits = 32, std::string_view folder = "golden") {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(data(folder)))
    if (entry.path().extension() == ".golden") paths.push_back(entry.path());
  std::ranges::sort(paths);
  std::vector<Golden> goldens;
  for (const auto& path : paths)
    if (Golden golden = read(path); golden.bits == bits) goldens.push_back(std::move(golden));
  return goldens;
}

}  // namespace clops::golden
