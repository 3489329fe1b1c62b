#include "serving/engines/forest_choice.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <random>

namespace clops::serving {
namespace {

using forest::kBlock;
using forest::kPlaneRows;

// Beyond this many slots, looking only at the numbers that a row's path tests may beat ranking all of them.
constexpr uint32_t kSlotsWorthAsking = 1024;
constexpr double kMeasureUs = 150;  // of one kernel, about
// Of a model of more nodes, laying out "masks" to be measured costs milliseconds; where "planes" fits, it is then the
// faster one by far.
constexpr size_t kNodesWorthAsking = 65'536;
constexpr size_t kManyNumbers = 1U << 20;  // of the rows that kernels are measured with

std::string text(double number) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.3g", number);
  return buffer;
}

}  // namespace

Result<const forest::Kernels*> kernels_for(ForestOptions::Instructions instructions) {
  using Instructions = ForestOptions::Instructions;
  const forest::Kernels* avx2 = forest::avx2_kernels();
  const forest::Kernels* avx512 = forest::avx512_kernels();
  switch (instructions) {
    case Instructions::Portable:
      return &forest::portable_kernels();
    case Instructions::Avx2:
      if (avx2 == nullptr) return fail(Code::Unsupported, "this processor has no AVX2");
      return avx2;
    case Instructions::Avx512:
      if (avx512 == nullptr) return fail(Code::Unsupported, "this processor has no AVX-512 with VBMI");
      return avx512;
    case Instructions::Best:
      break;
  }
  if (avx512 != nullptr) return avx512;
  return avx2 != nullptr ? avx2 : &forest::portable_kernels();
}

bool ForestChoice::fits(Single single) const {
  const forest::Kernels& kernels = *forest_.kernels_;
  switch (single) {
    case Single::Heap:
      return numbered_ && kernels.heap[0] != nullptr && forest::fits_heap(forest_.ranked_, kernels.lookup_slots);
    case Single::Bits:
      return numbered_ && kernels.bits[0] != nullptr && forest::fits_bits(forest_.ranked_, kernels.lookup_slots);
    case Single::Direct:
    case Single::DirectApart:
      return numbered_ && kernels.direct != nullptr && model_.rows == formats::Number::Float32 &&
             forest_.leaves_.plain() && forest::fits_direct(forest_.ranked_);
    case Single::Walk:
    case Single::WalkLarge:
      return numbered_;
    case Single::Measured:
    case Single::Plain:
      break;
  }
  return true;
}

bool ForestChoice::fits(Batch batch) const {
  switch (batch) {
    case Batch::Masks:
      return numbered_ && forest::fits_masks(forest_.ranked_);
    case Batch::Planes:
      return numbered_ && forest_.leaves_.plain() && forest::fits_planes(forest_.ranked_);
    case Batch::Walk:
    case Batch::WalkLarge:
      return numbered_;
    case Batch::Measured:
    case Batch::Plain:
      break;
  }
  return true;
}

Status ForestChoice::check_asked() const {
  if (!fits(options_.single))
    return fail(Code::Unsupported, "this model cannot have the kernel " + std::string(to_string(options_.single)));
  if (!fits(options_.batch))
    return fail(Code::Unsupported, "this model cannot have the kernel " + std::string(to_string(options_.batch)));
  return {};
}

void ForestChoice::lay_out(Single single) {
  const uint32_t lanes = forest_.kernels_->lanes;
  const bool large = single == Single::WalkLarge;
  if ((single == Single::Walk || large) && !forest_.walk_)
    forest_.walk_ = std::make_unique<forest::WalkLayout>(forest::lay_out_walk(forest_.ranked_, large));
  if (single == Single::Heap)
    forest_.heap_ =
        std::make_unique<forest::HeapLayout>(forest::lay_out_heap(forest_.ranked_, lanes, !forest_.leaves_.plain()));
  if (single == Single::Bits)
    forest_.bits_ =
        std::make_unique<forest::BitsLayout>(forest::lay_out_bits(forest_.ranked_, lanes, !forest_.leaves_.plain()));
  if (is_direct(single) && !forest_.direct_)
    forest_.direct_ = std::make_unique<forest::DirectLayout>(forest::lay_out_direct(forest_.ranked_));
  if (single == Single::Plain && !forest_.plain_) forest_.plain_ = std::make_unique<forest::PlainForest>(model_);
  forest_.chosen_.single = single;
  forest_.point_views();
}

