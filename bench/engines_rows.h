// Rows, clocks and answers of the programs that time engines: what bench/engines.cpp and bench/contributions.cpp share.
//
// Thread rule: one thread. Errors: as engines_peers.h.
#pragma once

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>
#include <utility>

#include "bench/engines_peers.h"
#include "formats/model_file.h"

namespace clops::bench {

using Clock = std::chrono::steady_clock;
inline double microseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

struct Rows {  // float32, row-major
  std::vector<float> numbers;
  size_t columns;
  [[nodiscard]] size_t count() const { return numbers.size() / columns; }
  [[nodiscard]] const float* at(size_t row) const { return numbers.data() + row * columns; }
};

inline Rows read_rows(const std::string& path, size_t columns) {
  std::ifstream in(path, std::ios::binary);
  if (!in) die("cannot read " + path);
  const std::string bytes((std::istreambuf_iterator<char>(in)), {});
  std::vector<float> numbers(bytes.size() / sizeof(float));
  std::memcpy(numbers.data(), bytes.data(), numbers.size() * sizeof(float));
  return {std::move(numbers), columns};
}

inline formats::Ensemble load_ensemble(const std::string& path) {
  auto model = formats::load_model(path);
  if (!model) die(model.error().message);
  auto* ensemble = std::get_if<formats::Ensemble>(&*model);
  if (ensemble == nullptr) die("not a tree ensemble");
  return std::move(*ensemble);
}

inline double quantile(std::vector<double> values, double q) {
  std::ranges::sort(values);
  return values[std::min(values.size() - 1, static_cast<size_t>(q * static_cast<double>(values.size())))];
}

// `width` numbers a row, of twice `half` rows: the first half asked one by one, the second in a batch.
inline void write_answers(Peer& peer, const Rows& rows, size_t half, size_t width, const std::string& path) {
  std::vector<double> answers;
  for (size_t row = 0; row < half; ++row) {
    peer.one(rows.at(row));
    for (size_t i = 0; i < width; ++i) answers.push_back(peer.answer(i));
  }
  peer.batch(rows.at(half), half);
  for (size_t i = 0; i < half * width; ++i) answers.push_back(peer.answer(i));
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(answers.data()),
             static_cast<std::streamsize>(answers.size() * sizeof(double)));
}

// Microseconds a row in batches of `size`: the median of passes over other rows, at least and at most so many.
inline double time_batches(Peer& peer, const Rows& rows, size_t size, double seconds, size_t least, size_t most) {
  std::vector<double> times;
  const auto start = Clock::now();
  for (size_t row = 0; times.size() < least || (microseconds_since(start) < seconds * 1e6 && times.size() < most);
       row = row + 2 * size > rows.count() ? 0 : row + size) {
    const auto before = Clock::now();
    size == 1 ? peer.one(rows.at(row)) : peer.batch(rows.at(row), size);
    times.push_back(microseconds_since(before) / static_cast<double>(size));
  }
  return quantile(times, 0.5);
}

}  // namespace clops::bench
