#include "serving/monitoring/door_report.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/json.h"
#include "serving/monitoring/metrics.h"

namespace clops::serving {
namespace {

constexpr size_t kMetricColumns = 4;
// All of them bounds of buckets.
constexpr std::array kBounds = {-1024.0, -32.0, -1.0, 0.0, 0x1p-10, 0x1p-6, 0.125, 0.25,  0.375,  0.5,     0.625,
                                0.75,    0.875, 1.0,  2.0, 4.0,     16.0,   64.0,  256.0, 1024.0, 32768.0, 1048576.0};

void append_digits(std::string& out, double value) {
  char digits[32];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

void append_family(std::string& out, std::string_view name, std::string_view type, std::string_view help) {
  (((((out += "# HELP ") += name) += ' ') += help) += "\n# TYPE ") += name;
  ((out += ' ') += type) += '\n';
}

void append_line(std::string& out, std::string_view name, std::string_view labels, std::string_view value) {
  ((((((out += name) += '{') += labels) += "} ") += value) += '\n');
}

void append_next_label(std::string& out, std::string_view name, std::string_view value) {
  if (!out.empty()) out += ',';
  append_label(out, name, value);
}

std::string labels_of(const SeriesKey& key) {
  std::string out;
  append_next_label(out, "model", key.model);
  append_next_label(out, "version", key.version);
  append_next_label(out, "variant", key.variant);
  return out;
}

std::string labels_of(const SeriesKey& key, const PredictionColumn& column) {
  std::string out = labels_of(key);
  append_next_label(out, "output", column.output);
  append_next_label(out, "column", column.index < 0 ? "all" : std::to_string(column.index));
  return out;
}

void append_numbers(std::string& out, const std::string& name, const std::string& labels, const NumberTotals& totals) {
  const std::string bucket_name = name + "_bucket";
  uint64_t sum = totals.below;
  size_t at = 0;
  bool zero = false;
  for (const double bound : kBounds) {
    for (; at < totals.buckets.size() && std::max(totals.buckets[at].low, totals.buckets[at].high) <= bound; ++at)
      sum += totals.buckets[at].count;
    if (bound >= 0 && !std::exchange(zero, true)) sum += totals.zero;
    std::string with_bound = labels + ",le=\"";
    append_digits(with_bound, bound);
    append_line(out, bucket_name, with_bound + '"', std::to_string(sum));
  }
  append_line(out, bucket_name, labels + ",le=\"+Inf\"", std::to_string(totals.count));
  std::string total;
  append_digits(total, totals.sum);
  append_line(out, name + "_sum", labels, total);
  append_line(out, name + "_count", labels, std::to_string(totals.count));
}

// Of each series the first few columns of predictions that are classes, or are not.
template <class Use>
void each_column(const AllCounters& all, bool classes, size_t most, const Use& use) {
  for (const auto& set : all) {
    const auto predictions = set->predictions();
    if (predictions == nullptr) continue;
    for (size_t i = 0; i < std::min(predictions->columns().size(), most); ++i)
      if (predictions->columns()[i].classes == classes) use(*set, *predictions, i);
  }
}

Json numbers_json(const NumberTotals& totals) {
  Json out{{"count", totals.count}, {"sum", totals.sum},     {"nan", totals.nan},
           {"zero", totals.zero},   {"below", totals.below}, {"above", totals.above}};
  Json& buckets = out["buckets"] = Json::array();
  for (const NumberBucket& bucket : totals.buckets) buckets.push_back({bucket.low, bucket.high, bucket.count});
  return out;
}

Json classes_json(const ClassTotals& totals) {
  Json classes = Json::object();
  for (const auto& [name, count] : totals.classes) classes[name] = count;
  return {{"classes", std::move(classes)}, {"other", totals.other}};
}

// `prefix`: of both families.
void append_predictions(std::string& out, const std::string& prefix, std::string_view whose, const AllCounters& all) {
  const std::string values = prefix + "_values", kinds = prefix + "_classes_total";
  append_family(out, values, "histogram",
                "Predictions that are numbers, of a variant's first columns" + std::string(whose));
  each_column(all, false, kMetricColumns, [&](const CounterSet& set, const Predictions& predictions, size_t i) {
    append_numbers(out, values, labels_of(set.key(), predictions.columns()[i]), predictions.numbers(i));
  });
  append_family(
      out, kinds, "counter",
      "Predictions that are integers or text, of a variant's first columns; class \"\": others" + std::string(whose));
  each_column(all, true, kMetricColumns, [&](const CounterSet& set, const Predictions& predictions, size_t i) {
    const std::string labels = labels_of(set.key(), predictions.columns()[i]);
    const ClassTotals totals = predictions.classes(i);
    for (const auto& [name, count] : totals.classes) {
      std::string more = labels;
      append_next_label(more, "class", name);
      if (!name.empty()) append_line(out, kinds, more, std::to_string(count));
    }
    append_line(out, kinds, labels + ",class=\"\"", std::to_string(totals.other));
  });
}

void append_variants(Json& out, const AllCounters& all, bool mirror) {
  for (const auto& set : all) {
    const auto predictions = set->predictions();
    if (predictions == nullptr) continue;
    Json item{{"model", set->key().model}, {"version", set->key().version}, {"variant", set->key().variant}};
    if (mirror) item["mirror"] = true;
    Json& columns = item["columns"] = Json::array();
    for (size_t i = 0; i < predictions->columns().size(); ++i) {
      const PredictionColumn& column = predictions->columns()[i];
      Json entry = column.classes ? classes_json(predictions->classes(i)) : numbers_json(predictions->numbers(i));
      entry["output"] = column.output;
      entry["column"] = column.index < 0 ? Json("all") : Json(column.index);
      columns.push_back(std::move(entry));
    }
    out.push_back(std::move(item));
  }
}

}  // namespace

void append_validation_metrics(std::string& out, const AllCounters& all) {
  append_family(out, "clops_validation_failures_total", "counter",
                "Values that were not as validation says, by reason and column; calls that did not fit the model");
  const auto each = [&](const auto& use) {
    for (const auto& set : all)
      if (const auto validated = set->validation()) use(labels_of(set->key()), *validated);
  };
  each([&](const std::string& labels, const ValidationCounters& validated) {
    for (size_t column = 0; column < validated.columns().size(); ++column) {
      for (size_t reason = 0; reason < kValidationReasons.size(); ++reason) {
        const uint64_t count = validated.faults(column, reason);
        if (count == 0) continue;
        std::string more = labels;
        append_next_label(more, "reason", kValidationReasons[reason]);
        append_next_label(more, "column", validated.columns()[column]);
        append_line(out, "clops_validation_failures_total", more, std::to_string(count));
      }
    }
    append_line(out, "clops_validation_failures_total", labels + ",reason=\"schema\",column=\"\"",
                std::to_string(validated.ends(ValidationEnd::Schema)));
  });
  append_family(out, "clops_validation_calls_total", "counter", "Calls with such values, by what became of them");
  each([&](const std::string& labels, const ValidationCounters& validated) {
    append_line(out, "clops_validation_calls_total", labels + ",outcome=\"rejected\"",
                std::to_string(validated.ends(ValidationEnd::Rejected)));
    append_line(out, "clops_validation_calls_total", labels + ",outcome=\"warned\"",
                std::to_string(validated.ends(ValidationEnd::Warned)));
  });
}

void append_prediction_metrics(std::string& out, const AllCounters& all, const AllCounters& mirrored) {
  append_predictions(out, "clops_prediction", "", all);
  if (!mirrored.empty()) append_predictions(out, "clops_mirror_prediction", "; of mirrored calls", mirrored);
}

std::string predictions_json(const AllCounters& all, const AllCounters& mirrored) {
  Json variants = Json::array();
  append_variants(variants, all, false);
  append_variants(variants, mirrored, true);
  return dump_json(Json{{"variants", std::move(variants)}});
}

}  // namespace clops::serving
