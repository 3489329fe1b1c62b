#include "formats/xgboost.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "formats/document.h"
#include "formats/xgboost_tree.h"

namespace clops::formats {
namespace {

enum class Link : uint8_t { Identity, Logit, Log };  // from base_score to the margin that sums start from

struct Objective {
  std::string_view name;
  Transform transform;
  Link link;
};
constexpr Objective kObjectives[] = {
    {"binary:logistic", Transform::Sigmoid, Link::Logit},
    {"reg:logistic", Transform::Sigmoid, Link::Logit},
    {"binary:logitraw", Transform::Identity, Link::Identity},
    {"binary:hinge", Transform::Step, Link::Identity},
    {"reg:squarederror", Transform::Identity, Link::Identity},
    {"reg:linear", Transform::Identity, Link::Identity},
    {"reg:squaredlogerror", Transform::Identity, Link::Identity},
    {"reg:pseudohubererror", Transform::Identity, Link::Identity},
    {"reg:absoluteerror", Transform::Identity, Link::Identity},
    {"count:poisson", Transform::Exp, Link::Log},
    {"reg:gamma", Transform::Exp, Link::Log},
    {"reg:tweedie", Transform::Exp, Link::Log},
    {"rank:pairwise", Transform::Identity, Link::Identity},
    {"rank:ndcg", Transform::Identity, Link::Identity},
    {"rank:map", Transform::Identity, Link::Identity},
    {"multi:softprob", Transform::Softmax, Link::Identity},
    {"multi:softmax", Transform::Argmax, Link::Identity},
};

struct RawModel {
  bool has_learner = false, has_booster_model = false, has_param = false;
  std::string booster, objective, base_score, num_class, num_feature, num_target;
  std::vector<int32_t> version, tree_info;
  std::vector<std::string> feature_names, feature_types;
  std::string num_trees;
  std::vector<Tree> trees;
  bool weight_drop = false, category_dictionaries = false;
};

std::unexpected<Error> unsupported(std::string message) {
  return fail(Code::Unsupported, std::move(message));
}
std::unexpected<Error> damaged(std::string message) {
  return fail(Code::InvalidArgument, std::move(message));
}

// read(key) reads or skips the value of each key.
template <class Read>
Status each_key(DocumentReader& reader, const Read& read) {
  std::string key;
  CLOPS_TRY(reader.begin_object());
  while (true) {
    CLOPS_ASSIGN(const bool more, reader.next_key(key));
    if (!more) return {};
    if (Status status = read(key); !status) return status;
  }
}

Status read_into(DocumentReader& reader, std::string& target) {
  CLOPS_ASSIGN(target, reader.string());
  return {};
}

Status read_dart_weights(DocumentReader& reader, RawModel& raw) {
  raw.weight_drop = true;
  return reader.skip();
}

Status read_trees(DocumentReader& reader, RawModel& raw) {
  CLOPS_TRY(reader.begin_array());
  while (true) {
    CLOPS_ASSIGN(const bool more, reader.next_item());
    if (!more) return {};
    const std::string place = "tree " + std::to_string(raw.trees.size());
    auto tree = read_xgboost_tree(reader);
    if (!tree) return fail_in(place, tree.error());
    auto converted = convert(*tree);
    if (!converted) return fail_in(place, converted.error());
    raw.trees.push_back(std::move(*converted));
  }
}

Status read_cats(DocumentReader& reader, RawModel& raw) {
  return each_key(reader, [&](const std::string& key) -> Status {
    if (key != "enc") return reader.skip();
    CLOPS_TRY(reader.begin_array());
    while (true) {
      CLOPS_ASSIGN(const bool more, reader.next_item());
      if (!more) return {};
      raw.category_dictionaries = true;
      CLOPS_TRY(reader.skip());
    }
  });
}

Status read_booster_model(DocumentReader& reader, RawModel& raw) {
  raw.has_booster_model = true;
  return each_key(reader, [&](const std::string& key) -> Status {
    if (key == "trees") return read_trees(reader, raw);
    if (key == "cats") return read_cats(reader, raw);
    if (key == "weight_drop") return read_dart_weights(reader, raw);
    if (key == "tree_info") {
      CLOPS_ASSIGN(raw.tree_info, reader.integers());
      return {};
    }
    if (key == "gbtree_model_param") {
      return each_key(reader, [&](const std::string& param) -> Status {
        return param == "num_trees" ? read_into(reader, raw.num_trees) : reader.skip();
      });
    }
    if (key == "iteration_indptr") return reader.skip();
    if (key == "weights" || key == "boosted_rounds") return reader.skip();  // gblinear: refused by its name
    return unknown_field("gradient_booster.model", key);
  });
}

Status read_booster(DocumentReader& reader, RawModel& raw) {
  return each_key(reader, [&](const std::string& key) -> Status {
    if (key == "model") return read_booster_model(reader, raw);
    if (key == "name") return read_into(reader, raw.booster);
    if (key == "weight_drop") return read_dart_weights(reader, raw);
    if (key == "gbtree") return reader.skip();  // inside dart: refused by its name
    return unknown_field("gradient_booster", key);
  });
}

Status read_learner_param(DocumentReader& reader, RawModel& raw) {
  raw.has_param = true;
  return each_key(reader, [&](const std::string& key) -> Status {
    if (key == "base_score") return read_into(reader, raw.base_score);
    if (key == "num_class") return read_into(reader, raw.num_class);
    if (key == "num_feature") return read_into(reader, raw.num_feature);
    if (key == "num_target") return read_into(reader, raw.num_target);
    if (key == "boost_from_average") return reader.skip();
    return unknown_field("learner_model_param", key);
  });
}

Status read_learner(DocumentReader& reader, RawModel& raw) {
  raw.has_learner = true;
  return each_key(reader, [&](const std::string& key) -> Status {
    if (key == "gradient_booster") return read_booster(reader, raw);
    if (key == "learner_model_param") return read_learner_param(reader, raw);
    if (key == "objective") {
      return each_key(reader, [&](const std::string& field) -> Status {
        return field == "name" ? read_into(reader, raw.objective) : reader.skip();
      });
    }
    if (key == "feature_names") {
      CLOPS_ASSIGN(raw.feature_names, reader.strings());
      return {};
    }
    if (key == "feature_types") {
      CLOPS_ASSIGN(raw.feature_types, reader.strings());
      return {};
    }
    if (key == "attributes") return reader.skip();
    return unknown_field("learner", key);
  });
}

Result<RawModel> read_raw(DocumentReader& reader) {
  RawModel raw;
  CLOPS_TRY(each_key(reader, [&](const std::string& key) -> Status {
    if (key == "learner") return read_learner(reader, raw);
    if (key == "version") {
      CLOPS_ASSIGN(raw.version, reader.integers());
      return {};
    }
    return reader.skip();
  }));
  CLOPS_TRY(reader.end());
  return raw;
}

Result<uint32_t> whole(std::string_view field, std::string_view text, uint32_t absent) {
  if (text.empty()) return absent;
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size())
    return damaged("learner_model_param." + std::string(field) + ": '" + std::string(text) + "' is not a whole number");
  return value;
}

// "5E-1", or "[5E-1,1E0]" since 3.1.
Result<std::vector<float>> parse_base_score(std::string_view text) {
  const auto bad = [&] {
    return damaged("learner_model_param.base_score: '" + std::string(text.substr(0, 40)) + "' is not a number");
  };
  std::string_view rest = text;
  const bool bracketed = rest.starts_with('[');
  if (bracketed) {
    if (!rest.ends_with(']')) return bad();
    rest = rest.substr(1, rest.size() - 2);
  }
  std::vector<float> values;
  while (true) {
    while (rest.starts_with(' ')) rest.remove_prefix(1);
    float value = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
    if (error != std::errc{} || !std::isfinite(value)) return bad();
    values.push_back(value);
    rest.remove_prefix(static_cast<size_t>(end - rest.data()));
    if (rest.empty()) return values;
    if (!bracketed || !rest.starts_with(',')) return bad();
    rest.remove_prefix(1);
  }
}

// `clamped`: releases that write a vector keep a probability off 0 and 1; those before refuse such a model themselves.
Result<float> to_margin(float score, Link link, bool clamped) {
  switch (link) {
    case Link::Identity:
      return score;
    case Link::Logit: {
      constexpr float kOff = 1e-6F;
      const float p = clamped ? std::clamp(score, kOff, 1.0F - kOff) : score;
      if (!(p > 0.0F && p < 1.0F)) return damaged("base_score must lie between 0 and 1 for a logistic objective");
      return -std::log(1.0F / p - 1.0F);
    }
    case Link::Log:
      if (score < 0.0F) return damaged("base_score must not be negative for an objective with a log link");
      return std::log(score);
  }
  return damaged("base_score");
}

Status refuse_what_differs(const RawModel& raw) {
  if (raw.booster == "dart" || raw.weight_drop)
    return unsupported(
        "booster 'dart' is not supported yet: its trees carry drop-out weights; train with booster='gbtree'");
  if (raw.booster == "gblinear")
    return unsupported("booster 'gblinear' is not supported: it has no trees; train with booster='gbtree'");
  if (raw.booster != "gbtree")
    return unsupported("booster '" + raw.booster + "' is not supported; train with booster='gbtree'");
  if (raw.category_dictionaries || std::ranges::find(raw.feature_types, "c") != raw.feature_types.end())
    return unsupported(
        "categorical features are not supported yet; one-hot or ordinal encode them and train with numeric columns");
  return {};
}

Status check_trees(const RawModel& raw, uint32_t features, uint32_t outputs) {
  const size_t count = raw.trees.size();
  if (count == 0) return damaged("gradient_booster.model.trees: the model has no trees");
  if (!raw.num_trees.empty() && raw.num_trees != std::to_string(count))
    return damaged("gbtree_model_param.num_trees says " + raw.num_trees + ", there are " + std::to_string(count));
  if (raw.tree_info.size() != count)
    return damaged("tree_info has " + std::to_string(raw.tree_info.size()) + " entries for " + std::to_string(count) +
                   " trees");
  for (size_t t = 0; t < count; ++t) {
    if (raw.tree_info[t] < 0 || static_cast<uint32_t>(raw.tree_info[t]) >= outputs)
      return damaged("tree_info: tree " + std::to_string(t) + " belongs to class " + std::to_string(raw.tree_info[t]) +
                     " of " + std::to_string(outputs));
    for (const TreeNode& node : raw.trees[t].nodes)
      if (!node.leaf() && node.feature >= features)
        return damaged("tree " + std::to_string(t) + ": feature " + std::to_string(node.feature) + " of " +
                       std::to_string(features));
  }
  return {};
}

Status check_names(const RawModel& raw, uint32_t features) {
  for (const auto& [field, size] :
       {std::pair{"feature_names", raw.feature_names.size()}, std::pair{"feature_types", raw.feature_types.size()}})
    if (size != 0 && size != features)
      return damaged("learner." + std::string(field) + " has " + std::to_string(size) + " entries for " +
                     std::to_string(features) + " features");
  return {};
}

std::string version_text(const std::vector<int32_t>& version) {
  std::string text = "xgboost";
  for (size_t i = 0; i < version.size() && i < 4; ++i) text += (i == 0 ? ' ' : '.') + std::to_string(version[i]);
  return text;
}

Result<Ensemble> build(RawModel raw) {
  if (!raw.has_learner) return unsupported("this is not an XGBoost model: it has no field 'learner'");
  CLOPS_TRY(refuse_what_differs(raw));
  if (!raw.has_booster_model) return damaged("learner.gradient_booster.model is absent");
  if (!raw.has_param || raw.base_score.empty()) return damaged("learner.learner_model_param.base_score is absent");
  const auto* objective = std::ranges::find(kObjectives, raw.objective, &Objective::name);
  if (objective == std::end(kObjectives)) {
    std::string known;
    for (const Objective& each : kObjectives) known += (known.empty() ? "" : ", ") + std::string(each.name);
    return unsupported("objective '" + raw.objective + "' is not supported; these are: " + known);
  }
  CLOPS_ASSIGN(const uint32_t classes, whole("num_class", raw.num_class, 0));
  CLOPS_ASSIGN(const uint32_t targets, whole("num_target", raw.num_target, 1));
  CLOPS_ASSIGN(const uint32_t features, whole("num_feature", raw.num_feature, 0));
  if (targets > 1)
    return unsupported("a model of " + raw.num_target + " targets is not supported; train one model per target");
  const bool multiclass = objective->transform == Transform::Softmax || objective->transform == Transform::Argmax;
  const uint32_t outputs = std::max(classes, 1U);
  if (multiclass != (classes > 1))
    return damaged("learner_model_param.num_class is " + raw.num_class + " for objective " + raw.objective);
  if (outputs > 10'000) return unsupported("more than 10000 classes");
  if (features == 0 || features > 1'000'000)
    return damaged("learner_model_param.num_feature: '" + raw.num_feature + "' is not from 1 to 1000000");
  CLOPS_TRY(check_trees(raw, features, outputs));
  CLOPS_TRY(check_names(raw, features));

  Ensemble model;
  CLOPS_ASSIGN(std::vector<float> scores, parse_base_score(raw.base_score));
  if (scores.size() == 1) scores.resize(outputs, scores[0]);
  if (scores.size() != outputs)
    return damaged("base_score has " + std::to_string(scores.size()) + " values for " + std::to_string(outputs) +
                   " outputs");
  for (const float score : scores) {
    CLOPS_ASSIGN(const float margin, to_margin(score, objective->link, raw.base_score.starts_with('[')));
    model.margins.push_back(margin);
  }
  model.framework = version_text(raw.version);
  model.objective = raw.objective;
  model.features = features;
  model.outputs = outputs;
  model.transform = objective->transform;
  for (size_t t = 0; t < raw.trees.size(); ++t) raw.trees[t].output = static_cast<uint32_t>(raw.tree_info[t]);
  model.trees = std::move(raw.trees);
  model.feature_names = std::move(raw.feature_names);
  model.feature_types = std::move(raw.feature_types);
  return model;
}

}  // namespace

Result<Ensemble> read_xgboost(std::string_view bytes, Encoding encoding) {
  const auto reader = encoding == Encoding::Json ? make_json_reader(bytes) : make_ubjson_reader(bytes);
  CLOPS_ASSIGN(RawModel raw, read_raw(*reader));
  CLOPS_ASSIGN(Ensemble model, build(std::move(raw)));
  model.format = encoding == Encoding::Json ? "xgboost-json" : "xgboost-ubj";
  return model;
}

}  // namespace clops::formats
