#include "crds/steps_plan.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <set>

namespace clops::crds {
namespace {

using Names = std::vector<std::string>;

constexpr size_t kSlotsMax = 16'384;
constexpr std::string_view kOnRequest = "contributions";  // an output that forests add to theirs

std::unexpected<Error> bad(const std::string& where, const std::string& what) {
  return fail(Code::InvalidArgument, where + ": " + what);
}

std::string in_quotes(std::string_view name) {
  return "\"" + std::string(name) + "\"";
}

std::string at(std::string_view list, size_t index) {
  return std::string(list) + "[" + std::to_string(index) + "]";
}

struct NamedSlot {
  std::string name;
  uint32_t slot = 0;
};
using NamedSlots = std::vector<NamedSlot>;

std::string shown(const NamedSlots& slots) {
  constexpr size_t kShown = 8;
  std::string out;
  for (size_t i = 0; i < std::min(slots.size(), kShown); ++i) out += (i > 0 ? ", " : "") + in_quotes(slots[i].name);
  return out + (slots.size() > kShown ? ", ..." : "");
}

Result<size_t> find(const NamedSlots& slots, const std::string& name, const std::string& where, const char* what) {
  const auto found = std::ranges::find(slots, name, &NamedSlot::name);
  if (found != slots.end()) return static_cast<size_t>(found - slots.begin());
  return bad(where, "there is no " + std::string(what) + " " + in_quotes(name) + " here; there are " + shown(slots));
}

Status check_unique(const NamedSlots& slots, const std::string& where, const char* what) {
  std::set<std::string_view> seen;
  for (const NamedSlot& one : slots)
    if (!seen.insert(one.name).second)
      return bad(where, "leaves two " + std::string(what) + "s called " + in_quotes(one.name));
  return {};
}

Status select(NamedSlots& slots, const SelectStep& names, const std::string& where, const char* what) {
  NamedSlots kept;
  for (size_t i = 0; i < names.size(); ++i) {
    CLOPS_ASSIGN(const size_t found, find(slots, names[i], at(where, i), what));
    kept.push_back(slots[found]);
  }
  CLOPS_TRY(check_unique(kept, where, what));
  slots = std::move(kept);
  return {};
}

// All at once, so that two names may be exchanged.
Status rename(NamedSlots& slots, const std::vector<RenameItem>& items, const std::string& where, const char* what) {
  NamedSlots renamed = slots;
  for (size_t i = 0; i < items.size(); ++i) {
    CLOPS_ASSIGN(const size_t found, find(slots, items[i].from, at(where, i) + ".from", what));
    renamed[found].name = items[i].to;
  }
  CLOPS_TRY(check_unique(renamed, where, what));
  slots = std::move(renamed);
  return {};
}

// ---- the model's columns

bool one_value_a_row(const ModelTensor& tensor) {
  return tensor.shape.size() == 1 || (tensor.shape.size() == 2 && tensor.shape[1] == 1);
}

struct ModelColumns {
  bool one_tensor = false;  // all columns are in one tensor of rows; else each is an input
  bool named = false;
  size_t count = 0;  // 0: the model does not say how many
  Names names;       // where it has none: their numbers
};

Result<ModelColumns> columns_of(const ModelSchema& model) {
  ModelColumns out;
  if (model.inputs.size() == 1 && model.inputs[0].shape.size() == 2) {
    const int64_t width = model.inputs[0].shape[1];
    out.one_tensor = true;
    out.count = width > 0 ? static_cast<size_t>(width) : model.feature_names.size();
    out.named = out.count > 0 && model.feature_names.size() == out.count;
    if (out.named) out.names = model.feature_names;
    if (!out.named)
      for (size_t i = 0; i < std::min(out.count, kSlotsMax); ++i) out.names.push_back(std::to_string(i));
    return out;
  }
  if (model.inputs.empty() || !std::ranges::all_of(model.inputs, one_value_a_row))
    return bad("steps.pre", "this model's inputs are no columns of a table");
  out.named = true;
  out.count = model.inputs.size();
  for (const ModelTensor& input : model.inputs) out.names.push_back(input.name);
  return out;
}

// ---- back from the model's columns to those of a request, by names alone: what does not fit is found on the way forth

void back(const SelectStep& step, Names& names) {
  names = step;
}
void back(const std::vector<RenameItem>& items, Names& names) {
  for (std::string& name : names) {
    const auto item = std::ranges::find(items, name, &RenameItem::to);
    if (item != items.end()) name = item->from;
  }
}
template <class Item>
void back(const std::vector<Item>&, Names&) {}

std::string number_text(double value) {
  char digits[32];
  const char* const end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  return std::string(static_cast<const char*>(digits), end);
}

Names names_of(const OneHotItem& item) {
  if (!item.names.empty()) return item.names;
  Names out;
  for (const std::string& category : item.categories) out.push_back(item.column + "_" + category);
  for (const double number : item.numbers) out.push_back(item.column + "_" + number_text(number));
  return out;
}

void back(const std::vector<OneHotItem>& items, Names& names) {
  for (auto item = items.rbegin(); item != items.rend(); ++item) {
    const Names made = names_of(*item);
    const std::set<std::string_view> all(made.begin(), made.end());
    const auto first = std::ranges::find_if(names, [&](const std::string& name) { return all.contains(name); });
    const auto place = names.insert(first, item->column) - names.begin();
    Names kept;
    for (size_t i = 0; i < names.size(); ++i)
      if (static_cast<ptrdiff_t>(i) == place || !all.contains(names[i])) kept.push_back(std::move(names[i]));
    names = std::move(kept);
  }
}

// ---- forth: what each step does to which slot

enum class Holds : uint8_t { Unsaid, Number, Text };

class PrePlanner {
 public:
  PrePlanner(StepsPlan& plan, const Steps& steps, const ModelSchema& model, ModelColumns columns)
      : plan_(plan), steps_(steps), model_(model), columns_(std::move(columns)) {}