void ForestChoice::lay_out(Batch batch) {
  const bool large = batch == Batch::WalkLarge;
  if ((batch == Batch::Walk || large) && (!forest_.walk_ || (large && forest_.walk_->large.empty())))
    forest_.walk_ = std::make_unique<forest::WalkLayout>(forest::lay_out_walk(forest_.ranked_, large));
  if (batch == Batch::Masks)
    forest_.masks_ =
        std::make_unique<forest::MaskLayout>(forest::lay_out_masks(forest_.ranked_, !forest_.leaves_.plain()));
  if (batch == Batch::Planes)
    forest_.planes_ =
        std::make_unique<forest::PlaneLayout>(forest::lay_out_planes(forest_.ranked_, forest_.kernels_->values));
  forest_.chosen_.batch = batch;
  forest_.point_views();
}

// Seeded rows that go all ways: each number is one of its feature's thresholds.
void ForestChoice::make_rows() {
  std::mt19937 random(1);
  const forest::Ranked& ranked = forest_.ranked_;
  rows_.assign(size_t{kBlock} * model_.features, 0.0F);
  for (uint32_t row = 0; row < kBlock; ++row) {
    float* to = rows_.data() + size_t{row} * model_.features;
    for (const forest::ShortSearch& search : ranked.shorts) {
      uint32_t count = forest::kFan;
      while (count < forest::kRunMax && !std::isnan(ranked.narrow[search.low + count - 1])) count += forest::kFan;
      count = std::min(count, forest::kRunMax);
      while (count > 1 && std::isnan(ranked.narrow[search.low + count - 1])) --count;
      to[search.feature] = ranked.narrow[search.low + random() % count];
    }
    for (const forest::Search& search : ranked.searches) {
      const uint32_t lowest = search.at[search.levels - 1];
      const size_t end = search.levels > 1 ? search.at[search.levels - 2] : 0;
      // The lowest level lies first; it ends where the one above begins, or with its first NaN.
      size_t count = search.levels > 1 ? end - lowest : forest::kFan;
      while (count > 1 && std::isnan(ranked.narrow[lowest + count - 1])) --count;
      to[search.feature] = ranked.narrow[lowest + random() % count];
    }
    for (const forest::CategorySearch& search : ranked.categories)
      to[search.feature] = static_cast<float>(random() % (search.codes + 1));
  }
  if (rows_.size() > kManyNumbers / (kPlaneRows / kBlock)) return;
  const std::vector<float> block = rows_;
  while (rows_.size() < size_t{kPlaneRows} * model_.features) rows_.insert(rows_.end(), block.begin(), block.end());
}

// Of `rows` rows, the least of several runs.
double ForestChoice::microseconds(size_t rows, size_t block_from) {
  using Clock = std::chrono::steady_clock;
  forest_.block_from_ = block_from;
  ForestWork work = forest_.make_work();
  std::vector<double> out(rows * forest_.out_columns());
  double least = 1e300, spent = 0;
  for (int run = 0; run < 50 && (run < 3 || spent < kMeasureUs); ++run) {
    const auto start = Clock::now();
    if (block_from > 1)
      for (size_t row = 0; row < rows; ++row)
        forest_.predict(rows_.data() + row * model_.features, 1, work, out.data());
    else
      forest_.predict(rows_.data(), rows, work, out.data());
    const double took = std::chrono::duration<double, std::micro>(Clock::now() - start).count();
    least = std::min(least, took);
    spent += took;
    if (spent > 20 * kMeasureUs) break;  // a huge model: once will do
  }
  return least;
}

// Of a row in a batch. What is faster with more rows is measured with few blocks and with many.
double ForestChoice::row_microseconds(Batch batch) {
  const bool many = rows_.size() >= size_t{kPlaneRows} * model_.features;
  if ((batch == Batch::Planes || batch == Batch::Masks) && many)
    return (microseconds(size_t{2} * kBlock, 1) / (2.0 * kBlock) + 2 * microseconds(kPlaneRows, 1) / kPlaneRows) / 3;
  return microseconds(kBlock, batch == Batch::Plain ? SIZE_MAX : 1) / kBlock;
}

// Whether a kernel that takes a lane for a tree has trees for more than all of them: then walking them one by one is
// not the fastest (on models of hundreds of trees it took 1.2 to 5 times as long), and is not laid out to be told so.
bool ForestChoice::fills_lanes() const {
  return (fits(Single::Heap) || fits(Single::Bits)) &&
         forest_.ranked_.trees.size() >= size_t{2} * forest_.kernels_->lanes;
}

