#include "formats/xgboost_objective.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>

namespace clops::formats {
namespace {

constexpr XgboostObjective kObjectives[] = {
    {"binary:logistic", Transform::Sigmoid, Link::Logit},
    {"reg:logistic", Transform::Sigmoid, Link::Logit},
    {"binary:logitraw", Transform::Identity, Link::Identity},
    {"binary:hinge", Transform::Step, Link::Identity},
    {"reg:squarederror", Transform::Identity, Link::Identity},
    {"reg:linear", Transform::Identity, Link::Identity},
    {"reg:squaredlogerror", Transform::Identity, Link::Identity},
    {"reg:pseudohubererror", Transform::Identity, Link::Identity},
    {"reg:absoluteerror", Transform::Identity, Link::Identity},
    {"reg:quantileerror", Transform::Identity, Link::Identity},
    {"reg:expectileerror", Transform::Expectiles, Link::Gaps},
    {"count:poisson", Transform::Exp, Link::Log},
    {"reg:gamma", Transform::Exp, Link::Log},
    {"reg:tweedie", Transform::Exp, Link::Log},
    {"survival:cox", Transform::Exp, Link::Log},
    {"survival:aft", Transform::Exp, Link::Log},
    {"rank:pairwise", Transform::Identity, Link::Identity},
    {"rank:ndcg", Transform::Identity, Link::Identity},
    {"rank:map", Transform::Identity, Link::Identity},
    {"multi:softprob", Transform::Softmax, Link::Identity},
    {"multi:softmax", Transform::Argmax, Link::Identity},
};
constexpr float kNearly = 1e-6F;  // XGBoost's kRtEps

std::unexpected<Error> damaged(std::string message) {
  return fail(Code::InvalidArgument, std::move(message));
}

Result<float> to_margin(float score, Link link, bool clamped) {
  if (link == Link::Logit) {
    const float p = clamped ? std::clamp(score, kNearly, 1.0F - kNearly) : score;
    if (!(p > 0.0F && p < 1.0F)) return damaged("base_score must lie between 0 and 1 for a logistic objective");
    return -std::log(1.0F / p - 1.0F);
  }
  if (link == Link::Log) {
    if (score < 0.0F) return damaged("base_score must not be negative for an objective with a log link");
    return std::log(score);
  }
  return score;
}

}  // namespace

Result<XgboostObjective> find_objective(std::string_view name, const XgboostVersion& version) {
  const auto* known = std::ranges::find(kObjectives, name, &XgboostObjective::name);
  if (known == std::end(kObjectives)) {
    std::string list;
    for (const XgboostObjective& each : kObjectives) list += (list.empty() ? "" : ", ") + std::string(each.name);
    return fail(Code::Unsupported,
                "objective '" + std::string(name) +
                    "' is not known, so what it makes of the sums is not either; these are: " + list +
                    ". A custom objective given to train() as a function is no matter: such a model is saved under the "
                    "objective it was configured with");
  }
  XgboostObjective objective = *known;
  // Quantiles that cross are put in order since 3.4.
  if (name == "reg:quantileerror" && version >= XgboostVersion{3, 4, 0}) objective.transform = Transform::Ascending;
  // base_score of raw scores was a probability at first, and is a score since 1.3.
  if (name == "binary:logitraw" && version < XgboostVersion{1, 3, 0}) objective.link = Link::Logit;
  return objective;
}

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

Result<std::vector<float>> margins_of(std::vector<float> scores, const XgboostObjective& objective, uint32_t outputs,
                                      bool clamped) {
  if (scores.size() == 1) scores.resize(outputs, scores[0]);
  if (scores.size() != outputs)
    return damaged("base_score has " + std::to_string(scores.size()) + " values for " + std::to_string(outputs) +
                   " outputs");
  if (objective.link == Link::Gaps) {
    for (size_t i = scores.size() - 1; i > 0; --i) {
      const float gap = std::max(scores[i] - scores[i - 1] - kNearly, kNearly);
      scores[i] = gap + std::log(-std::expm1(-gap));
    }
    return scores;
  }
  for (float& score : scores) {
    CLOPS_ASSIGN(score, to_margin(score, objective.link, clamped));
  }
  return scores;
}

}  // namespace clops::formats