  Status run() {
    CLOPS_TRY(begin());
    for (size_t i = 0; i < steps_.pre.size(); ++i) {
      const std::string where = at("steps.pre", i) + ".";
      CLOPS_TRY(std::visit([&](const auto& step) { return add(step, where); }, steps_.pre[i]));
      if (holds_.size() > kSlotsMax) return bad(where, "makes more than " + std::to_string(kSlotsMax) + " columns");
    }
    CLOPS_TRY(feed());
    describe_inputs();
    return {};
  }

 private:
  Status begin() {
    Names names;
    for (const StepColumn& column : steps_.columns) names.push_back(column.name);
    if (names.empty()) {
      if (columns_.count == 0)
        return bad("steps.columns", "this model does not say how many columns it takes: write those of a request");
      names = columns_.names;
      for (auto step = steps_.pre.rbegin(); step != steps_.pre.rend(); ++step)
        std::visit([&](const auto& items) { back(items, names); }, *step);
    }
    for (const std::string& name : names) (void)make(name, Holds::Unsaid);
    for (size_t i = 0; i < steps_.columns.size(); ++i)
      holds_[i] = steps_.columns[i].type == ColumnType::Text ? Holds::Text : Holds::Number;
    plan_.raw = names.size();
    return check_unique(now_, "steps.columns", "column");
  }

  uint32_t make(const std::string& name, Holds holds) {
    const auto slot = static_cast<uint32_t>(holds_.size());
    holds_.push_back(holds);
    plan_.computed.push_back(0);
    plan_.names.push_back(name);
    now_.push_back({name, slot});
    return slot;
  }

  // The column's place in now_, once it is sure to hold what the step works on.
  Result<size_t> take(const std::string& name, Holds wanted, const std::string& where) {
    CLOPS_ASSIGN(const size_t place, find(now_, name, where, "column"));
    Holds& holds = holds_[now_[place].slot];
    if (holds == Holds::Unsaid) holds = wanted;
    if (holds != wanted) {
      return bad(where, "column " + in_quotes(name) + " holds " + (holds == Holds::Text ? "text" : "numbers") +
                            " here, and this step works on " + (wanted == Holds::Text ? "text" : "numbers"));
    }
    return place;
  }

  // An operation on a column in place.
  Result<PreOp*> work(PreOp::Kind kind, const std::string& name, Holds wanted, const std::string& where) {
    CLOPS_ASSIGN(const size_t place, take(name, wanted, where));
    const uint32_t slot = now_[place].slot;
    plan_.computed[slot] = 1;
    plan_.pre.push_back({.kind = kind, .from = slot, .to = slot, .texts = {}, .numbers = {}, .column = name});
    return &plan_.pre.back();
  }

  Status add(const SelectStep& names, const std::string& where) {
    return select(now_, names, where + "select", "column");
  }
  Status add(const std::vector<RenameItem>& items, const std::string& where) {
    return rename(now_, items, where + "rename", "column");
  }

