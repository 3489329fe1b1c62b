#include "serving/engines/steps/post.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "serving/protocol/element_types.h"

namespace clops::serving {
namespace {

using Kind = crds::PostOp::Kind;

template <class T>
inline constexpr bool is_numeric = !std::is_same_v<T, std::string_view> && !std::is_same_v<T, bool>;

std::unexpected<Error> bad(const crds::PostOp& op, size_t row, double value, const std::string& what) {
  char digits[32];
  const char* const end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  const std::string text(static_cast<const char*>(digits), end);
  return fail(Code::InvalidArgument, "row " + std::to_string(row) + ": output \"" + op.output + "\" is " + text + what);
}

// Every width-th element from `first` on, as float64.
void read(const TensorView& from, size_t first, size_t width, std::vector<double>& to) {
  const size_t count = from.count / width;
  if (to.size() < count) to.resize(count);
  with_type(from.datatype, [&](auto element) {
    using T = decltype(element);
    if constexpr (is_numeric<T>) {
      const T* const values = from.as<T>().data() + first;
      for (size_t i = 0; i < count; ++i) to[i] = static_cast<double>(number_of(values[i * width]));
    }
  });
}

// As numpy's clip: NaN stays. Integers are held to bounds that are integers.
template <class T>
T clipped(T value, double least, double most) {
  const auto x = static_cast<double>(number_of(value));
  const double bound = x < least ? least : most;
  if (!(x < least) && !(x > most)) return value;
  if constexpr (is_real_element<T>) {
    if constexpr (std::is_same_v<T, double>)
      return bound;
    else
      return static_cast<T>(to_float32(bound));
  } else {
    constexpr double kLeast = static_cast<double>(std::numeric_limits<T>::min());
    if (bound <= kLeast) return std::numeric_limits<T>::min();
    constexpr double kMost = static_cast<double>(std::numeric_limits<T>::max());
    return bound >= kMost ? std::numeric_limits<T>::max() : static_cast<T>(bound);
  }
}

void clip(const TensorView& from, double least, double most, TensorBuffer& to) {
  to.reset(from.datatype, from.shape);
  with_type(from.datatype, [&](auto element) {
    using T = decltype(element);
    if constexpr (is_numeric<T>) {
      const std::span<const T> in = from.as<T>();
      const std::span<T> out = to.as<T>();
      for (size_t i = 0; i < in.size(); ++i) out[i] = clipped(in[i], least, most);
    }
  });
}

// As numpy.interp between points that rise, of x clipped to the outer ones: what scikit-learn's isotonic calibration
// does.
double interpolate(const std::vector<double>& xs, const std::vector<double>& ys, double x) {
  if (xs.size() == 1) return ys[0];
  if (std::isnan(x)) return x;
  if (x <= xs.front()) return ys.front();
  if (x >= xs.back()) return ys.back();
  const auto next = static_cast<size_t>(std::ranges::upper_bound(xs, x) - xs.begin()), at = next - 1;
  if (xs[at] == x) return ys[at];
  const double slope = (ys[next] - ys[at]) / (xs[next] - xs[at]);
  return slope * (x - xs[at]) + ys[at];
}

void top_k(const TensorView& from, const crds::PostOp& op, std::vector<uint32_t>& order, TensorBuffer& to,
           TensorBuffer& which) {
  const size_t rows = from.rows(), width = op.width, k = op.k;
  const std::initializer_list<int64_t> shape = {static_cast<int64_t>(rows), static_cast<int64_t>(k)};
  to.reset(from.datatype, shape);
  which.reset(op.labels.empty() ? Datatype::Int64 : Datatype::Bytes, shape);
  order.resize(width);
  with_type(from.datatype, [&](auto element) {
    using T = decltype(element);
    if constexpr (is_numeric<T>) {
      for (size_t row = 0; row < rows; ++row) {
        const std::span<const T> values = from.as<T>().subspan(row * width, width);
        std::iota(order.begin(), order.end(), 0U);
        std::partial_sort(order.begin(), order.begin() + static_cast<ptrdiff_t>(k), order.end(),
                          [&](uint32_t a, uint32_t b) {
                            const auto x = number_of(values[a]), y = number_of(values[b]);
                            return above(x, y) || (!above(y, x) && a < b);
                          });
        for (size_t i = 0; i < k; ++i) {
          to.as<T>()[row * k + i] = values[order[i]];
          if (op.labels.empty()) {
            which.as<int64_t>()[row * k + i] = order[i];
          } else {
            which.as<std::string_view>()[row * k + i] = op.labels[order[i]];
          }
        }
      }
    }
  });
}

}  // namespace

PostSteps::PostSteps(const crds::StepsPlan& plan, size_t model_outputs) : plan_(plan), model_outputs_(model_outputs) {}

void PostSteps::begin(std::span<const TensorBuffer> outputs, PostScratch& scratch) const {
  scratch.model.resize(model_outputs_);
  scratch.made.resize(plan_.values.size() - plan_.given);
  scratch.needed.assign(plan_.values.size(), 0);
  for (size_t i = 0; i < plan_.outputs.size(); ++i)
    if (outputs[i].wanted) scratch.needed[plan_.outputs[i]] = 1;
  for (auto op = plan_.post.rbegin(); op != plan_.post.rend(); ++op) {
    uint8_t& needed = scratch.needed[op->to];
    if (op->kind == Kind::TopK) needed = needed | scratch.needed[op->to + 1];
    scratch.needed[op->from] = scratch.needed[op->from] | needed;
  }
  for (size_t i = 0; i < plan_.given; ++i) scratch.model[i].wanted = scratch.needed[i] != 0;
  for (size_t i = plan_.given; i < model_outputs_; ++i) {
    const size_t answer = plan_.outputs.size() + i - plan_.given;
    scratch.model[i].wanted = answer < outputs.size() && outputs[answer].wanted;
  }
}

Status PostSteps::run(PostScratch& scratch, std::span<TensorBuffer> outputs) const {
  for (const crds::PostOp& op : plan_.post)
    if (scratch.needed[op.to] != 0) CLOPS_TRY(compute(op, scratch));
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (!outputs[i].wanted) continue;
    const size_t on_request = i - plan_.outputs.size() + plan_.given;
    TensorBuffer& from = i < plan_.outputs.size() ? slot(scratch, plan_.outputs[i]) : scratch.model[on_request];
    std::swap(outputs[i], from);
    outputs[i].wanted = true;
  }
  return {};
}

