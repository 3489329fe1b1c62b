#include "serving/engines/steps/pre.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "serving/protocol/element_types.h"

namespace clops::serving {
namespace {

using Kind = crds::PreOp::Kind;

constexpr size_t kBlockValues = 16'384, kBlockRowsMax = 256;  // what is worked on at once stays in the second cache

size_t bytes_of(Datatype type) {
  return type == Datatype::Bytes ? sizeof(std::string_view) : size_of(type);
}

std::string in_quotes(std::string_view text) {
  constexpr size_t kShown = 64;
  return "\"" + std::string(text.substr(0, kShown)) + (text.size() > kShown ? "...\"" : "\"");
}

std::string number_text(double value) {
  char digits[32];
  const char* const end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  return std::string(static_cast<const char*>(digits), end);
}

std::unexpected<Error> bad(size_t row, std::string_view column, const std::string& what) {
  return fail(Code::InvalidArgument,
              "row " + std::to_string(row) + ", column \"" + std::string(column) + "\": " + what);
}

template <class T>
bool fits(double value) {  // as an integer, exactly
  // The greatest is not a double for 64 bits; one more is.
  constexpr double kLeast = static_cast<double>(std::numeric_limits<T>::min());
  constexpr double kBeyond = static_cast<double>(std::numeric_limits<T>::max() / 2 + 1) * 2;
  return value >= kLeast && value < kBeyond && std::trunc(value) == value;
}

// Numbers to a model's elements; the index of the first that does not fit, or `count`.
template <class T>
size_t store_numbers(const double* from, size_t count, T* to, size_t stride) {
  for (size_t i = 0; i < count; ++i) {
    if constexpr (std::is_same_v<T, double>) {
      to[i * stride] = from[i];
    } else if constexpr (is_real_element<T>) {
      to[i * stride] = static_cast<T>(to_float32(from[i]));
    } else if constexpr (std::is_same_v<T, bool>) {
      if (from[i] != 0 && from[i] != 1) return i;
      to[i * stride] = from[i] == 1;
    } else {
      if (!fits<T>(from[i])) return i;
      to[i * stride] = static_cast<T>(from[i]);
    }
  }
  return count;
}

template <class Key>
const uint32_t* find(const std::vector<std::pair<Key, uint32_t>>& sorted, const Key& key) {
  const auto at = std::ranges::lower_bound(sorted, key, {}, &std::pair<Key, uint32_t>::first);
  return at == sorted.end() || at->first != key ? nullptr : &at->second;
}

}  // namespace

PreSteps::PreSteps(const crds::StepsPlan& plan, std::span<const TensorSpec> model)
    : plan_(plan), model_(model.begin(), model.end()) {
  if (!plan.has_pre) return;
  one_tensor_ = model_.size() == 1 && model_[0].shape.size() == 2;
  for (size_t slot = 0; slot < plan.slots; ++slot)
    places_.push_back(static_cast<uint32_t>(plan.text[slot] != 0 ? text_slots_++ : number_slots_++));
  block_ = std::clamp<size_t>(kBlockValues / std::max<size_t>(1, plan.slots), 1, kBlockRowsMax);
  same_ = !plan.computes && plan.tabular && plan.feeds.size() == plan.raw;
  for (size_t i = 0; i < plan.feeds.size(); ++i) same_ = same_ && plan.feeds[i] == i;
  element_ = bytes_of(model_[0].datatype);
  for (uint32_t slot = 0; slot < plan.raw; ++slot) {
    bool needed = std::ranges::any_of(plan.pre, [&](const crds::PreOp& op) { return op.from == slot; });
    for (size_t i = 0; i < plan.feeds.size(); ++i) needed = needed || (plan.feeds[i] == slot && !passes(i));
    if (needed && plan.computes) loads_.push_back(slot);
  }
  for (const crds::PreOp& op : plan.pre) {
    Lookup& lookup = lookups_.emplace_back();
    if (op.kind == Kind::Label || op.kind == Kind::OneHotText)
      for (uint32_t i = 0; i < op.texts.size(); ++i) lookup.texts.emplace_back(op.texts[i], i);
    if (op.kind == Kind::OneHotNumber)
      for (uint32_t i = 0; i < op.numbers.size(); ++i) lookup.numbers.emplace_back(op.numbers[i], i);
    std::ranges::sort(lookup.texts);
    std::ranges::sort(lookup.numbers);
  }
}

// An input of the model that is a column of the request as it came.
bool PreSteps::passes(size_t feed) const {
  const uint32_t slot = plan_.feeds[feed];
  return !one_tensor_ && slot < plan_.raw && plan_.computed[slot] == 0;
}

Status PreSteps::run(std::span<const TensorView> inputs, PreScratch& scratch) const {
  const size_t rows = inputs[0].rows();
  for (size_t i = 1; i < plan_.inputs.size(); ++i) {
    if (inputs[i].rows() == rows) continue;
    return fail(Code::InvalidArgument, "inputs \"" + plan_.inputs[0].name + "\" and \"" + plan_.inputs[i].name +
                                           "\" differ in rows: " + std::to_string(rows) + " and " +
                                           std::to_string(inputs[i].rows()));
  }
  scratch.views.resize(model_.size());
  if (same_) {
    scratch.views[0] = inputs[0];
    return {};
  }
  make_room(rows, scratch);
  if (!plan_.computes) {
    pick(inputs, scratch);
  } else {
    for (Rows block{0, 0}; block.begin < rows; block.begin += block.count) {
      block.count = std::min(block_, rows - block.begin);
      load(inputs, block, scratch);
      for (size_t op = 0; op < plan_.pre.size(); ++op) CLOPS_TRY(compute(op, block, scratch));
      for (size_t i = 0; i < plan_.feeds.size(); ++i)
        if (!passes(i)) CLOPS_TRY(store(i, block, scratch));
    }
  }
  for (size_t i = 0; i < model_.size(); ++i) {
    if (!passes(i)) {
      scratch.views[i] = scratch.fed[i].view();
      continue;
    }
    scratch.views[i] = inputs[plan_.feeds[i]];
    if (model_[i].shape.size() == 1) scratch.views[i].shape = scratch.views[i].shape.first(1);
  }
  return {};
}

void PreSteps::make_room(size_t rows, PreScratch& scratch) const {
  if (scratch.numbers.size() < number_slots_ * block_) scratch.numbers.resize(number_slots_ * block_);
  if (scratch.texts.size() < text_slots_ * block_) scratch.texts.resize(text_slots_ * block_);
  scratch.fed.resize(model_.size());
  const auto count = static_cast<int64_t>(rows);
  for (size_t i = 0; i < model_.size(); ++i) {
    if (passes(i)) continue;
    if (model_[i].shape.size() == 1) {
      scratch.fed[i].reset(model_[i].datatype, {count});
    } else {
      scratch.fed[i].reset(model_[i].datatype, {count, one_tensor_ ? static_cast<int64_t>(plan_.feeds.size()) : 1});
    }
  }
}

PreSteps::Column<const std::byte> PreSteps::raw(std::span<const TensorView> inputs, size_t column) const {
  if (!plan_.tabular) return {static_cast<const std::byte*>(inputs[column].data), 1};
  return {static_cast<const std::byte*>(inputs[0].data) + column * bytes_of(inputs[0].datatype), plan_.raw};
}

PreSteps::Column<std::byte> PreSteps::fed(PreScratch& scratch, size_t feed) const {
  if (!one_tensor_) return {static_cast<std::byte*>(scratch.fed[feed].data()), 1};
  return {static_cast<std::byte*>(scratch.fed[0].data()) + feed * bytes_of(model_[0].datatype), plan_.feeds.size()};
}

// Nothing is computed: elements go to their places as they are.
void PreSteps::pick(std::span<const TensorView> inputs, PreScratch& scratch) const {
  const size_t rows = inputs[0].rows();
  for (size_t i = 0; i < plan_.feeds.size(); ++i) {
    if (passes(i)) continue;
    const auto from = raw(inputs, plan_.feeds[i]);
    const auto to = fed(scratch, i);
    for (size_t row = 0; row < rows; ++row)
      std::memcpy(to.data + row * to.stride * element_, from.data + row * from.stride * element_, element_);
  }
}

void PreSteps::load(std::span<const TensorView> inputs, Rows rows, PreScratch& scratch) const {
  const auto copy = [&](const auto* from, size_t stride, auto* to) {
    from += rows.begin * stride;
    for (size_t i = 0; i < rows.count; ++i) to[i] = from[i * stride];
  };
  for (const uint32_t slot : loads_) {
    const auto from = raw(inputs, slot);
    if (plan_.text[slot] != 0) {
      copy(reinterpret_cast<const std::string_view*>(from.data), from.stride, texts(scratch, slot));
    } else {
      copy(reinterpret_cast<const double*>(from.data), from.stride, numbers(scratch, slot));
    }
  }
}

Status PreSteps::compute(size_t index, Rows rows, PreScratch& scratch) const {
  const crds::PreOp& op = plan_.pre[index];
  const double a = op.a, b = op.b;
  const auto each = [&](const auto& change) {
    double* const x = numbers(scratch, op.from);
    for (size_t i = 0; i < rows.count; ++i) x[i] = change(x[i]);
    return Status();
  };
  switch (op.kind) {
    case Kind::FillNumber:
      return each([&](double x) { return std::isnan(x) ? a : x; });
    case Kind::ShiftScale:
      return each([&](double x) { return (x - a) / b; });
    case Kind::ScaleShift:
      return each([&](double x) { return x * a + b; });
    case Kind::Clip:
      return each([&](double x) { return x < a ? a : x > b ? b : x; });
    case Kind::FillText: {
      std::string_view* const x = texts(scratch, op.from);
      for (size_t i = 0; i < rows.count; ++i)
        if (x[i].empty()) x[i] = op.texts[0];
      return {};
    }
    case Kind::Label:
    case Kind::OneHotText:
      return compute_by_text(index, rows, scratch);
    case Kind::OneHotNumber:
      return one_hot_number(index, rows, scratch);
  }
  return {};
}

Status PreSteps::compute_by_text(size_t index, Rows rows, PreScratch& scratch) const {
  const crds::PreOp& op = plan_.pre[index];
  const std::string_view* const from = texts(scratch, op.from);
  double* const to = numbers(scratch, op.to);
  const bool label = op.kind == Kind::Label;
  if (!label) std::fill_n(to, op.texts.size() * block_, 0.0);  // slots that are made together lie together
  for (size_t i = 0; i < rows.count; ++i) {
    const uint32_t* const found = find(lookups_[index].texts, from[i]);
    if (found == nullptr && op.refuses)
      return bad(rows.begin + i, op.column,
                 in_quotes(from[i]) + (label ? " has no number" : " is none of the categories"));
    if (label) {
      to[i] = found == nullptr ? op.a : op.numbers[*found];
    } else if (found != nullptr) {
      to[*found * block_ + i] = 1;
    }
  }
  return {};
}

Status PreSteps::one_hot_number(size_t index, Rows rows, PreScratch& scratch) const {
  const crds::PreOp& op = plan_.pre[index];
  const double* const from = numbers(scratch, op.from);
  double* const to = numbers(scratch, op.to);
  std::fill_n(to, op.numbers.size() * block_, 0.0);
  for (size_t i = 0; i < rows.count; ++i) {
    const uint32_t* const found = std::isnan(from[i]) ? nullptr : find(lookups_[index].numbers, from[i]);
    if (found != nullptr) {
      to[*found * block_ + i] = 1;
    } else if (op.refuses) {
      return bad(rows.begin + i, op.column, number_text(from[i]) + " is none of the categories");
    }
  }
  return {};
}

Status PreSteps::store(size_t feed, Rows rows, PreScratch& scratch) const {
  const uint32_t slot = plan_.feeds[feed];
  const Datatype type = model_[one_tensor_ ? 0 : feed].datatype;
  const auto to = fed(scratch, feed);
  const size_t skipped = rows.begin * to.stride;
  if (type == Datatype::Bytes) {
    auto* const out = reinterpret_cast<std::string_view*>(to.data) + skipped;
    const std::string_view* const from = texts(scratch, slot);
    for (size_t i = 0; i < rows.count; ++i) out[i * to.stride] = from[i];
    return {};
  }
  const double* const from = numbers(scratch, slot);
  const size_t stored = with_type(type, [&](auto element) {
    using T = decltype(element);
    if constexpr (std::is_same_v<T, std::string_view>) {
      return rows.count;
    } else {
      return store_numbers(from, rows.count, reinterpret_cast<T*>(to.data) + skipped, to.stride);
    }
  });
  if (stored == rows.count) return {};
  return bad(rows.begin + stored, plan_.names[slot],
             number_text(from[stored]) + " is no " + std::string(to_string(type)) + ", which the model takes");
}

}  // namespace clops::serving