void ForestChoice::measure_single() {
  constexpr size_t kRows = 32;
  std::vector<Single> asked;
  if (options_.single != Single::Measured) {
    asked = {options_.single};
  } else {
    for (const Single single : {Single::Heap, Single::Bits, Single::Direct, Single::DirectApart})
      if (fits(single)) asked.push_back(single);
    if (fits(Single::Walk) && !fills_lanes()) asked.push_back(Single::Walk);
    if (!numbered_ || forest_.ranked_.slot_count > kSlotsWorthAsking) asked.push_back(Single::Plain);
  }
  Single best = asked.front();
  for (const Single single : asked) {
    lay_out(single);
    const double took = microseconds(kRows, SIZE_MAX) / kRows;
    measured_ += (measured_.empty() ? "" : ", ") + std::string(to_string(single)) + " " + text(took) + " us";
    if (single_us_ == 0 || took < single_us_) {
      single_us_ = took;
      best = single;
    }
  }
  forest_.chosen_.single = best;
}

void ForestChoice::measure_batch() {
  std::vector<Batch> asked;
  if (options_.batch != Batch::Measured) {
    asked = {options_.batch};
  } else {
    const bool planes = fits(Batch::Planes), masks = fits(Batch::Masks);
    if (planes) asked.push_back(Batch::Planes);
    if (masks && !(planes && forest_.ranked_.nodes.size() > kNodesWorthAsking)) asked.push_back(Batch::Masks);
    if (fits(Batch::Walk) && !((planes || masks) && fills_lanes())) asked.push_back(Batch::Walk);
    if (!numbered_ || forest_.chosen_.single == Single::Plain) asked.push_back(Batch::Plain);
  }
  const Single single = forest_.chosen_.single;
  Batch best = asked.front();
  double least = 0;
  std::string measured;
  for (const Batch batch : asked) {
    lay_out(batch);
    if (batch == Batch::Plain) lay_out(Single::Plain);
    const double took = row_microseconds(batch);
    forest_.chosen_.single = single;
    measured += (measured.empty() ? "" : ", ") + std::string(to_string(batch)) + " " + text(took) + " us";
    if (least == 0 || took < least) {
      least = took;
      best = batch;
    }
  }
  measured_ += "; a row of a block: " + measured;
  forest_.row_us_ = least;
  forest_.chosen_.batch = best;
  forest_.point_views();
  if (best == Batch::Plain) {
    forest_.block_from_ = SIZE_MAX;
    return;
  }
  // A vector's worth of rows costs a block kernel what one row of it does.
  const size_t lanes = best == Batch::Planes  ? kBlock
                       : best == Batch::Masks ? std::min(forest_.kernels_->lanes, kBlock)
                                              : 8;
  const double few = microseconds(lanes, 1);
  forest_.block_from_ =
      options_.batch != Batch::Measured
          ? 2
          : static_cast<size_t>(std::clamp(few / std::max(single_us_, 1e-3), 2.0, 1.0 * forest_.block_unit()));
}

void ForestChoice::drop_unused() {
  const auto& chosen = forest_.chosen_;
  const bool walks = chosen.single == Single::Walk || chosen.single == Single::WalkLarge ||
                     chosen.batch == Batch::Walk || chosen.batch == Batch::WalkLarge;
  if (!walks) forest_.walk_.reset();
  if (chosen.single != Single::Heap) forest_.heap_.reset();
  if (chosen.single != Single::Bits) forest_.bits_.reset();
  if (!is_direct(chosen.single)) forest_.direct_.reset();
  if (chosen.batch != Batch::Masks) forest_.masks_.reset();
  if (chosen.batch != Batch::Planes) forest_.planes_.reset();
  if (chosen.single != Single::Plain && chosen.batch != Batch::Plain) forest_.plain_.reset();
  forest_.ranked_.nodes = {};
}

void ForestChoice::explain() {
  const auto& chosen = forest_.chosen_;
  forest_.explanation_ =
      std::string(forest_.kernels_->name) + "; single rows: " + std::string(to_string(chosen.single));
  if (chosen.batch != Batch::Plain)
    forest_.explanation_ +=
        "; from " + std::to_string(forest_.block_from_) + " rows: " + std::string(to_string(chosen.batch));
  forest_.explanation_ += " (measured at load: a row alone: " + measured_ + ")";
}

Status ForestChoice::choose() {
  CLOPS_TRY(check_asked());
  make_rows();
  measure_single();
  measure_batch();
  drop_unused();
  forest_.point_views();
  explain();
  return {};
}

}  // namespace clops::serving