Status PostSteps::compute(const crds::PostOp& op, PostScratch& scratch) const {
  const TensorView from = slot(scratch, op.from).view();
  const bool by_row = op.kind != Kind::Clip && op.kind != Kind::Label;
  if (by_row && (from.shape.empty() || from.count != from.rows() * op.width))
    return fail(Code::Internal, "output \"" + op.output + "\" has the shape " + shape_text(from.shape) +
                                    ", and was declared to have " + std::to_string(op.width) + " values a row");
  switch (op.kind) {
    case Kind::Clip:
      clip(from, op.a, op.b, slot(scratch, op.to));
      return {};
    case Kind::Sigmoid:
    case Kind::Isotonic:
      calibrate(op, scratch);
      return {};
    case Kind::Threshold:
      return threshold(op, scratch);
    case Kind::TopK:
      top_k(from, op, scratch.order, slot(scratch, op.to), slot(scratch, op.to + 1));
      return {};
    case Kind::Label:
      return label(op, scratch);
  }
  return {};
}

void PostSteps::calibrate(const crds::PostOp& op, PostScratch& scratch) const {
  const TensorView from = slot(scratch, op.from).view();
  read(from, op.width - 1, op.width, scratch.numbers);
  TensorBuffer& to = slot(scratch, op.to);
  to.reset(Datatype::Fp64, from.shape);
  const std::span<double> out = to.as<double>();
  for (size_t row = 0; row < from.rows(); ++row) {
    const double x = scratch.numbers[row];
    const double p = op.kind == Kind::Sigmoid ? 1 / (1 + std::exp(op.a * x + op.b)) : interpolate(op.xs, op.ys, x);
    out[(row + 1) * op.width - 1] = p;
    if (op.width == 2) out[row * 2] = 1 - p;
  }
}

Status PostSteps::threshold(const crds::PostOp& op, PostScratch& scratch) const {
  const TensorView from = slot(scratch, op.from).view();
  const size_t rows = from.rows();
  read(from, op.column, op.width, scratch.numbers);
  TensorBuffer& to = slot(scratch, op.to);
  to.reset(op.labels.empty() ? Datatype::Int64 : Datatype::Bytes, {static_cast<int64_t>(rows)});
  for (size_t row = 0; row < rows; ++row) {
    const double x = scratch.numbers[row];
    if (std::isnan(x)) return bad(op, row, x, ", which is on no side of a threshold");
    if (op.labels.empty()) {
      to.as<int64_t>()[row] = x >= op.a ? 1 : 0;
    } else {
      to.as<std::string_view>()[row] = op.labels[x >= op.a ? 0 : 1];
    }
  }
  return {};
}

Status PostSteps::label(const crds::PostOp& op, PostScratch& scratch) const {
  const TensorView from = slot(scratch, op.from).view();
  read(from, 0, 1, scratch.numbers);
  TensorBuffer& to = slot(scratch, op.to);
  to.reset(Datatype::Bytes, from.shape);
  const auto labels = static_cast<double>(op.labels.size());
  const size_t in_row = std::max<size_t>(1, from.count / std::max<size_t>(1, from.rows()));
  for (size_t i = 0; i < from.count; ++i) {
    const double x = scratch.numbers[i];
    if (!(x >= 0 && x < labels && std::trunc(x) == x))
      return bad(op, i / in_row, x, ", which is no index of the " + std::to_string(op.labels.size()) + " labels");
    to.as<std::string_view>()[i] = op.labels[static_cast<size_t>(x)];
  }
  return {};
}

}  // namespace clops::serving