  template <class Item>
  Status add(const std::vector<Item>& items, const std::string& where) {
    for (size_t i = 0; i < items.size(); ++i) CLOPS_TRY(add(items[i], at(where + key(items[i]), i)));
    return {};
  }
  static const char* key(const ImputeItem&) { return "impute"; }
  static const char* key(const ScaleItem&) { return "scale"; }
  static const char* key(const ClipItem&) { return "clip"; }
  static const char* key(const MapLabelsItem&) { return "mapLabels"; }
  static const char* key(const OneHotItem&) { return "oneHot"; }

  Status add(const ImputeItem& item, const std::string& where) {
    const bool text = !item.value.has_value();
    CLOPS_ASSIGN(PreOp* const op, work(text ? PreOp::Kind::FillText : PreOp::Kind::FillNumber, item.column,
                                       text ? Holds::Text : Holds::Number, where + ".column"));
    op->a = item.value.value_or(0);
    if (text) op->texts = {item.text};
    return {};
  }

  Status add(const ScaleItem& item, const std::string& where) {
    const auto* const range = std::get_if<MinMaxScale>(&item.by);
    CLOPS_ASSIGN(PreOp* const op, work(range != nullptr ? PreOp::Kind::ScaleShift : PreOp::Kind::ShiftScale,
                                       item.column, Holds::Number, where + ".column"));
    if (range != nullptr) {  // as scikit-learn's: x * scale_ + min_, and a column that is constant is not stretched
      const double width = range->max - range->min;
      op->a = 1 / (width < 10 * std::numeric_limits<double>::epsilon() ? 1 : width);
      op->b = 0 - range->min * op->a;
    } else if (const auto* const standard = std::get_if<StandardScale>(&item.by)) {
      op->a = standard->mean;
      op->b = standard->std;
    } else {
      op->a = std::get<RobustScale>(item.by).center;
      op->b = std::get<RobustScale>(item.by).scale;
    }
    return {};
  }

  Status add(const ClipItem& item, const std::string& where) {
    CLOPS_ASSIGN(PreOp* const op, work(PreOp::Kind::Clip, item.of, Holds::Number, where + ".column"));
    op->a = item.min.value_or(-std::numeric_limits<double>::infinity());
    op->b = item.max.value_or(std::numeric_limits<double>::infinity());
    return {};
  }

  Status add(const MapLabelsItem& item, const std::string& where) {
    CLOPS_ASSIGN(const size_t place, take(item.column, Holds::Text, where + ".column"));
    PreOp op{.kind = PreOp::Kind::Label, .from = now_[place].slot, .texts = {}, .numbers = {}, .column = item.column};
    for (const auto& [label, number] : item.labels) {
      op.texts.push_back(label);
      op.numbers.push_back(number);
    }
    op.a = item.otherwise.value_or(0);
    op.refuses = !item.otherwise.has_value();
    op.to = make(item.column, Holds::Number);
    plan_.computed[op.from] = plan_.computed[op.to] = 1;
    now_[place].slot = op.to;
    now_.pop_back();
    plan_.pre.push_back(std::move(op));
    return {};
  }

  Status add(const OneHotItem& item, const std::string& where) {
    const bool text = !item.categories.empty();
    CLOPS_ASSIGN(const size_t place, take(item.column, text ? Holds::Text : Holds::Number, where + ".column"));
    PreOp op{.kind = text ? PreOp::Kind::OneHotText : PreOp::Kind::OneHotNumber,
             .from = now_[place].slot,
             .to = static_cast<uint32_t>(holds_.size()),
             .texts = item.categories,
             .numbers = item.numbers,
             .refuses = !item.ignore_unknown,
             .column = item.column};
    const std::set<std::string_view> texts(op.texts.begin(), op.texts.end());
    const std::set<double> numbers(op.numbers.begin(), op.numbers.end());
    if (texts.size() != op.texts.size() || numbers.size() != op.numbers.size())
      return bad(where + (text ? ".categories" : ".numbers"), "has one twice");
    plan_.computed[op.from] = 1;
    const size_t before = now_.size();
    for (const std::string& name : names_of(item)) plan_.computed[make(name, Holds::Number)] = 1;
    std::rotate(now_.begin() + static_cast<ptrdiff_t>(place), now_.begin() + static_cast<ptrdiff_t>(before),
                now_.end());
    const size_t made = now_.size() - before;
    now_.erase(now_.begin() + static_cast<ptrdiff_t>(place + made));
    plan_.pre.push_back(std::move(op));
    return check_unique(now_, where, "column");
  }

