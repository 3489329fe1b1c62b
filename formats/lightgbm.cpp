#include "formats/lightgbm.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "formats/document.h"
#include "formats/lightgbm_text.h"
#include "formats/lightgbm_tree.h"

namespace clops::formats {
namespace {

using lightgbm::Lines;
using lightgbm::quoted;

std::unexpected<Error> unsupported(std::string message) {
  return fail(Code::Unsupported, std::move(message));
}
std::unexpected<Error> damaged(std::string message) {
  return fail(Code::InvalidArgument, std::move(message));
}

enum Key : uint8_t {
  Version,
  NumClass,
  TreesPerIteration,
  LabelIndex,
  MaxFeature,
  ObjectiveText,
  AverageOutput,
  FeatureNames,
  Monotone,
  FeatureInfos,
  TreeSizes,
  kKeys
};
constexpr std::array<std::string_view, kKeys> kKeyNames = {
    "version",        "num_class",     "num_tree_per_iteration", "label_index",   "max_feature_idx", "objective",
    "average_output", "feature_names", "monotone_constraints",   "feature_infos", "tree_sizes"};

using Header = lightgbm::FieldTable<kKeys>;

// Up to the first tree, whose line is left in `line`.
Result<Header> read_header(Lines& lines, std::string_view& line) {
  Header header;
  if (!lines.next(line) || line != "tree") return damaged("the first line is not 'tree'");
  while (lines.next_filled(line)) {
    if (line.starts_with("Tree=") || line == "end of trees") return header;
    CLOPS_TRY(header.put(line, kKeyNames, "the header", " appears twice"));
  }
  return damaged("the file ends in its header (truncated?)");
}

Result<uint32_t> read_count(const Header& header, Key key, uint32_t min) {
  uint32_t number = 0;
  if (!lightgbm::to_number(header.values[key], number) || number < min || number > INT32_MAX)
    return damaged(std::string(kKeyNames[key]) + " is " + quoted(header.values[key]));
  return number;
}

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  for (std::string_view word = lightgbm::next_word(text); !word.empty(); word = lightgbm::next_word(text))
    words.push_back(word);
  return words;
}

struct Objective {
  std::string_view name;
  Transform transform;
  enum Outputs : uint8_t { One, Classes, Any } outputs = One;
};
constexpr Objective kObjectives[] = {
    {"regression", Transform::Identity},
    {"regression_l1", Transform::Identity},
    {"huber", Transform::Identity},
    {"fair", Transform::Identity},
    {"quantile", Transform::Identity},
    {"mape", Transform::Identity},
    {"poisson", Transform::Exp},
    {"gamma", Transform::Exp},
    {"tweedie", Transform::Exp},
    {"binary", Transform::Sigmoid},
    {"multiclass", Transform::Softmax, Objective::Classes},
    {"multiclassova", Transform::Sigmoid, Objective::Classes},
    {"cross_entropy", Transform::Sigmoid},
    {"xentropy", Transform::Sigmoid},
    {"cross_entropy_lambda", Transform::Log1pExp},
    {"xentlambda", Transform::Log1pExp},
    {"lambdarank", Transform::Identity},
    {"rank_xendcg", Transform::Identity},
    {"none", Transform::Identity, Objective::Any},
    {"custom", Transform::Identity, Objective::Any},
};

// "binary sigmoid:1", "regression sqrt", "multiclass num_class:3": a word that is not known could change what comes
// out.
Status read_objective(std::string_view text, Ensemble& model) {
  const std::vector<std::string_view> words = words_of(text);
  if (words.empty()) return damaged("the objective is empty");
  const auto* objective = std::ranges::find(kObjectives, words[0], &Objective::name);
  if (objective == std::end(kObjectives))
    return unsupported(
        "the objective " + quoted(words[0]) +
        " is not known here, so its outputs cannot be made; take the line 'objective=' out of the file to "
        "serve raw scores, or say which LightGBM writes it in an issue");
  const std::string name(words[0]);
  model.objective = name;
  model.transform = objective->transform;
  bool classes_given = false, scale_given = false;
  for (size_t i = 1; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (word == "sqrt" && objective->transform == Transform::Identity && objective->outputs == Objective::One) {
      if (name != "huber") model.transform = Transform::SignSquare;  // which it ignores
    } else if (word.starts_with("sigmoid:") && (name == "binary" || name == "multiclassova")) {
      model.scale = lightgbm::rough_number(word.substr(8));
      if (!(model.scale > 0) || !std::isfinite(model.scale)) return damaged("the objective's sigmoid is not above 0");
      scale_given = true;
    } else if (uint32_t classes = 0; word.starts_with("num_class:") && lightgbm::to_number(word.substr(10), classes)) {
      if (classes != model.outputs) return damaged("num_class is not that of the objective");
      classes_given = true;
    } else {
      return unsupported("the objective " + name + " has a parameter " + quoted(word) +
                         " that is not known here, so its outputs cannot be made");
    }
  }
  if (objective->outputs == Objective::Classes && !classes_given) return damaged("the objective has no num_class");
  if (objective->outputs == Objective::One && model.outputs != 1)
    return damaged("the objective " + name + " cannot have " + std::to_string(model.outputs) + " outputs");
  if ((name == "binary" || name == "multiclassova") && !scale_given) return damaged("the objective has no sigmoid");
  return {};
}

// "[min:max]" of numbers, "none" of a constant, else categories: "-1:0:3".
bool is_categorical(std::string_view info) {
  return !info.starts_with('[') && info != "none";
}

Status read_features(const Header& header, Ensemble& model) {
  CLOPS_ASSIGN(const uint32_t greatest, read_count(header, MaxFeature, 0));
  const auto names = words_of(header.values[FeatureNames]), infos = words_of(header.values[FeatureInfos]);
  if (names.size() != size_t{greatest} + 1)
    return damaged("feature_names: has " + std::to_string(names.size()) + " names instead of max_feature_idx + 1");
  if (infos.size() != names.size()) return damaged("feature_infos: has not one for each feature");
  model.features = greatest + 1;
  model.feature_names.assign(names.begin(), names.end());
  model.feature_types.reserve(infos.size());
  for (const std::string_view info : infos) model.feature_types.emplace_back(is_categorical(info) ? "c" : "float");
  return {};
}

Status interpret(const Header& header, Ensemble& model) {
  const std::string_view version = header.values[Version];
  if (version != "v2" && version != "v3" && version != "v4")
    return unsupported((version.empty() ? "this text has no version, as LightGBM before 2.0.10 wrote it"
                                        : "this is version " + quoted(version) + " of LightGBM's text") +
                       ": only v2, v3 and v4 are known here; save the model again with LightGBM 2.1 to 4.7");
  model.framework = version == "v4" ? "lightgbm 4" : version == "v3" ? "lightgbm 2.3 to 3.3" : "lightgbm 2.0 to 2.2";
  CLOPS_ASSIGN(model.outputs, read_count(header, NumClass, 1));
  if (header.present[TreesPerIteration]) {
    CLOPS_ASSIGN(const uint32_t per_iteration, read_count(header, TreesPerIteration, 1));
    if (per_iteration != model.outputs)
      return damaged("num_tree_per_iteration is " + std::to_string(per_iteration) + ", num_class " +
                     std::to_string(model.outputs));
  }
  if (!header.present[TreeSizes]) return damaged("tree_sizes is missing");
  CLOPS_TRY(read_features(header, model));
  if (!header.present[ObjectiveText]) {  // trained with a function of the user's own: raw scores
    model.objective = "none";
    return {};
  }
  CLOPS_TRY(read_objective(header.values[ObjectiveText], model));
  if (version == "v2" && header.present[AverageOutput] && model.transform != Transform::Identity)
    return unsupported(
        "this is a random forest of LightGBM 2.0 to 2.2: releases differ in whether its leaves are probabilities or "
        "raw "
        "scores, and the file does not say which; train it again with LightGBM 2.3 or later");
  return {};
}

// `line` is the first tree's, then the line after the last.
Status read_trees(const Header& header, Lines& lines, std::string_view& line, Ensemble& model) {
  const size_t count = words_of(header.values[TreeSizes]).size();
  if (count % model.outputs != 0) return damaged("tree_sizes: the last iteration lacks a tree");
  if (count == 0) return damaged("the model has no trees: it was saved before it was trained");
  model.trees.reserve(count);
  for (size_t t = 0; t < count; ++t) {
    const std::string place = "tree " + std::to_string(t);
    if (line != "Tree=" + std::to_string(t))
      return damaged(place + ": does not begin where it should, there is " + quoted(line) + " (truncated or edited?)");
    auto tree = lightgbm::read_tree(lines, model.features);
    if (!tree) return fail_in(place, tree.error());
    tree->output = static_cast<uint32_t>(t % model.outputs);
    model.trees.push_back(std::move(*tree));
    if (!lines.next_filled(line)) line = {};
  }
  // Before 2.2 the trees had no end mark of their own.
  if (line != "end of trees" && line != "feature importances:")
    return damaged("the file does not go on after tree " + std::to_string(count - 1) + " (truncated?)");
  const size_t iterations = count / model.outputs;
  if (header.present[AverageOutput]) model.divisor = static_cast<double>(iterations);
  return {};
}

struct Trailer {
  std::string_view pandas;                  // JSON: a list of categories for each column that pandas had categories for
  std::optional<std::string_view> columns;  // "0,3": those declared to be categorical
};

Result<Trailer> read_trailer(Lines& lines) {
  Trailer trailer;
  bool parameters = false;
  std::string_view line;
  while (lines.next(line)) {
    constexpr std::string_view kPandas = "pandas_categorical:", kColumns = "[categorical_feature: ";
    if (line == "parameters:") parameters = true;
    if (line == "end of parameters") parameters = false;
    if (line.starts_with(kPandas)) trailer.pandas = line.substr(kPandas.size());
    if (parameters && line.starts_with(kColumns) && line.ends_with(']'))
      trailer.columns = line.substr(kColumns.size(), line.size() - kColumns.size() - 1);
  }
  if (parameters) return damaged("the file ends in its parameters (truncated?)");
  return trailer;
}

// Names that are no strings stay as JSON writes them.
Result<std::vector<std::vector<std::string>>> read_pandas(std::string_view json) {
  std::vector<std::vector<std::string>> lists;
  const auto reader = make_json_reader(json);
  CLOPS_ASSIGN(const auto kind, reader->kind());
  if (kind == DocumentReader::Kind::Null) {
    CLOPS_TRY(reader->skip());
    CLOPS_TRY(reader->end());
    return lists;
  }
  CLOPS_TRY(reader->begin_array());
  while (true) {
    CLOPS_ASSIGN(const bool more, reader->next_item());
    if (!more) break;
    std::vector<std::string>& names = lists.emplace_back();
    CLOPS_TRY(reader->begin_array());
    while (true) {
      CLOPS_ASSIGN(const bool more_names, reader->next_item());
      if (!more_names) break;
      CLOPS_ASSIGN(const auto item, reader->kind());
      if (item == DocumentReader::Kind::String) {
        CLOPS_ASSIGN(names.emplace_back(), reader->string());
        continue;
      }
      const size_t begin = reader->position();
      CLOPS_TRY(reader->skip());
      names.emplace_back(json.substr(begin, reader->position() - begin));
    }
  }
  CLOPS_TRY(reader->end());
  return lists;
}

// The columns that were declared to be categorical; without such a record, those whose values were kept as categories.
std::vector<uint32_t> categorical_columns(const Trailer& trailer, const Ensemble& model) {
  std::vector<uint32_t> columns;
  std::string_view declared = trailer.columns.value_or("");
  while (!declared.empty()) {
    const size_t size = std::min(declared.find(','), declared.size());
    uint32_t column = 0;
    if (!lightgbm::to_number(declared.substr(0, size), column) || column >= model.features) break;
    columns.push_back(column);
    declared.remove_prefix(std::min(size + 1, declared.size()));
  }
  if (declared.empty() && !columns.empty()) {
    std::ranges::sort(columns);
    columns.erase(std::ranges::unique(columns).begin(), columns.end());
    return columns;
  }
  columns.clear();
  for (uint32_t f = 0; f < model.features; ++f)
    if (model.feature_types[f] == "c") columns.push_back(f);
  return columns;
}

bool knows_all_codes(std::string_view info, size_t names) {
  if (!is_categorical(info)) return true;
  while (!info.empty()) {
    const size_t size = std::min(info.find(':'), info.size());
    int64_t code = 0;
    if (!lightgbm::to_number(info.substr(0, size), code) || code >= static_cast<int64_t>(names)) return false;
    info.remove_prefix(std::min(size + 1, info.size()));
  }
  return true;
}

// pandas_categorical has a list for each categorical column of the table, but does not say which columns those are. It
// is used where there are as many as categorical features, and no feature has a code beyond its list; else nobody can
// tell (an ordered categorical of pandas has a list too, and is a number to LightGBM), and rows have to bring codes.
Status name_categories(const Header& header, const Trailer& trailer, Ensemble& model) {
  if (trailer.pandas.empty()) return {};
  auto lists = read_pandas(trailer.pandas);
  if (!lists) return fail_in("pandas_categorical", lists.error());
  const std::vector<uint32_t> columns = categorical_columns(trailer, model);
  if (lists->empty() || lists->size() != columns.size()) return {};
  const auto infos = words_of(header.values[FeatureInfos]);
  for (size_t i = 0; i < columns.size(); ++i)
    if (!knows_all_codes(infos[columns[i]], (*lists)[i].size())) return {};
  model.category_names.resize(model.features);
  for (size_t i = 0; i < columns.size(); ++i) model.category_names[columns[i]] = std::move((*lists)[i]);
  return {};
}

}  // namespace

Result<Ensemble> read_lightgbm(std::string_view bytes) {
  if (bytes.starts_with("\xEF\xBB\xBF")) bytes.remove_prefix(3);
  Lines lines(bytes);
  std::string_view line;
  CLOPS_ASSIGN(const Header header, read_header(lines, line));
  Ensemble model{.format = "lightgbm", .rows = Number::Float64, .sums = Number::Float64};
  model.category_of = CategoryOf::Chop;
  CLOPS_TRY(interpret(header, model));
  CLOPS_TRY(read_trees(header, lines, line, model));
  model.margins.assign(model.outputs, 0.0);  // what the framework starts from is in the first trees' leaves
  CLOPS_ASSIGN(const Trailer trailer, read_trailer(lines));
  CLOPS_TRY(name_categories(header, trailer, model));
  CLOPS_TRY(check_ensemble(model));
  return model;
}

}  // namespace clops::formats
