// Categorical features of scikit-learn's histogram boosting: an OrdinalEncoder puts them first and turns their values
// into codes, what it does not know into NaN.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "formats/skops_models.h"

namespace clops::formats {
namespace {

constexpr size_t kCodesMax = 256;            // bits of a split
constexpr uint32_t kFeaturesMax = 1u << 16;  // lists of categories are kept for each
constexpr double kWholeMax = 0x1p53;

Result<SkopsObject> find_encoder(const SkopsObject& preprocessor) {
  CLOPS_ASSIGN(const SkopsObject transformers, preprocessor.get("transformers_"));
  CLOPS_ASSIGN(const auto all, transformers.items());
  for (const SkopsObject& one : all) {
    CLOPS_ASSIGN(const auto parts, one.items());
    if (parts.size() == 3 && parts[1].type() == "OrdinalEncoder") return parts[1];
  }
  return fail(Code::InvalidArgument, preprocessor.name() + " has no OrdinalEncoder");
}

// Of one feature, in the order of codes: names, or numbers. A last NaN is a missing value of the training data.
struct Categories {
  std::vector<std::string> names;
  std::vector<double> numbers;
};

Status add_number(const SkopsObject& from, double value, Categories& out) {
  if (!(std::fabs(value) < kWholeMax))
    return refused("the category " + std::to_string(value) + " in " + from.name() +
                   ", beyond what a float64 tells apart,");
  out.numbers.push_back(value);
  return {};
}

Result<Categories> read_listed(const SkopsObject& object) {
  Categories out;
  CLOPS_ASSIGN(auto items, object.items());
  if (!items.empty() && items.back().is_nan()) items.pop_back();
  for (const SkopsObject& item : items) {
    if (auto text = item.string()) {
      out.names.push_back(std::move(*text));
    } else if (const auto number = item.real()) {
      CLOPS_TRY(add_number(object, *number, out));
    } else {
      return refused("a category that is neither a text nor a number (" + item.name() + ")");
    }
  }
  if (!out.names.empty() && !out.numbers.empty()) return refused("texts and numbers as categories of one feature");
  return out;
}

Result<Categories> read_categories_of(const SkopsObject& object) {
  if (!object.is_array()) return read_listed(object);
  Categories out;
  CLOPS_ASSIGN(const NpyArray array, object.array());
  if (array.is_text()) {
    CLOPS_ASSIGN(out.names, object.labels());
    return out;
  }
  if (array.field("") < 0) return fail(Code::InvalidArgument, object.name() + " is neither of texts nor of numbers");
  for (size_t i = 0; i < array.count(); ++i) {
    const double value = array.real(i);
    if (std::isnan(value) && i + 1 == array.count()) break;
    CLOPS_TRY(add_number(object, value, out));
  }
  return out;
}

}  // namespace

Result<std::vector<uint32_t>> read_skops_categories(const SkopsObject& model, Ensemble& out) {
  CLOPS_ASSIGN(const SkopsObject preprocessor, model.get("_preprocessor"));
  if (preprocessor.is_none()) return std::vector<uint32_t>();
  if (out.features > kFeaturesMax) return refused("categories among more than 65536 features");
  CLOPS_ASSIGN(const SkopsObject encoder, find_encoder(preprocessor));
  CLOPS_ASSIGN(const SkopsObject flags_at, model.get("is_categorical_"));
  CLOPS_ASSIGN(const NpyArray flags, flags_at.array());
  if (flags.field("") < 0 || flags.count() != out.features)
    return fail(Code::InvalidArgument, "is_categorical_ has another size than n_features_in_");
  std::vector<uint32_t> columns(out.features);
  std::iota(columns.begin(), columns.end(), 0U);
  const auto numeric =
      std::ranges::stable_partition(columns, [&](uint32_t column) { return flags.integer(column) != 0; });
  CLOPS_ASSIGN(const SkopsObject list, encoder.get("categories_"));
  CLOPS_ASSIGN(const auto features, list.items());
  if (features.size() != columns.size() - numeric.size())
    return fail(Code::InvalidArgument, list.name() + " is of another size than is_categorical_");
  out.category_of = CategoryOf::Listed;
  out.category_values.resize(out.features);
  std::vector<std::vector<std::string>> names(out.features);
  bool named = false;
  for (size_t i = 0; i < features.size(); ++i) {
    CLOPS_ASSIGN(Categories categories, read_categories_of(features[i]));
    std::vector<double>& values = out.category_values[columns[i]];
    values = std::move(categories.numbers);
    for (size_t code = 0; code < categories.names.size(); ++code) values.push_back(static_cast<double>(code));
    if (values.size() > kCodesMax) return fail(Code::InvalidArgument, features[i].name() + " has too many categories");
    named = named || !categories.names.empty();
    names[columns[i]] = std::move(categories.names);
  }
  if (named) out.category_names = std::move(names);
  return columns;
}

}  // namespace clops::formats