  // What is left must be the model's columns: by name, or by place where they have none.
  Status feed() {
    if (!columns_.named) {
      if (columns_.count != 0 && now_.size() != columns_.count) {
        return bad("steps.pre", "leaves " + std::to_string(now_.size()) + " columns, and the model takes " +
                                    std::to_string(columns_.count));
      }
      for (const NamedSlot& one : now_) plan_.feeds.push_back(one.slot);
    } else {
      const std::set<std::string_view> wanted(columns_.names.begin(), columns_.names.end());
      for (const NamedSlot& one : now_)
        if (!wanted.contains(one.name))
          return bad("steps.pre", "leaves the column " + in_quotes(one.name) +
                                      ", which the model does not take: leave it out with select");
      std::map<std::string_view, uint32_t> slots;
      for (const NamedSlot& one : now_) slots.emplace(one.name, one.slot);
      for (const std::string& name : columns_.names) {
        const auto found = slots.find(name);
        if (found == slots.end())
          return bad("steps.pre", "leaves no column " + in_quotes(name) + ", which the model takes");
        plan_.feeds.push_back(found->second);
      }
    }
    for (size_t i = 0; i < plan_.feeds.size(); ++i) CLOPS_TRY(check_fed(i));
    return {};
  }

  [[nodiscard]] const std::string& datatype_of(size_t column) const {
    return model_.inputs[columns_.one_tensor ? 0 : column].datatype;
  }

  Status check_fed(size_t column) {
    const std::string& datatype = datatype_of(column);
    const Holds wanted = datatype == "BYTES" ? Holds::Text : Holds::Number;
    Holds& holds = holds_[plan_.feeds[column]];
    if (holds == Holds::Unsaid) holds = wanted;
    if (holds == wanted) return {};
    return bad("steps.pre", "leaves column " + in_quotes(plan_.names[plan_.feeds[column]]) +
                                (wanted == Holds::Number ? " as text, and the model takes numbers: oneHot or mapLabels "
                                                           "makes numbers of it"
                                                         : " as numbers, and the model takes text"));
  }

  void describe_inputs() {
    plan_.slots = holds_.size();
    plan_.computes = !plan_.pre.empty();
    for (Holds& holds : holds_) {
      if (holds == Holds::Unsaid) holds = Holds::Number;  // left out by select, with nothing done to it
      plan_.text.push_back(holds == Holds::Text ? 1 : 0);
    }
    const auto raw = std::span(holds_).first(plan_.raw);
    plan_.tabular = columns_.one_tensor && std::ranges::all_of(raw, [&](Holds holds) { return holds == raw[0]; });
    const auto datatype = [&](size_t column) -> std::string {
      if (holds_[column] == Holds::Text) return "BYTES";
      if (columns_.one_tensor) return plan_.computes ? "FP64" : model_.inputs[0].datatype;
      const auto fed = std::ranges::find(plan_.feeds, column);
      if (plan_.computed[column] != 0 || fed == plan_.feeds.end()) return "FP64";
      return model_.inputs[static_cast<size_t>(fed - plan_.feeds.begin())].datatype;
    };
    if (plan_.tabular) {
      plan_.inputs = {{model_.inputs[0].name, datatype(0), {-1, static_cast<int64_t>(plan_.raw)}}};
      if (columns_.named || !steps_.columns.empty())
        plan_.columns.assign(plan_.names.begin(), plan_.names.begin() + static_cast<ptrdiff_t>(plan_.raw));
      return;
    }
    for (size_t i = 0; i < plan_.raw; ++i) plan_.inputs.push_back({plan_.names[i], datatype(i), {-1, 1}});
  }

  StepsPlan& plan_;
  const Steps& steps_;
  const ModelSchema& model_;
  const ModelColumns columns_;
  NamedSlots now_;
  std::vector<Holds> holds_;
};

// ---- outputs

bool is_number(const std::string& datatype) {
  return datatype != "BYTES" && datatype != "BOOL";
}

bool is_real(const std::string& datatype) {
  return datatype.starts_with("FP") || datatype == "BF16";
}

class PostPlanner {
 public:
  PostPlanner(StepsPlan& plan, const ModelSchema& model) : plan_(plan) {
    plan_.given = model.outputs.size();
    for (const ModelTensor& output : model.outputs) {
      now_.push_back({output.name, static_cast<uint32_t>(plan_.values.size())});
      plan_.values.push_back(output);
    }
  }

