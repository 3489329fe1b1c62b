// What stands between an engine and its contributions: trees that wait packed, the limits of one request, a background.
#include "serving/engines/explainer.h"

#include <gtest/gtest.h>

#include "formats/model_file.h"
#include "serving/engines/forest.h"
#include "tests/unit/formats/golden.h"

namespace clops::serving {
namespace {

using formats::Ensemble;

Ensemble load(const golden::Golden& golden) {
  const auto model = formats::load_model(golden::root() / golden.models[0]);
  EXPECT_TRUE(model) << model.error().message;
  return std::get<Ensemble>(*model);
}

// As the decoder hands rows to an engine.
struct Rows {
  Rows(const Engine& engine, std::span<const double> numbers, size_t columns) {
    const Datatype type = engine.info().inputs[0].datatype;
    tensor.reset(type, {static_cast<int64_t>(numbers.size() / columns), static_cast<int64_t>(columns)});
    for (size_t i = 0; i < numbers.size(); ++i) {
      if (type == Datatype::Fp32)
        tensor.as<float>()[i] = static_cast<float>(numbers[i]);
      else
        tensor.as<double>()[i] = numbers[i];
    }
  }
  TensorBuffer tensor;
};

Status ask(const Engine& engine, const Rows& rows, const Rows& background, std::vector<double>& out,
           bool wanted = true) {
  const TensorView inputs[] = {rows.tensor.view(), background.tensor.view()};
  TensorBuffer outputs[2];
  outputs[1].wanted = wanted;
  CLOPS_TRY(engine.infer(inputs, *engine.make_scratch(), outputs));
  out.clear();
  if (outputs[1].datatype() == Datatype::Fp32)
    out.assign(outputs[1].as<float>().begin(), outputs[1].as<float>().end());
  else
    out.assign(outputs[1].as<double>().begin(), outputs[1].as<double>().end());
  return {};
}

TEST(PackedTrees, come_back_as_they_were_and_take_a_fraction) {
  size_t models = 0;
  for (const auto& [bits, folder] :
       {std::pair{32, "golden"}, {64, "golden"}, {64, "golden-sklearn"}, {32, "vector-contributions"}}) {
    for (const golden::Golden& golden : golden::all(static_cast<size_t>(bits), folder)) {
      SCOPED_TRACE(golden.name);
      const auto model = formats::load_model(golden::root() / golden.models[0]);
      ASSERT_TRUE(model) << model.error().message;
      const auto* wanted = std::get_if<Ensemble>(&*model);
      if (wanted == nullptr || !check_explainable(*wanted)) continue;
      const PackedTrees packed(*wanted);
      const Ensemble got = packed.unpack();
      ASSERT_EQ(got.trees.size(), wanted->trees.size());
      size_t nodes = 0, others = 0;
      for (size_t t = 0; t < got.trees.size(); ++t) {
        ASSERT_EQ(got.trees[t], wanted->trees[t]) << t;
        nodes += got.trees[t].nodes.size();
        others += 8 * got.trees[t].vectors.size() + 16;
        for (const auto& set : got.trees[t].sets) others += 4 * set.words.size() + 1;
      }
      EXPECT_LE(packed.bytes(), nodes * 24 + others);
      Ensemble named = got;
      named.trees = wanted->trees;
      named.feature_names = wanted->feature_names;
      named.feature_types = wanted->feature_types;
      named.category_names = wanted->category_names;
      named.unknown_category = wanted->unknown_category;
      named.notes = wanted->notes;
      EXPECT_EQ(named, *wanted);
      ++models;
    }
  }
  EXPECT_GE(models, 150U);
}

TEST(Explainer, holds_rows_against_a_background_as_shap_does) {
  constexpr size_t kBackground = 8;  // scripts/make_golden_contributions.py
  size_t models = 0;
  for (const golden::Golden& golden : golden::all(64, "interventional")) {
    SCOPED_TRACE(golden.name);
    const auto engine = make_forest_engine(load(golden));
    ASSERT_TRUE(engine) << engine.error().message;
    const Rows rows(**engine, golden.input64, golden.columns),
        background(**engine, std::span(golden.input64).first(kBackground * golden.columns), golden.columns);
    std::vector<double> got;
    const Status done = ask(**engine, rows, background, got);
    ASSERT_TRUE(done) << done.error().message;
    ASSERT_EQ(got.size(), golden.predicted64.size());
    const size_t width = golden.columns + 1;
    for (size_t i = 0; i < got.size(); i += width) {
      double size = 0;
      for (size_t f = 0; f < width; ++f) size += std::fabs(golden.predicted64[i + f]);
      for (size_t f = 0; f < width; ++f)
        ASSERT_NEAR(got[i + f], golden.predicted64[i + f], 1e-6 * size) << i << ", column " << f;
    }
    ++models;
  }
  EXPECT_GE(models, 5U);
}

TEST(Explainer, refuses_what_one_request_may_not_take) {
  const golden::Golden golden = golden::read(golden::data("interventional") / "diabetes.golden");
  const Ensemble model = load(golden);
  const auto engine = make_forest_engine(model);
  ASSERT_TRUE(engine) << engine.error().message;
  const size_t pairs = (size_t{1} << 22) / model.trees.size();
  const auto of = [&](size_t count) {
    return Rows(**engine, std::vector<double>(count * golden.columns, 0.1), golden.columns);
  };
  std::vector<double> out;
  EXPECT_TRUE(ask(**engine, of(1), of(200), out));
  const Status many = ask(**engine, of(2), of(pairs / 2 + 1), out);
  ASSERT_FALSE(many);
  EXPECT_EQ(many.error().code, Code::InvalidArgument);
  EXPECT_NE(many.error().message.find("at most " + std::to_string(pairs) + " pairs"), std::string::npos)
      << many.error().message;
  const Status idle = ask(**engine, of(1), of(2), out, false);
  ASSERT_FALSE(idle);
  EXPECT_EQ(idle.error().message, "contributions_background is given, but contributions are not asked for");
}

}  // namespace
}  // namespace clops::serving
