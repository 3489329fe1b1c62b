// A tree ensemble that predicts: every way an Ensemble can be, bit for bit as its framework does (compared in the
// model's number, summed in tree order in the model's number, transformed in the framework's arithmetic).
//
// Which kernels serve a model is measured when it is made, on rows drawn around its own thresholds: a few milliseconds.
// Single rows and batches, every kernel and every instruction set give the same bits.
// Thread rule: immutable once made; predict() may run on any number of threads, each with a ForestWork of its own.
// It does not allocate. Errors: make() gives Unsupported for a kernel asked for that the model or the processor cannot
// have, and for a model that is too large to number.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "formats/ensemble.h"
#include "serving/engines/forest_kernels.h"
#include "serving/engines/forest_layout.h"
#include "serving/engines/forest_leaves.h"
#include "serving/engines/forest_plain.h"

namespace clops::serving {

struct ForestOptions {
  enum class Instructions : uint8_t { Best, Portable, Avx2, Avx512 };
  enum class Single : uint8_t { Measured, Walk, WalkLarge, Heap, Bits, Direct, DirectApart, Plain };
  enum class Batch : uint8_t { Measured, Walk, WalkLarge, Masks, Planes, Plain };
  Instructions instructions = Instructions::Best;
  Single single = Single::Measured;
  Batch batch = Batch::Measured;
};
[[nodiscard]] std::string_view to_string(ForestOptions::Single single);
[[nodiscard]] constexpr bool is_direct(ForestOptions::Single single) {
  return single == ForestOptions::Single::Direct || single == ForestOptions::Single::DirectApart;
}
[[nodiscard]] std::string_view to_string(ForestOptions::Batch batch);

// Working memory of one thread.
class ForestWork {
 public:
  ForestWork(size_t ranks, size_t sum_bytes, size_t leaves, size_t plane_bytes, size_t narrow)
      : ranks_(ranks), sums_(sum_bytes), leaves_(leaves), planes_(plane_bytes), narrow_(narrow) {}

 private:
  friend class Forest;
  forest::Aligned<int8_t> ranks_;
  forest::Aligned<unsigned char> sums_;
  forest::Aligned<uint32_t> leaves_;
  forest::Aligned<uint8_t> planes_;
  forest::Aligned<float> narrow_;
};

class Forest {
 public:
  [[nodiscard]] static Result<Forest> make(const formats::Ensemble& model, const ForestOptions& options = {});

  [[nodiscard]] ForestWork make_work() const;
  // Rows: row-major, count x features. Out: row-major, count x out_columns. A number is brought to what the model
  // compares in (as the frameworks do), a prediction to what is asked for.
  void predict(const float* rows, size_t count, ForestWork& work, float* out) const;
  void predict(const float* rows, size_t count, ForestWork& work, double* out) const;
  void predict(const double* rows, size_t count, ForestWork& work, float* out) const;
  void predict(const double* rows, size_t count, ForestWork& work, double* out) const;

  [[nodiscard]] size_t features() const { return features_; }
  [[nodiscard]] size_t out_columns() const { return out_columns_; }
  [[nodiscard]] size_t bytes() const;
  [[nodiscard]] const std::string& explanation() const { return explanation_; }
  [[nodiscard]] double row_us() const { return row_us_; }  // microseconds a row in a batch, as measured when made
  [[nodiscard]] ForestOptions chosen() const { return chosen_; }  // the kernels in use, none of them Measured

 private:
  friend class ForestChoice;
  Forest(const formats::Ensemble& model, forest::Ranked ranked, const forest::Kernels& kernels);

  template <class In, class Out>
  void predict_any(const In* rows, size_t count, ForestWork& work, Out* out) const;
  template <class Sum>
  const Sum* margins() const;
  template <class Real, class Sum, class In, class Out>
  void predict_alone(const In* rows, size_t count, ForestWork& work, Out* out) const;
  template <class Real, class Sum, class In, class Out>
  void predict_as(const In* rows, size_t count, ForestWork& work, Out* out) const;
  template <class Real, class Sum, class In>
  void sum_row(const In* row, ForestWork& work, Sum* sums) const;
  template <class In>
  void sum_direct(const In* row, float* sums) const;
  template <class Real, class Sum, class In>
  void sum_blocks(const In* rows, uint32_t count, size_t ahead, ForestWork& work, Sum* sums) const;
  template <class Real, class In>
  void rank_row(const In* row, int8_t* slots) const;
  template <class Real, class In>
  void rank_blocks(const In* rows, uint32_t count, int8_t* columns) const;
  template <class Sum, class Out>
  void finish(Sum* sums, Out* out) const;  // of one row
  template <class Sum, class Out>
  bool finish_column(Sum* sums, uint32_t rows, Out* out) const;  // of models of one output; false: not of these

  [[nodiscard]] size_t row_stride() const;    // of ranked rows
  [[nodiscard]] bool narrows() const;         // rows of double are ranked as float32 where they are such
  [[nodiscard]] uint32_t block_unit() const;  // rows that cost a block's kernel as much as a few of them
  [[nodiscard]] std::pair<const void*, forest::Kernels::Single> single_kernel(forest::Into into) const;
  [[nodiscard]] std::pair<const void*, forest::Kernels::Block> block_kernel(forest::Into into) const;
  void point_views();

  formats::Number rows_, sums_;
  formats::Transform transform_;
  double scale_, divisor_;
  uint32_t features_, outputs_, out_columns_;
  std::vector<float> float_margins_;
  std::vector<double> double_margins_;
  const forest::Kernels* kernels_;
  forest::VectorExp sigmoid_ = nullptr;  // of sums side by side, where the model asks for it and it is exact
  forest::Ranked ranked_;
  forest::LeafTable leaves_;
  ForestOptions chosen_;
  size_t block_from_ = forest::kBlock;  // this many rows or more are a block's work
  uint32_t blocks_ = 1;                 // that one call of the block kernel takes at most
  std::unique_ptr<forest::WalkLayout> walk_;
  std::unique_ptr<forest::MaskLayout> masks_;
  std::unique_ptr<forest::PlaneLayout> planes_;
  std::unique_ptr<forest::HeapLayout> heap_;
  std::unique_ptr<forest::BitsLayout> bits_;
  std::unique_ptr<forest::DirectLayout> direct_;
  std::unique_ptr<forest::PlainForest> plain_;
  forest::RankView rank_view_;
  forest::WalkView walk_view_;
  forest::MaskView mask_view_;
  forest::PlaneView plane_view_;
  forest::HeapView heap_view_;
  forest::BitsView bits_view_;
  forest::DirectView direct_view_;
  std::string explanation_;
  double row_us_ = 0;
};

}  // namespace clops::serving