  Status run(const std::vector<PostStep>& steps) {
    for (size_t i = 0; i < steps.size(); ++i) {
      const std::string where = at("steps.post", i) + ".";
      CLOPS_TRY(std::visit([&](const auto& step) { return add(step, where); }, steps[i]));
    }
    for (const NamedSlot& one : now_) {
      if (!steps.empty() && one.name == kOnRequest)
        return bad("steps.post", "an output called " + in_quotes(kOnRequest) + " would be taken for that of a model");
      plan_.outputs.push_back(one.slot);
      plan_.renamed.push_back(one.name);
    }
    return {};
  }

 private:
  Status add(const SelectStep& names, const std::string& where) {
    return select(now_, names, where + "select", "output");
  }
  Status add(const std::vector<RenameItem>& items, const std::string& where) {
    return rename(now_, items, where + "rename", "output");
  }
  template <class Item>
  Status add(const std::vector<Item>& items, const std::string& where) {
    for (size_t i = 0; i < items.size(); ++i) CLOPS_TRY(add(items[i], at(where + key(items[i]), i)));
    return {};
  }
  static const char* key(const ClipItem&) { return "clip"; }
  static const char* key(const CalibrateItem&) { return "calibrate"; }
  static const char* key(const ThresholdItem&) { return "threshold"; }
  static const char* key(const TopKItem&) { return "topK"; }
  static const char* key(const NameLabelsItem&) { return "mapLabels"; }

  Result<size_t> take(const std::string& name, const std::string& where) {
    CLOPS_ASSIGN(const size_t place, find(now_, name, where, "output"));
    const ModelTensor& value = plan_.values[now_[place].slot];
    if (is_number(value.datatype)) return place;
    return bad(where, "output " + in_quotes(name) + " is " + value.datatype + " here, and this step works on numbers");
  }

