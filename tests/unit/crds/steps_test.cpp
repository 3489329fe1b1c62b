// Declared steps: their JSON, and what they come to for a model. Mistakes are named by step, field and column.
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/yaml.h"
#include "crds/codec.h"
#include "crds/steps_codec.h"
#include "crds/steps_plan.h"
#include "tests/support/paths.h"

namespace clops::crds {
namespace {

Json yaml(const std::string& text) {
  const auto documents = parse_yaml(text);
  EXPECT_TRUE(documents) << text << (documents ? "" : documents.error().message);
  return documents->at(0);
}

Result<Steps> steps_of(const std::string& text) {
  ReadError error;
  const Json json = yaml(text);
  Steps steps = read_steps(Reader(json, "steps", error));
  if (!error.ok()) return std::unexpected(*error.get());
  return steps;
}

TEST(Steps, survive_their_text) {
  for (const char* file : {"deployment-steps", "deployment-steps-post"}) {
    const auto text = read_file(test::source_dir() + "/tests/data/corpus/good/" + file + ".yaml");
    ASSERT_TRUE(text);
    const auto object = decode_model_deployment(yaml(*text));
    ASSERT_TRUE(object) << object.error().message;
    EXPECT_FALSE(object->spec.steps.empty());
    const auto back = decode_model_deployment(encode(*object));
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(*back, *object);
    EXPECT_EQ(encode(*back), encode(*object));
    if (object->spec.variants.size() < 3) continue;
    EXPECT_EQ(object->spec.variants[0].steps, std::nullopt);
    EXPECT_EQ(object->spec.variants[1].steps->pre.size(), 1U);
    EXPECT_EQ(object->spec.variants[2].steps, Steps{}) << "none at all, not the deployment's";
  }
}

struct Wrong {
  const char *text, *says;
};

TEST(Steps, of_a_wrong_form_are_refused_by_path) {
  const std::vector<Wrong> table{
      {"{before: []}", "steps.before: is not a field here"},
      {"{pre: [{shell: [ls]}]}", "steps.pre[0].shell: is not a field here"},
      {"{pre: [{}]}", "steps.pre[0].select: there must be exactly one of select, rename"},
      {"{pre: [{select: [a], clip: []}]}", "steps.pre[0].clip: there must be exactly one of"},
      {"{pre: [{select: []}]}", "steps.pre[0].select: must not be empty"},
      {"{pre: [{select: [1]}]}", "steps.pre[0].select[0]: must be a string"},
      {"{pre: [{rename: [{from: a}]}]}", "steps.pre[0].rename[0].to: is required"},
      {"{pre: [{impute: [{column: a}]}]}", "steps.pre[0].impute[0].value: there must be exactly one of value, text"},
      {"{pre: [{impute: [{column: a, value: x}]}]}", "steps.pre[0].impute[0].value: must be a number"},
      {"{pre: [{scale: [{column: a, standard: {mean: 1}}]}]}", "steps.pre[0].scale[0].standard.std: is required"},
      {"{pre: [{scale: [{column: a, standard: {mean: 1, std: 0}}]}]}", "standard.std: must be greater than 0"},
      {"{pre: [{scale: [{column: a, minMax: {min: 2, max: 1}}]}]}", "minMax.min: is greater than max"},
      {"{pre: [{scale: [{column: a, robust: {center: 0, scale: -1}}]}]}", "robust.scale: must be greater than 0"},
      {"{pre: [{clip: [{column: a, min: 2, max: 1}]}]}", "steps.pre[0].clip[0].min: is greater than max"},
      {"{pre: [{clip: [{output: a, min: 2}]}]}", "steps.pre[0].clip[0].output: is not a field here"},
      {"{pre: [{mapLabels: [{column: a, labels: {}}]}]}", "steps.pre[0].mapLabels[0].labels: must not be empty"},
      {"{pre: [{mapLabels: [{column: a, labels: {x: y}}]}]}", "mapLabels[0].labels.x: must be a number"},
      {"{pre: [{mapLabels: [{column: a, labels: {x: 1}, value: 1}]}]}", "value: goes with unknown: Value"},
      {"{pre: [{oneHot: [{column: a, categories: [x], numbers: [1]}]}]}", "exactly one of categories, numbers"},
      {"{pre: [{oneHot: [{column: a, categories: [x], names: [p, q]}]}]}", "names: there must be one for each"},
      {"{pre: [{oneHot: [{column: a, categories: [x], unknown: Value}]}]}", "unknown: must be Error or Ignore"},
      {"{columns: [{name: a, type: Blob}]}", "steps.columns[0].type: must be Number or Text"},
      {"{post: [{calibrate: [{output: p}]}]}", "steps.post[0].calibrate[0].platt: there must be exactly one of"},
      {"{post: [{calibrate: [{output: p, isotonic: {scores: [0, 0], probabilities: [0, 1]}}]}]}",
       "isotonic.scores: must rise"},
      {"{post: [{calibrate: [{output: p, isotonic: {scores: [0, 1], probabilities: [0]}}]}]}",
       "isotonic.probabilities: there must be one for each"},
      {"{post: [{threshold: [{output: p, at: 0, above: x}]}]}", "below: above and below go together"},
      {"{post: [{threshold: [{output: p}]}]}", "steps.post[0].threshold[0].at: is required"},
      {"{post: [{topK: [{output: p, k: 0}]}]}", "steps.post[0].topK[0].k: must be from 1"},
      {"{post: [{mapLabels: [{output: p, labels: []}]}]}", "steps.post[0].mapLabels[0].labels: must not be empty"},
  };
  for (const Wrong& row : table) {
    const auto got = steps_of(row.text);
    ASSERT_FALSE(got) << row.text;
    EXPECT_NE(got.error().message.find(row.says), std::string::npos) << row.text << "\n" << got.error().message;
  }
}

ModelSchema table_model() {
  return {
      .inputs = {{"x", "FP32", {-1, 3}}},
      .outputs = {{"p", "FP32", {-1, 3}}, {"score", "FP32", {-1}}, {"class", "INT64", {-1}}, {"why", "BYTES", {-1}}},
      .feature_names = {"age", "city_Berlin", "city_Paris"}};
}
ModelSchema mixed_model() {
  return {.inputs = {{"age", "FP32", {-1, 1}}, {"city", "BYTES", {-1, 1}}, {"id", "INT64", {-1}}},
          .outputs = {{"p", "FP32", {-1, -1}}},
          .feature_names = {}};
}
ModelSchema image_model() {
  return {.inputs = {{"image", "FP32", {-1, 3, 8, 8}}}, .outputs = {{"p", "FP32", {-1, 10}}}, .feature_names = {}};
}
ModelSchema nameless_model() {
  return {.inputs = {{"x", "FP64", {-1, 2}}}, .outputs = {{"p", "FP64", {-1, 2}}}, .feature_names = {}};
}

Result<StepsPlan> planned(const std::string& text, const ModelSchema& model) {
  const auto steps = steps_of(text);
  EXPECT_TRUE(steps) << text << (steps ? "" : steps.error().message);
  return plan_steps(*steps, model);
}

TEST(StepsPlan, mistakes_name_step_field_and_column) {
  const std::vector<Wrong> table{
      {"{pre: [{clip: [{column: age, min: 0}]}, {scale: [{column: age, standard: {mean: 0, std: 1}}, {column: agee, "
       "standard: {mean: 0, std: 1}}]}]}",
       "steps.pre[1].scale[1].column: there is no column \"agee\" here; there are \"age\", \"city_Berlin\", "
       "\"city_Paris\""},
      {"{columns: [{name: city, type: Text}], pre: [{scale: [{column: city, standard: {mean: 0, std: 1}}]}]}",
       "steps.pre[0].scale[0].column: column \"city\" holds text here, and this step works on numbers"},
      {"{pre: [{oneHot: [{column: city, categories: [Berlin, Paris]}]}, {clip: [{column: city, min: 0}]}]}",
       "steps.pre[1].clip[0].column: there is no column \"city\" here"},
      {"{pre: [{clip: [{column: city, min: 0}]}, {oneHot: [{column: city, categories: [Berlin, Paris]}]}]}",
       "steps.pre[1].oneHot[0].column: column \"city\" holds numbers here, and this step works on text"},
      {"{pre: [{oneHot: [{column: city, categories: [Berlin, Berlin]}]}]}",
       "steps.pre[0].oneHot[0].categories: has one twice"},
      {"{pre: [{oneHot: [{column: city, categories: [Berlin, Rome]}]}]}",
       "steps.pre: leaves the column \"city_Rome\", which the model does not take: leave it out with select"},
      {"{columns: [{name: age}, {name: city_Berlin}]}", "steps.pre: leaves no column \"city_Paris\", which the model"},
      {"{columns: [{name: age}, {name: city_Berlin}, {name: city_Paris, type: Text}]}",
       "steps.pre: leaves column \"city_Paris\" as text, and the model takes numbers"},
      {"{columns: [{name: age}, {name: age}]}", "steps.columns: leaves two columns called \"age\""},
      {"{columns: [{name: age}], pre: [{select: [height]}]}", "steps.pre[0].select[0]: there is no column \"height\""},
      {"{pre: [{select: [age, age, city_Berlin, city_Paris]}]}", "leaves two columns called \"age\""},
      {"{columns: [{name: age}], pre: [{rename: [{from: years, to: age}]}]}",
       "steps.pre[0].rename[0].from: there is no column \"years\""},
      {"{columns: [{name: a}, {name: b}], pre: [{rename: [{from: a, to: b}]}]}",
       "steps.pre[0].rename: leaves two columns called \"b\""},
      {"{post: [{threshold: [{output: q, at: 0.5}]}]}",
       "steps.post[0].threshold[0].output: there is no output \"q\" here; there are \"p\", \"score\""},
      {"{post: [{threshold: [{output: p, at: 0.5}]}]}", "threshold[0].column: is required: output \"p\" has 3 values"},
      {"{post: [{threshold: [{output: p, at: 0.5, column: 3}]}]}", "threshold[0].column: 3 is beyond the 3 values"},
      {"{post: [{threshold: [{output: why, at: 0.5}]}]}", "output \"why\" is BYTES here, and this step works on numb"},
      {"{post: [{calibrate: [{output: p, platt: {a: 1, b: 0}}]}]}", "output \"p\" has 3 values a row"},
      {"{post: [{topK: [{output: p, k: 4}]}]}", "steps.post[0].topK[0].k: 4 is more than the 3 values of a row"},
      {"{post: [{topK: [{output: p, k: 1, labels: [a, b]}]}]}", "topK[0].labels: has 2 labels for the 3 values"},
      {"{post: [{topK: [{output: p, k: 1, as: score}]}]}", "topK[0].as: leaves two outputs called \"score\""},
      {"{post: [{rename: [{from: p, to: score}]}]}", "steps.post[0].rename: leaves two outputs called \"score\""},
      {"{post: [{clip: [{output: class, min: 0.5}]}]}", "steps.post[0].clip[0].min: 0.5 is no INT64"},
      {"{post: [{rename: [{from: p, to: contributions}]}]}", "an output called \"contributions\" would be taken"},
      {"{post: [{select: [p]}, {clip: [{output: score, min: 0}]}]}", "steps.post[1].clip[0].output: there is no outp"},
  };
  for (const Wrong& row : table) {
    const auto got = planned(row.text, table_model());
    ASSERT_FALSE(got) << row.text;
    EXPECT_EQ(got.error().code, Code::InvalidArgument);
    EXPECT_NE(got.error().message.find(row.says), std::string::npos) << row.text << "\n" << got.error().message;
  }
}

TEST(StepsPlan, models_that_are_no_tables_take_no_steps_before_them) {
  const auto image = planned("{pre: [{clip: [{column: a, min: 0}]}]}", image_model());
  ASSERT_FALSE(image);
  EXPECT_EQ(image.error().message, "steps.pre: this model's inputs are no columns of a table");
  EXPECT_TRUE(planned("{post: [{topK: [{output: p, k: 3}]}]}", image_model()));
  ModelSchema wide = nameless_model();
  wide.inputs[0].shape[1] = -1;
  const auto unsaid = planned("{pre: [{clip: [{column: a, min: 0}]}]}", wide);
  ASSERT_FALSE(unsaid);
  EXPECT_NE(unsaid.error().message.find("does not say how many columns"), std::string::npos);
  const auto said = planned("{columns: [{name: a}, {name: b}, {name: c}]}", wide);
  ASSERT_TRUE(said);
  EXPECT_EQ(said->columns, (std::vector<std::string>{"a", "b", "c"}));
}

TEST(StepsPlan, columns_of_requests_are_found_back_from_the_models) {
  const auto plan = planned(
      "{pre: [{rename: [{from: years, to: age}]}, {impute: [{column: city, text: Rome}]}, {oneHot: [{column: city, "
      "categories: [Berlin, Paris]}]}]}",
      table_model());
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_FALSE(plan->tabular);
  EXPECT_EQ(plan->inputs, (std::vector<ModelTensor>{{"years", "FP64", {-1, 1}}, {"city", "BYTES", {-1, 1}}}));

  const auto numbers = planned("{pre: [{clip: [{column: age, min: 0}]}]}", table_model());
  ASSERT_TRUE(numbers);
  EXPECT_TRUE(numbers->tabular);
  EXPECT_EQ(numbers->inputs, (std::vector<ModelTensor>{{"x", "FP64", {-1, 3}}}));
  EXPECT_EQ(numbers->columns, table_model().feature_names);

  const auto picked = planned(
      "{columns: [{name: a}, {name: city_Paris}, {name: b}, {name: age}, {name: city_Berlin}], "
      "pre: [{select: [city_Paris, city_Berlin, age]}]}",
      table_model());
  ASSERT_TRUE(picked) << picked.error().message;
  EXPECT_FALSE(picked->computes);
  EXPECT_EQ(picked->inputs, (std::vector<ModelTensor>{{"x", "FP32", {-1, 5}}})) << "nothing is computed: as they come";
  EXPECT_EQ(picked->feeds, (std::vector<uint32_t>{3, 4, 1}));

  const auto numbered = planned("{pre: [{clip: [{column: \"1\", min: 0}]}]}", nameless_model());
  ASSERT_TRUE(numbered) << numbered.error().message;
  EXPECT_TRUE(numbered->columns.empty());
}

TEST(StepsPlan, what_is_not_worked_on_keeps_the_models_datatype) {
  const auto plan = planned("{pre: [{scale: [{column: age, minMax: {min: 0, max: 1}}]}]}", mixed_model());
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->inputs,
            (std::vector<ModelTensor>{{"age", "FP64", {-1, 1}}, {"city", "BYTES", {-1, 1}}, {"id", "INT64", {-1, 1}}}));
}

TEST(StepsPlan, outputs_after_the_last_step) {
  const auto plan = planned(
      "{post: [{threshold: [{output: score, at: 0.5, above: bad, below: good, as: verdict}]}, {topK: [{output: p, k: "
      "2, "
      "labels: [a, b, c]}]}, {calibrate: [{output: score, platt: {a: -1, b: 0}}]}, {mapLabels: [{output: class, "
      "labels: "
      "[cat, dog]}]}, {rename: [{from: score, to: probability}]}]}",
      table_model());
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_FALSE(plan->has_pre);
  EXPECT_EQ(plan->renamed, (std::vector<std::string>{"p", "p_labels", "probability", "verdict", "class", "why"}));
  std::vector<std::string> types;
  for (const uint32_t slot : plan->outputs) types.push_back(plan->values[slot].datatype);
  EXPECT_EQ(types, (std::vector<std::string>{"FP32", "BYTES", "FP64", "BYTES", "BYTES", "BYTES"}));
  EXPECT_EQ(plan->values[plan->outputs[0]].shape, (std::vector<int64_t>{-1, 2}));
}

TEST(StepsPlan, a_list_of_columns_that_was_left_out_is_not_judged) {
  ModelSchema wide = nameless_model();
  wide.inputs[0].shape[1] = 5'000;
  const auto steps = steps_of("{pre: [{clip: [{column: age, min: 0}]}]}");
  EXPECT_FALSE(can_judge_steps(*steps, wide));
  EXPECT_TRUE(can_judge_steps(*steps, nameless_model()));
  EXPECT_TRUE(can_judge_steps(*steps, table_model()));
  EXPECT_TRUE(can_judge_steps(*steps_of("{post: [{select: [p]}]}"), wide));
}

}  // namespace
}  // namespace clops::crds
