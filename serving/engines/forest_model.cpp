#include "serving/engines/forest_model.h"

#include <algorithm>
#include <type_traits>

#include "formats/model.h"
#include "serving/engines/forest_choice.h"
#include "serving/engines/transform.h"

namespace clops::serving {

using forest::kBlock;
using forest::kDoubleSums;
using forest::kFloatSums;
using forest::kLeaves;
using formats::Number;

namespace {
// Blocks of ranks that stay in the first cache beside a tree.
constexpr uint32_t kColumnBytes = 16'384, kBlocksMax = 8;
constexpr size_t kNarrowMost = 1 << 18;  // numbers of rows that are kept a second time: 1 MiB
}  // namespace

std::string_view to_string(ForestOptions::Single single) {
  switch (single) {
    case ForestOptions::Single::Measured:
      return "measured";
    case ForestOptions::Single::Walk:
      return "walk";
    case ForestOptions::Single::WalkLarge:
      return "walk of large nodes";
    case ForestOptions::Single::Heap:
      return "heap";
    case ForestOptions::Single::Bits:
      return "bits";
    case ForestOptions::Single::Direct:
      return "direct";
    case ForestOptions::Single::DirectApart:
      return "direct, added apart";
    case ForestOptions::Single::Plain:
      return "plain";
  }
  return "";
}

std::string_view to_string(ForestOptions::Batch batch) {
  switch (batch) {
    case ForestOptions::Batch::Measured:
      return "measured";
    case ForestOptions::Batch::Walk:
      return "walk";
    case ForestOptions::Batch::WalkLarge:
      return "walk of large nodes";
    case ForestOptions::Batch::Masks:
      return "masks";
    case ForestOptions::Batch::Planes:
      return "planes";
    case ForestOptions::Batch::Plain:
      return "plain";
  }
  return "";
}

Forest::Forest(const formats::Ensemble& model, forest::Ranked ranked, const forest::Kernels& kernels)
    : rows_(model.rows),
      sums_(model.sums),
      transform_(model.transform),
      scale_(model.scale),
      divisor_(model.divisor),
      features_(model.features),
      outputs_(model.outputs),
      out_columns_(formats::output_columns(model.transform, model.outputs)),
      double_margins_(model.margins),
      kernels_(&kernels),
      ranked_(std::move(ranked)),
      leaves_(model, ranked_) {
  for (const double margin : model.margins) float_margins_.push_back(static_cast<float>(margin));
  if (transform_ == formats::Transform::Sigmoid && sums_ == Number::Float32 && forest::if_exact(kernels.exp) != nullptr)
    sigmoid_ = kernels.sigmoid;
}

Result<Forest> Forest::make(const formats::Ensemble& model, const ForestOptions& options) {
  CLOPS_ASSIGN(const forest::Kernels* kernels, kernels_for(options.instructions));
  auto ranked = forest::rank(model);
  const bool numbered = ranked.has_value();
  if (!numbered && ranked.error().code != Code::Unsupported) return std::unexpected(ranked.error());
  Forest made(model, numbered ? std::move(*ranked) : forest::Ranked{}, *kernels);
  made.chosen_.instructions = options.instructions;
  CLOPS_TRY(ForestChoice(made, model, options, numbered).choose());
  return made;
}

ForestWork Forest::make_work() const {
  const size_t slots = std::max(row_stride() * kBlock, size_t{ranked_.column_bytes} * blocks_) + 256;
  const size_t sum = sums_ == Number::Float32 ? sizeof(float) : sizeof(double);
  const size_t sums = (size_t{outputs_} * kBlock * blocks_ + outputs_) * sum;
  const size_t planes = chosen_.batch == ForestOptions::Batch::Planes ? planes_->plane_count + 1 : 0;
  const size_t narrow = size_t{features_} * kBlock * blocks_;
  return ForestWork(slots, sums, leaves_.plain() ? 0 : ranked_.trees.size() * kBlock, planes * forest::kPlaneRows / 8,
                    narrows() && narrow <= kNarrowMost ? narrow : 0);
}

bool Forest::narrows() const {
  const bool ranks_blocks =
      chosen_.batch == ForestOptions::Batch::Planes || chosen_.batch == ForestOptions::Batch::Masks;
  return rows_ == Number::Float64 && leaves_.plain() && ranks_blocks;
}

size_t Forest::row_stride() const {
  return std::max<size_t>(ranked_.slot_count, 1);
}

uint32_t Forest::block_unit() const {
  return chosen_.batch == ForestOptions::Batch::Planes ? 2 * kBlock : kBlock;
}

size_t Forest::bytes() const {
  return ranked_.bytes() + leaves_.bytes() + (walk_ ? walk_->bytes() : 0) + (masks_ ? masks_->bytes() : 0) +
         (planes_ ? planes_->bytes() : 0) + (heap_ ? heap_->bytes() : 0) + (bits_ ? bits_->bytes() : 0) +
         (direct_ ? direct_->bytes() : 0) + (plain_ ? plain_->bytes() : 0);
}

void Forest::point_views() {
  rank_view_ = ranked_.view();
  rank_view_.features = features_;
  if (walk_) walk_view_ = walk_->view(ranked_, outputs_);
  walk_view_.slots = static_cast<uint32_t>(row_stride());
  if (masks_) mask_view_ = masks_->view(ranked_, outputs_);
  if (planes_) plane_view_ = planes_->view(ranked_, outputs_);
  if (heap_) heap_view_ = heap_->view(ranked_, outputs_);
  if (bits_) bits_view_ = bits_->view(ranked_, outputs_);
  if (direct_) direct_view_ = direct_->view(ranked_, outputs_);
  blocks_ = chosen_.batch == ForestOptions::Batch::Masks && leaves_.plain()
                ? std::clamp(kColumnBytes / std::max(ranked_.column_bytes, 1U), 1U, kBlocksMax)
                : 1;
  if (chosen_.batch == ForestOptions::Batch::Planes) blocks_ = forest::kPlaneRows / kBlock;
}

std::pair<const void*, forest::Kernels::Single> Forest::single_kernel(forest::Into into) const {
  switch (chosen_.single) {
    case ForestOptions::Single::Heap:
      return {&heap_view_, kernels_->heap[into]};
    case ForestOptions::Single::Bits:
      return {&bits_view_, kernels_->bits[into]};
    default:
      return {&walk_view_, walk_->small.empty() ? kernels_->walk_large[into] : kernels_->walk_small[into]};
  }
}

std::pair<const void*, forest::Kernels::Block> Forest::block_kernel(forest::Into into) const {
  if (chosen_.batch == ForestOptions::Batch::Masks) return {&mask_view_, kernels_->masks[into]};
  return {&walk_view_, walk_->small.empty() ? kernels_->walk_block_large[into] : kernels_->walk_block_small[into]};
}

template <class Real, class In>
void Forest::rank_row(const In* row, int8_t* slots) const {
  if constexpr (std::is_same_v<In, float>)
    kernels_->rank_row_float(rank_view_, row, slots);
  else if constexpr (std::is_same_v<Real, float>)
    kernels_->rank_row_narrowed(rank_view_, row, slots);
  else
    kernels_->rank_row_double(rank_view_, row, slots);
}

template <class Real, class In>
void Forest::rank_blocks(const In* rows, uint32_t count, int8_t* columns) const {
  for (uint32_t first = 0; first < count; first += kBlock) {
    const uint32_t block = std::min(count - first, kBlock);
    const In* from = rows + size_t{first} * features_;
    if constexpr (std::is_same_v<In, float>)
      kernels_->rank_block_float(rank_view_, from, block, columns);
    else if constexpr (std::is_same_v<Real, float>)
      kernels_->rank_block_narrowed(rank_view_, from, block, columns);
    else
      kernels_->rank_block_double(rank_view_, from, block, columns);
    columns += ranked_.column_bytes;
  }
}

namespace {
template <class Sum>
constexpr forest::Into kSums = std::is_same_v<Sum, float> ? kFloatSums : kDoubleSums;
}

template <class In>
void Forest::sum_direct(const In* row, float* sums) const {
  const auto kernel = chosen_.single == ForestOptions::Single::Direct ? kernels_->direct : kernels_->direct_apart;
  if constexpr (std::is_same_v<In, float>) return kernel(direct_view_, row, sums);
  float narrow[forest::kDirectFeatures];
  std::transform(row, row + features_, narrow, [](In x) { return static_cast<float>(x); });
  kernel(direct_view_, narrow, sums);
}

template <class Real, class Sum, class In>
void Forest::sum_row(const In* row, ForestWork& work, Sum* sums) const {
  if constexpr (std::is_same_v<Real, float> && std::is_same_v<Sum, float>)
    if (is_direct(chosen_.single)) return sum_direct(row, sums);
  const auto as_model = [row](uint32_t feature) { return static_cast<Real>(row[feature]); };
  if (chosen_.single == ForestOptions::Single::Plain) return plain_->add<Real>(as_model, sums);
  rank_row<Real>(row, work.ranks_.data());
  const auto [view, kernel] = single_kernel(leaves_.plain() ? kSums<Sum> : kLeaves);
  if (leaves_.plain()) return kernel(view, work.ranks_.data(), sums);
  uint32_t* leaves = work.leaves_.data();
  kernel(view, work.ranks_.data(), leaves);
  for (size_t t = 0; t < ranked_.trees.size(); ++t) leaves_.add(t, leaves[t], as_model, sums, 1);
}

// `sums`: [block][output][kBlock], of planes [output][kPlaneRows].
template <class Real, class Sum, class In>
void Forest::sum_blocks(const In* rows, uint32_t count, size_t ahead, ForestWork& work, Sum* sums) const {
  if constexpr (std::is_same_v<In, double> && std::is_same_v<Real, double>)
    if (float* const narrow = work.narrow_.data();
        !work.narrow_.empty() && kernels_->narrow(rows, size_t{count} * features_, narrow))
      return sum_blocks<Real>(narrow, count, 0, work, sums);
  int8_t* ranks = work.ranks_.data();
  if (chosen_.batch == ForestOptions::Batch::Planes) {
    if constexpr (std::is_same_v<In, float>)
      if (const auto kernel = kernels_->row_planes[kSums<Sum>]; kernel != nullptr)
        return kernel(rank_view_, plane_view_, rows, count, ahead, ranks, work.planes_.data(), sums);
    rank_blocks<Real>(rows, count, ranks);
    return kernels_->planes[kSums<Sum>](plane_view_, ranks, work.planes_.data(), count, sums);
  }
  if (chosen_.batch == ForestOptions::Batch::Masks) {
    rank_blocks<Real>(rows, count, ranks);
  } else {
    for (uint32_t row = 0; row < count; ++row)
      rank_row<Real>(rows + size_t{row} * features_, ranks + row * row_stride());
  }
  const auto [view, kernel] = block_kernel(leaves_.plain() ? kSums<Sum> : kLeaves);
  if (leaves_.plain()) return kernel(view, ranks, count, sums);
  const uint32_t* leaves = work.leaves_.data();
  kernel(view, ranks, count, work.leaves_.data());
  for (size_t t = 0; t < ranked_.trees.size(); ++t)
    for (uint32_t row = 0; row < count; ++row) {
      const In* at = rows + size_t{row} * features_;
      leaves_.add(
          t, leaves[t * kBlock + row], [at](uint32_t feature) { return static_cast<Real>(at[feature]); }, sums + row,
          kBlock);
    }
}

template <class Sum, class Out>
void Forest::finish(Sum* sums, Out* out) const {
  if (divisor_ != 1)
    for (uint32_t i = 0; i < outputs_; ++i) sums[i] /= static_cast<Sum>(divisor_);
  transform_row(transform_, scale_, sums, outputs_, out);
}

template <class Sum, class Out>
bool Forest::finish_column(Sum* sums, uint32_t rows, Out* out) const {
  if constexpr (std::is_same_v<Sum, float>)
    if (sigmoid_ != nullptr) {
      sigmoid_(forest::exp_table(), sums, rows);
      std::transform(sums, sums + rows, out, [](Sum x) { return static_cast<Out>(x); });
      return true;
    }
  return transform_column(transform_, scale_, sums, rows, out);
}

namespace {
// Of whole blocks: a number known to the compiler, so that it fills several at once.
template <class Sum>
void fill_blocks(Sum* to, uint32_t count, Sum margin) {
  for (uint32_t first = 0; first < count; first += kBlock)
    for (uint32_t i = 0; i < kBlock; ++i) to[first + i] = margin;
}
}  // namespace

template <class Sum>
const Sum* Forest::margins() const {
  if constexpr (std::is_same_v<Sum, float>)
    return float_margins_.data();
  else
    return double_margins_.data();
}

template <class Real, class Sum, class In, class Out>
void Forest::predict_alone(const In* rows, size_t count, ForestWork& work, Out* out) const {
  Sum* sums = reinterpret_cast<Sum*>(work.sums_.data());
  const Sum* from = margins<Sum>();
  for (; count != 0; --count, rows += features_, out += out_columns_) {
    for (uint32_t o = 0; o < outputs_; ++o) sums[o] = from[o];
    sum_row<Real>(rows, work, sums);
    finish(sums, out);
  }
}

template <class Real, class Sum, class In, class Out>
void Forest::predict_as(const In* rows, size_t count, ForestWork& work, Out* out) const {
  if (count < block_from_) return predict_alone<Real, Sum>(rows, count, work, out);
  Sum* row_sums = reinterpret_cast<Sum*>(work.sums_.data());
  Sum* sums = row_sums + outputs_;
  const uint32_t unit = block_unit();
  const uint32_t run = chosen_.batch == ForestOptions::Batch::Planes ? forest::kPlaneRows : kBlock;  // of sums
  for (size_t first = 0; first < count;) {
    auto rows_now = static_cast<uint32_t>(std::min<size_t>(count - first, size_t{kBlock} * blocks_));
    if (const uint32_t rest = rows_now % unit; rest < block_from_) rows_now -= rest;
    if (rows_now == 0 || block_from_ > unit)
      return predict_alone<Real, Sum>(rows + first * features_, count - first, work, out + first * out_columns_);
    const uint32_t asked = (std::min(rows_now, run) + unit - 1) / unit * unit;
    Sum* to = sums;
    for (uint32_t row = 0; row < rows_now; row += run)
      for (uint32_t o = 0; o < outputs_; ++o, to += run) fill_blocks(to, asked, margins<Sum>()[o]);
    sum_blocks<Real>(rows + first * features_, rows_now, count - first - rows_now, work, sums);
    if (outputs_ == 1 && divisor_ == 1 && finish_column(sums, rows_now, out + first)) {
      first += rows_now;
      continue;
    }
    for (uint32_t row = 0; row < rows_now; ++row) {
      const Sum* from = sums + size_t{row / run} * outputs_ * run + row % run;
      for (uint32_t o = 0; o < outputs_; ++o) row_sums[o] = from[size_t{o} * run];
      finish(row_sums, out + (first + row) * out_columns_);
    }
    first += rows_now;
  }
}

template <class In, class Out>
void Forest::predict_any(const In* rows, size_t count, ForestWork& work, Out* out) const {
  if (rows_ == Number::Float32)
    sums_ == Number::Float32 ? predict_as<float, float>(rows, count, work, out)
                             : predict_as<float, double>(rows, count, work, out);
  else
    sums_ == Number::Float32 ? predict_as<double, float>(rows, count, work, out)
                             : predict_as<double, double>(rows, count, work, out);
}

void Forest::predict(const float* rows, size_t count, ForestWork& work, float* out) const {
  predict_any(rows, count, work, out);
}
void Forest::predict(const float* rows, size_t count, ForestWork& work, double* out) const {
  predict_any(rows, count, work, out);
}
void Forest::predict(const double* rows, size_t count, ForestWork& work, float* out) const {
  predict_any(rows, count, work, out);
}
void Forest::predict(const double* rows, size_t count, ForestWork& work, double* out) const {
  predict_any(rows, count, work, out);
}

}  // namespace clops::serving