  // Values of a row, of an output that has one dimension beside the rows' at most.
  Result<uint32_t> width_of(size_t place, const std::string& where) const {
    const std::vector<int64_t>& shape = plan_.values[now_[place].slot].shape;
    if (shape.size() == 1) return 1;
    if (shape.size() == 2 && shape[1] > 0 && shape[1] <= 65'536) return static_cast<uint32_t>(shape[1]);
    std::string text;
    for (const int64_t dimension : shape) text += (text.empty() ? "" : ",") + std::to_string(dimension);
    return bad(where, "output " + in_quotes(now_[place].name) + " has the shape [" + text +
                          "], which does not say how many values a row has");
  }

  uint32_t make(std::string datatype, std::vector<int64_t> shape) {
    plan_.values.push_back({"", std::move(datatype), std::move(shape)});
    return static_cast<uint32_t>(plan_.values.size() - 1);
  }
  [[nodiscard]] const ModelTensor& value_at(size_t place) const { return plan_.values[now_[place].slot]; }
  PostOp& work(PostOp::Kind kind, size_t place, uint32_t to) {
    plan_.post.push_back({.kind = kind,
                          .from = now_[place].slot,
                          .to = to,
                          .xs = {},
                          .ys = {},
                          .labels = {},
                          .output = now_[place].name});
    return plan_.post.back();
  }

  Status add(const ClipItem& item, const std::string& where) {
    CLOPS_ASSIGN(const size_t place, take(item.of, where + ".output"));
    const std::string& datatype = value_at(place).datatype;
    if (!is_real(datatype)) {
      for (const auto& [bound, key] : {std::pair(item.min, ".min"), std::pair(item.max, ".max")})
        if (bound && std::trunc(*bound) != *bound)
          return bad(where + key, number_text(*bound) + " is no " + datatype + ", which the output is");
    }
    const uint32_t to = make(value_at(place).datatype, value_at(place).shape);
    PostOp& op = work(PostOp::Kind::Clip, place, to);
    op.a = item.min.value_or(-std::numeric_limits<double>::infinity());
    op.b = item.max.value_or(std::numeric_limits<double>::infinity());
    now_[place].slot = to;
    return {};
  }

  Status add(const CalibrateItem& item, const std::string& where) {
    CLOPS_ASSIGN(const size_t place, take(item.output, where + ".output"));
    CLOPS_ASSIGN(const uint32_t width, width_of(place, where + ".output"));
    if (width > 2)
      return bad(where + ".output", "output " + in_quotes(item.output) + " has " + std::to_string(width) +
                                        " values a row: one is calibrated, or the second of two classes");
    const auto* const platt = std::get_if<PlattCurve>(&item.by);
    const uint32_t to = make("FP64", value_at(place).shape);
    PostOp& op = work(platt != nullptr ? PostOp::Kind::Sigmoid : PostOp::Kind::Isotonic, place, to);
    op.width = width;
    if (platt != nullptr) {
      op.a = platt->a;
      op.b = platt->b;
    } else {
      op.xs = std::get<IsotonicCurve>(item.by).scores;
      op.ys = std::get<IsotonicCurve>(item.by).probabilities;
    }
    now_[place].slot = to;
    return {};
  }

  Status add(const ThresholdItem& item, const std::string& where) {
    CLOPS_ASSIGN(const size_t place, take(item.output, where + ".output"));
    CLOPS_ASSIGN(const uint32_t width, width_of(place, where + ".output"));
    if (!item.column && width > 2)
      return bad(where + ".column",
                 "is required: output " + in_quotes(item.output) + " has " + std::to_string(width) + " values a row");
    const int64_t column = item.column.value_or(width - 1);
    if (column >= width)
      return bad(where + ".column", std::to_string(column) + " is beyond the " + std::to_string(width) +
                                        " values of a row, which are counted from 0");
    const uint32_t to = make(item.above.empty() ? "INT64" : "BYTES", {-1});
    PostOp& op = work(PostOp::Kind::Threshold, place, to);
    op.width = width;
    op.column = static_cast<uint32_t>(column);
    op.a = item.at;
    if (!item.above.empty()) op.labels = {item.above, item.below};
    return put(item.as, place, to, where);
  }

  Status add(const TopKItem& item, const std::string& where) {
    CLOPS_ASSIGN(const size_t place, take(item.output, where + ".output"));
    CLOPS_ASSIGN(const uint32_t width, width_of(place, where + ".output"));
    if (item.k > width)
      return bad(where + ".k", std::to_string(item.k) + " is more than the " + std::to_string(width) +
                                   (width == 1 ? " value" : " values") + " of a row");
    if (!item.labels.empty() && item.labels.size() != width)
      return bad(where + ".labels", "has " + std::to_string(item.labels.size()) + " labels for the " +
                                        std::to_string(width) + " values of a row");
    const uint32_t to = make(value_at(place).datatype, {-1, item.k});
    const uint32_t which = make(item.labels.empty() ? "INT64" : "BYTES", {-1, item.k});
    PostOp& op = work(PostOp::Kind::TopK, place, to);
    op.width = width;
    op.k = static_cast<uint32_t>(item.k);
    op.labels = item.labels;
    now_[place].slot = to;
    const std::string as = item.output + (item.labels.empty() ? "_index" : "_labels");
    return put(item.as.empty() ? as : item.as, place, which, where);
  }

  Status add(const NameLabelsItem& item, const std::string& where) {
    CLOPS_ASSIGN(const size_t place, take(item.output, where + ".output"));
    const uint32_t to = make("BYTES", value_at(place).shape);
    PostOp& op = work(PostOp::Kind::Label, place, to);
    op.labels = item.labels;
    now_[place].slot = to;
    return {};
  }

  // A new output after the one it was made of, or in its place.
  Status put(const std::string& as, size_t place, uint32_t slot, const std::string& where) {
    if (as.empty()) {
      now_[place].slot = slot;
      return {};
    }
    now_.insert(now_.begin() + static_cast<ptrdiff_t>(place) + 1, {as, slot});
    return check_unique(now_, where + ".as", "output");
  }

  StepsPlan& plan_;
  NamedSlots now_;
};

}  // namespace

Result<StepsPlan> plan_steps(const Steps& steps, const ModelSchema& model) {
  StepsPlan plan;
  if (!steps.pre.empty() || !steps.columns.empty()) {
    plan.has_pre = true;
    CLOPS_ASSIGN(ModelColumns columns, columns_of(model));
    CLOPS_TRY(PrePlanner(plan, steps, model, std::move(columns)).run());
  }
  CLOPS_TRY(PostPlanner(plan, model).run(steps.post));
  return plan;
}

bool can_judge_steps(const Steps& steps, const ModelSchema& model) {
  constexpr int64_t kNamesSurelyTold = 64;  // the document has room for more, if they are not long
  const bool by_column = !steps.pre.empty() || !steps.columns.empty();
  return !by_column || !model.feature_names.empty() || model.inputs.size() != 1 || model.inputs[0].shape.size() != 2 ||
         model.inputs[0].shape[1] <= kNamesSurelyTold;
}

}  // namespace clops::crds
