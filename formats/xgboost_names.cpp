#include "formats/xgboost_names.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace clops::formats {
namespace {

std::unexpected<Error> damaged(size_t feature, std::string_view what) {
  return fail(Code::InvalidArgument, "cats.enc: feature " + std::to_string(feature) + ": " + std::string(what));
}

bool ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// Bits of an unsigned type that a file holds as a negative number (UBJSON has few unsigned types); 0 for others.
int unsigned_bits(int64_t type) {
  switch (type) {
    case 10:
      return 8;
    case 12:
      return 16;
    case 14:
      return 32;
    default:
      return 0;
  }
}

Result<std::vector<std::string>> string_names(const XgboostCategories& from, size_t feature) {
  std::string bytes;
  for (const int64_t byte : from.values) bytes += static_cast<char>(byte);
  std::vector<std::string> names;
  for (size_t i = 0; i + 1 < from.offsets.size(); ++i) {
    const int32_t first = from.offsets[i], last = from.offsets[i + 1];
    if (first < 0 || last < first || static_cast<size_t>(last) > bytes.size())
      return damaged(feature, "a name lies outside of the feature's bytes");
    names.push_back(bytes.substr(static_cast<size_t>(first), static_cast<size_t>(last - first)));
  }
  return names;
}

std::vector<std::string> number_names(const XgboostCategories& from) {
  std::vector<std::string> names;
  names.reserve(from.values.size());
  const int bits = unsigned_bits(from.type);
  for (const int64_t value : from.values)
    names.push_back(std::to_string(value < 0 && bits != 0 ? value + (int64_t{1} << bits) : value));
  return names;
}

std::string name_of(const XgboostFile& file, size_t feature) {
  return feature < file.feature_names.size() ? "'" + file.feature_names[feature] + "'" : std::to_string(feature);
}

// The sentinel of scikit-learn's wrapper, which releases before 2.0 save with its other parameters.
std::string missing_sentinel(const std::string& scikit_learn) {
  const auto reader = make_json_reader(scikit_learn);
  if (scikit_learn.empty() || !reader->begin_object()) return "";
  std::string key;
  while (true) {
    const auto more = reader->next_key(key);
    if (!more || !*more) return "";
    if (key != "missing") {
      if (!reader->skip()) return "";
      continue;
    }
    const auto value = reader->real();
    if (!value || std::isnan(*value)) return "";
    char text[32];
    return std::string(text, std::to_chars(text, text + sizeof text, *value).ptr);
  }
}

// Files before 2.0 do not say where a round's trees end.
size_t rounds_of(const XgboostFile& file) {
  if (file.iteration_indptr && !file.iteration_indptr->empty()) return file.iteration_indptr->size() - 1;
  if (file.tree_info.empty()) return 0;
  size_t parallel = 1;
  const std::string& text = file.num_parallel_tree;
  std::from_chars(text.data(), text.data() + text.size(), parallel);
  const auto groups = static_cast<size_t>(*std::ranges::max_element(file.tree_info)) + 1;
  return file.tree_info.size() / std::max<size_t>(1, parallel) / groups;
}

}  // namespace

Result<std::vector<std::vector<std::string>>> category_names(const XgboostFile& file, uint32_t features,
                                                             std::vector<std::string>& notes) {
  std::vector<std::vector<std::string>> names;
  if (file.categories.empty()) return names;
  if (file.categories.size() != features)
    return fail(Code::InvalidArgument, "cats.enc has " + std::to_string(file.categories.size()) + " entries for " +
                                           std::to_string(features) + " features");
  for (size_t f = 0; f < features; ++f) {
    const XgboostCategories& from = file.categories[f];
    if (from.offsets.empty()) {
      names.push_back(number_names(from));
      continue;
    }
    CLOPS_ASSIGN(names.emplace_back(), string_names(from, f));
    // Releases before 3.4 count letters where they mean bytes, and cut the names at the wrong places.
    if (file.version < std::array<int32_t, 3>{3, 4, 0} && !std::ranges::all_of(names.back(), ascii)) {
      names.back().clear();
      notes.push_back("the names of the categories of feature " + name_of(file, f) +
                      " are damaged in the file (XGBoost 3.1 to 3.3 does so to names beyond ASCII): send codes");
    }
  }
  if (std::ranges::all_of(names, &std::vector<std::string>::empty)) names.clear();
  return names;
}

std::vector<std::string> notes_of(const XgboostFile& file) {
  std::vector<std::string> notes;
  // Releases before 2.0 name the last round where nothing was stopped; linear models have no rounds to choose from.
  size_t best = 0;
  const std::string& text = file.best_iteration;
  const bool known = std::from_chars(text.data(), text.data() + text.size(), best).ec == std::errc{};
  if (const size_t rounds = rounds_of(file); known && best + 1 < rounds)
    notes.push_back("training stopped early: best_iteration is " + std::to_string(best) + " of " +
                    std::to_string(rounds) +
                    " rounds, counted from 0. All rounds are used, as Booster.predict does; "
                    "scikit-learn's predict leaves out those after the best: to have it so, save "
                    "booster[: booster.best_iteration + 1]");
  if (const std::string missing = missing_sentinel(file.scikit_learn); !missing.empty())
    notes.push_back("trained with missing=" + missing +
                    ": the model itself does not know of it; send NaN (null in JSON) for a missing value");
  if (file.version >= std::array<int32_t, 3>{3, 5, 0})
    notes.push_back("written by a newer XGBoost than the 3.4 that predictions were compared with");
  return notes;
}

}  // namespace clops::formats
