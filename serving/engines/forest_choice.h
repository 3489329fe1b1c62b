// Which kernels serve a model: those asked for, or the fastest of those that fit it, measured. Inner to
// serving/engines. Thread rule: used while a Forest is made, by one thread.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "serving/engines/forest_model.h"

namespace clops::serving {

[[nodiscard]] Result<const forest::Kernels*> kernels_for(ForestOptions::Instructions instructions);

class ForestChoice {
 public:
  // `numbered`: forest.ranked_ holds the model; else only the plain walk can serve it.
  ForestChoice(Forest& forest, const formats::Ensemble& model, const ForestOptions& options, bool numbered)
      : forest_(forest), model_(model), options_(options), numbered_(numbered) {}
  [[nodiscard]] Status choose();

 private:
  using Single = ForestOptions::Single;
  using Batch = ForestOptions::Batch;
  [[nodiscard]] bool fits(Single single) const;
  [[nodiscard]] bool fits(Batch batch) const;
  [[nodiscard]] bool fills_lanes() const;
  [[nodiscard]] Status check_asked() const;
  void lay_out(Single single);
  void lay_out(Batch batch);
  void make_rows();
  [[nodiscard]] double microseconds(size_t rows, size_t block_from);
  [[nodiscard]] double row_microseconds(Batch batch);
  void measure_single();
  void measure_batch();
  void explain();
  void drop_unused();

  Forest& forest_;
  const formats::Ensemble& model_;
  const ForestOptions& options_;
  bool numbered_;
  std::vector<float> rows_;
  std::string measured_;
  double single_us_ = 0;
};

}  // namespace clops::serving
