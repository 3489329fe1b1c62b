// Calls of an engine with made-up rows: to warm it up before the first client asks, or to see what a row costs.
//
// Thread rule: one thread. Errors: what the engine says of rows that mean nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "serving/protocol/engine.h"

namespace clops::serving {

class Trial {
 public:
  enum class Rows : uint8_t { Zeros, Mixed };  // Mixed: zeros, ones and all missing in turn; what is no float is zero

  explicit Trial(const Engine& engine);
  // Any number of rows of every input that must be there; others have none. Mixed rows begin with the `first` of three.
  void fill(int64_t rows, Rows kind, int64_t first = 0);
  [[nodiscard]] Status infer();

 private:
  const Engine& engine_;
  std::unique_ptr<Scratch> scratch_;
  std::vector<TensorBuffer> inputs_, outputs_;
  std::vector<TensorView> views_;
};

}  // namespace clops::serving
