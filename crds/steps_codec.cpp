#include "crds/steps_codec.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

namespace clops::crds {
namespace {

// As in the CRD.
constexpr size_t kStepsMax = 16, kColumnsMax = 2048, kItemsMax = 512, kTablesMax = 64, kOutputsMax = 32;
constexpr size_t kLabelsMax = 1024, kNameBytesMax = 1024;  // 256 characters
constexpr int64_t kWidthMax = 65'536;

std::string name_of(const Reader& in, const char* key) {
  return in.text(key, Need::Required, kNameBytesMax);
}

double number_of(const Reader& in, const char* key) {
  if (!in.has(key)) in.fail(key, "is required");
  return in.number(key);
}

std::optional<double> maybe_number(const Reader& in, const char* key) {
  if (!in.has(key)) return {};
  return in.number(key);
}

double above_zero(const Reader& in, const char* key) {
  const double value = number_of(in, key);
  if (!(value > 0)) in.fail(key, "must be greater than 0");
  return value;
}

// The key among `kinds` that is there, if it is exactly one.
const char* only_one(const Reader& in, std::span<const char* const> kinds) {
  const char* found = nullptr;
  std::string all;
  size_t count = 0;
  for (const char* const kind : kinds) {
    all += (all.empty() ? "" : ", ") + std::string(kind);
    if (!in.has(kind)) continue;
    found = kind;
    ++count;
  }
  if (count == 1) return found;
  in.fail(count == 0 ? kinds.front() : found, "there must be exactly one of " + all);
  return nullptr;
}

template <class Item, class Read>
std::vector<Item> items(const Reader& in, const char* key, size_t most, const Read& read) {
  std::vector<Item> out;
  in.each(key, most, [&](const Reader& r) { out.push_back(read(r)); });
  if (out.empty()) in.fail(key, "must not be empty");
  return out;
}

SelectStep read_select(const Reader& in) {
  SelectStep out = in.text_list("select", kColumnsMax);
  if (out.empty()) in.fail("select", "must not be empty");
  return out;
}

RenameItem read_rename(const Reader& in) {
  in.only({"from", "to"});
  return {name_of(in, "from"), name_of(in, "to")};
}

ClipItem read_clip(const Reader& in, const char* of) {
  in.only({of, "min", "max"});
  ClipItem item{name_of(in, of), maybe_number(in, "min"), maybe_number(in, "max")};
  if (!item.min && !item.max) in.fail("min", "there must be min, max or both");
  if (item.min && item.max && *item.min > *item.max) in.fail("min", "is greater than max");
  return item;
}

ImputeItem read_impute(const Reader& in) {
  static constexpr std::array kKinds = {"value", "text"};
  in.only({"column", "value", "text"});
  ImputeItem item{.column = name_of(in, "column"), .value = {}, .text = in.text("text", Need::Optional, kNameBytesMax)};
  (void)only_one(in, kKinds);
  if (in.has("text") && item.text.empty()) in.fail("text", "must not be empty");
  item.value = maybe_number(in, "value");
  return item;
}

ScaleItem read_scale(const Reader& in) {
  static constexpr std::array kKinds = {"standard", "minMax", "robust"};
  in.only({"column", "standard", "minMax", "robust"});
  ScaleItem item{.column = name_of(in, "column"), .by = {}};
  const char* const kind = only_one(in, kKinds);
  if (kind == nullptr) return item;
  const Reader by = in.child(kind);
  if (kind == kKinds[0]) {
    by.only({"mean", "std"});
    item.by = StandardScale{number_of(by, "mean"), above_zero(by, "std")};
  } else if (kind == kKinds[1]) {
    by.only({"min", "max"});
    const MinMaxScale scale{number_of(by, "min"), number_of(by, "max")};
    if (scale.min > scale.max) by.fail("min", "is greater than max");
    item.by = scale;
  } else {
    by.only({"center", "scale"});
    item.by = RobustScale{number_of(by, "center"), above_zero(by, "scale")};
  }
  return item;
}

MapLabelsItem read_map_labels(const Reader& in) {
  in.only({"column", "labels", "unknown", "value"});
  MapLabelsItem item{.column = name_of(in, "column"), .labels = in.number_map("labels", kLabelsMax), .otherwise = {}};
  if (item.labels.empty()) in.fail("labels", "must not be empty");
  const std::string unknown = in.text("unknown");
  if (!unknown.empty() && unknown != "Error" && unknown != "Value") in.fail("unknown", "must be Error or Value");
  if ((unknown == "Value") != in.has("value")) in.fail("value", "goes with unknown: Value");
  item.otherwise = maybe_number(in, "value");
  return item;
}

OneHotItem read_one_hot(const Reader& in) {
  static constexpr std::array kKinds = {"categories", "numbers"};
  in.only({"column", "categories", "numbers", "unknown", "names"});
  OneHotItem item{.column = name_of(in, "column"),
                  .categories = in.text_list("categories", kLabelsMax),
                  .numbers = in.number_list("numbers", kLabelsMax),
                  .names = in.text_list("names", kLabelsMax)};
  const char* const kind = only_one(in, kKinds);
  const size_t count = std::max(item.categories.size(), item.numbers.size());
  if (kind != nullptr && count == 0) in.fail(kind, "must not be empty");
  if (in.has("names") && item.names.size() != count) in.fail("names", "there must be one for each category");
  const std::string unknown = in.text("unknown");
  if (!unknown.empty() && unknown != "Error" && unknown != "Ignore") in.fail("unknown", "must be Error or Ignore");
  item.ignore_unknown = unknown == "Ignore";
  return item;
}

CalibrateItem read_calibrate(const Reader& in) {
  static constexpr std::array kKinds = {"platt", "isotonic"};
  in.only({"output", "platt", "isotonic"});
  CalibrateItem item{.output = name_of(in, "output"), .by = {}};
  const char* const kind = only_one(in, kKinds);
  if (kind == nullptr) return item;
  const Reader by = in.child(kind);
  if (kind == kKinds[0]) {
    by.only({"a", "b"});
    item.by = PlattCurve{number_of(by, "a"), number_of(by, "b")};
  } else {
    by.only({"scores", "probabilities"});
    IsotonicCurve curve{by.number_list("scores", kLabelsMax), by.number_list("probabilities", kLabelsMax)};
    if (curve.scores.empty()) by.fail("scores", "must not be empty");
    if (curve.scores.size() != curve.probabilities.size()) by.fail("probabilities", "there must be one for each score");
    if (!std::ranges::is_sorted(curve.scores, std::less_equal<>()))
      by.fail("scores", "must rise from each to the next");
    item.by = std::move(curve);
  }
  return item;
}

ThresholdItem read_threshold(const Reader& in) {
  in.only({"output", "at", "column", "above", "below", "as"});
  ThresholdItem item{.output = name_of(in, "output"),
                     .at = number_of(in, "at"),
                     .column = {},
                     .above = in.text("above", Need::Optional, kNameBytesMax),
                     .below = in.text("below", Need::Optional, kNameBytesMax),
                     .as = in.text("as", Need::Optional, kNameBytesMax)};
  if (in.has("column")) item.column = in.integer("column", 0, kWidthMax - 1);
  if (item.above.empty() != item.below.empty()) in.fail("below", "above and below go together");
  return item;
}

TopKItem read_top_k(const Reader& in) {
  in.only({"output", "k", "labels", "as"});
  return {.output = name_of(in, "output"),
          .k = in.integer("k", 1, kLabelsMax, 1, Need::Required),
          .labels = in.text_list("labels", kLabelsMax),
          .as = in.text("as", Need::Optional, kNameBytesMax)};
}

NameLabelsItem read_name_labels(const Reader& in) {
  in.only({"output", "labels"});
  NameLabelsItem item{name_of(in, "output"), in.text_list("labels", kLabelsMax)};
  if (item.labels.empty()) in.fail("labels", "must not be empty");
  return item;
}

constexpr std::array kPreKinds = {"select", "rename", "impute", "scale", "clip", "mapLabels", "oneHot"};
constexpr std::array kPostKinds = {"select", "rename", "clip", "calibrate", "threshold", "topK", "mapLabels"};

PreStep read_pre(const Reader& in) {
  in.only({"select", "rename", "impute", "scale", "clip", "mapLabels", "oneHot"});
  const char* const found = only_one(in, kPreKinds);
  const std::string_view kind = found == nullptr ? "" : found;
  if (kind == "select") return read_select(in);
  if (kind == "rename") return items<RenameItem>(in, "rename", kItemsMax, read_rename);
  if (kind == "impute") return items<ImputeItem>(in, "impute", kItemsMax, read_impute);
  if (kind == "scale") return items<ScaleItem>(in, "scale", kItemsMax, read_scale);
  if (kind == "clip")
    return items<ClipItem>(in, "clip", kItemsMax, [](const Reader& r) { return read_clip(r, "column"); });
  if (kind == "mapLabels") return items<MapLabelsItem>(in, "mapLabels", kTablesMax, read_map_labels);
  if (kind == "oneHot") return items<OneHotItem>(in, "oneHot", kTablesMax, read_one_hot);
  return {};
}

PostStep read_post(const Reader& in) {
  in.only({"select", "rename", "clip", "calibrate", "threshold", "topK", "mapLabels"});
  const char* const found = only_one(in, kPostKinds);
  const std::string_view kind = found == nullptr ? "" : found;
  if (kind == "select") return read_select(in);
  if (kind == "rename") return items<RenameItem>(in, "rename", kOutputsMax, read_rename);
  if (kind == "clip")
    return items<ClipItem>(in, "clip", kOutputsMax, [](const Reader& r) { return read_clip(r, "output"); });
  if (kind == "calibrate") return items<CalibrateItem>(in, "calibrate", kOutputsMax, read_calibrate);
  if (kind == "threshold") return items<ThresholdItem>(in, "threshold", kOutputsMax, read_threshold);
  if (kind == "topK") return items<TopKItem>(in, "topK", kOutputsMax, read_top_k);
  if (kind == "mapLabels") return items<NameLabelsItem>(in, "mapLabels", kOutputsMax, read_name_labels);
  return {};
}

void put_number(Json& out, const char* key, const std::optional<double>& value) {
  if (value) out[key] = *value;
}

// ---- the other way: one function an item, one key a step
Json to_json(const std::string& name, const char*) {
  return name;
}
Json to_json(const RenameItem& item, const char*) {
  return {{"from", item.from}, {"to", item.to}};
}
Json to_json(const ClipItem& item, const char* of) {
  Json out{{of, item.of}};
  put_number(out, "min", item.min);
  put_number(out, "max", item.max);
  return out;
}
Json to_json(const ImputeItem& item, const char* of) {
  Json out{{of, item.column}};
  put_number(out, "value", item.value);
  put(out, "text", item.text);
  return out;
}
Json to_json(const ScaleItem& item, const char* of) {
  Json out{{of, item.column}};
  if (const auto* standard = std::get_if<StandardScale>(&item.by))
    out["standard"] = {{"mean", standard->mean}, {"std", standard->std}};
  if (const auto* range = std::get_if<MinMaxScale>(&item.by))
    out["minMax"] = {{"min", range->min}, {"max", range->max}};
  if (const auto* robust = std::get_if<RobustScale>(&item.by))
    out["robust"] = {{"center", robust->center}, {"scale", robust->scale}};
  return out;
}
Json to_json(const MapLabelsItem& item, const char* of) {
  Json out{{of, item.column}, {"labels", item.labels}};
  if (item.otherwise) out["unknown"] = "Value";
  put_number(out, "value", item.otherwise);
  return out;
}
Json to_json(const OneHotItem& item, const char* of) {
  Json out{{of, item.column}};
  put(out, "categories", item.categories);
  if (!item.numbers.empty()) out["numbers"] = item.numbers;
  if (item.ignore_unknown) out["unknown"] = "Ignore";
  put(out, "names", item.names);
  return out;
}
Json to_json(const CalibrateItem& item, const char* of) {
  Json out{{of, item.output}};
  if (const auto* platt = std::get_if<PlattCurve>(&item.by)) out["platt"] = {{"a", platt->a}, {"b", platt->b}};
  if (const auto* curve = std::get_if<IsotonicCurve>(&item.by))
    out["isotonic"] = {{"scores", curve->scores}, {"probabilities", curve->probabilities}};
  return out;
}
Json to_json(const ThresholdItem& item, const char* of) {
  Json out{{of, item.output}, {"at", item.at}};
  if (item.column) out["column"] = *item.column;
  put(out, "above", item.above);
  put(out, "below", item.below);
  put(out, "as", item.as);
  return out;
}
Json to_json(const TopKItem& item, const char* of) {
  Json out{{of, item.output}, {"k", item.k}};
  put(out, "labels", item.labels);
  put(out, "as", item.as);
  return out;
}
Json to_json(const NameLabelsItem& item, const char* of) {
  return {{of, item.output}, {"labels", item.labels}};
}

template <class Step>
Json steps_json(const std::vector<Step>& steps, std::span<const char* const> kinds, const char* of) {
  Json out = Json::array();
  for (const Step& step : steps) {
    Json list = Json::array();
    std::visit(
        [&](const auto& all) {
          for (const auto& item : all) list.push_back(to_json(item, of));
        },
        step);
    out.push_back({{kinds[step.index()], std::move(list)}});
  }
  return out;
}

}  // namespace

Json encode(const Steps& steps) {
  Json out = Json::object();
  for (const StepColumn& column : steps.columns) {
    Json item{{"name", column.name}};
    if (column.type == ColumnType::Text) item["type"] = "Text";
    out["columns"].push_back(std::move(item));
  }
  if (!steps.pre.empty()) out["pre"] = steps_json(steps.pre, kPreKinds, "column");
  if (!steps.post.empty()) out["post"] = steps_json(steps.post, kPostKinds, "output");
  return out;
}

Steps read_steps(const Reader& in) {
  in.only({"columns", "pre", "post"});
  Steps steps;
  in.each("columns", kColumnsMax, [&](const Reader& r) {
    r.only({"name", "type"});
    const std::string type = r.text("type");
    if (!type.empty() && type != "Number" && type != "Text") r.fail("type", "must be Number or Text");
    steps.columns.push_back({name_of(r, "name"), type == "Text" ? ColumnType::Text : ColumnType::Number});
  });
  in.each("pre", kStepsMax, [&](const Reader& r) { steps.pre.push_back(read_pre(r)); });
  in.each("post", kStepsMax, [&](const Reader& r) { steps.post.push_back(read_post(r)); });
  return steps;
}

}  // namespace clops::crds
