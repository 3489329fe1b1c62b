// The golden files of tests/data/golden (scripts/make_golden.py says how they are written).
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
  size_t columns = 0, outputs = 0, rows = 0;
  std::vector<float> input, predicted;  // row-major
};

inline Golden read(const std::filesystem::path& path) {
  Golden golden{.name = path.stem().string()};
  std::ifstream in(path);
  std::string line;
  while (std::getline(in, line)) {
    std::istringstream words(line);
    std::string word;
    if (line.starts_with("model ")) {
      golden.models.push_back(line.substr(6));
    } else if (line.starts_with("columns ")) {
      words >> word >> golden.columns >> word >> golden.outputs >> word >> golden.rows;
    } else {
      std::vector<float>* into = &golden.input;
      while (words >> word) {
        uint32_t bits = 0;
        std::from_chars(word.data(), word.data() + word.size(), bits, 16);
        if (word == "|")
          into = &golden.predicted;
        else
          into->push_back(std::bit_cast<float>(bits));
      }
    }
  }
  return golden;
}

inline std::vector<Golden> all() {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(data("golden")))
    if (entry.path().extension() == ".golden") paths.push_back(entry.path());
  std::ranges::sort(paths);
  std::vector<Golden> goldens;
  for (const auto& path : paths) goldens.push_back(read(path));
  return goldens;
}

}  // namespace clops::golden
