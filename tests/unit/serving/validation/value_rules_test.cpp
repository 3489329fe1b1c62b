// Rules of values: what each says of each datatype, where it is wrong, and what a rule may not say of a model.
#include "serving/validation/value_rules.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <random>

#include "serving/protocol/half.h"

namespace clops::serving {
namespace {

const double kNan = std::nan("");

EngineInfo person(Datatype type) {
  return {.inputs = {{"row", type, {-1, 3}}}, .outputs = {}, .feature_names = {"age", "size", "kind"}};
}

crds::ColumnRule range(std::string name, std::optional<double> min, std::optional<double> max, bool forbid = false) {
  return {.name = std::move(name), .min = min, .max = max, .categories = {}, .forbid_nulls = forbid};
}
crds::ColumnRule categories(std::string name, std::vector<std::string> values) {
  return {.name = std::move(name), .min = {}, .max = {}, .categories = std::move(values)};
}

ValueRules must(std::vector<crds::ColumnRule> columns, const EngineInfo& info) {
  auto rules = ValueRules::make({crds::ValidationMode::Reject, std::move(columns)}, info);
  EXPECT_TRUE(rules) << rules.error().message;
  return std::move(*rules);
}

// What is said of one tensor; empty: it holds.
template <class T>
std::string judged(const ValueRules& rules, Datatype type, std::vector<int64_t> shape, const std::vector<T>& values) {
  TensorBuffer buffer;
  buffer.reset(type, shape);
  EXPECT_EQ(buffer.count(), values.size());
  std::ranges::copy(values, buffer.as<T>().begin());
  const TensorView view = buffer.view();
  std::vector<ValueRules::Finding> findings;
  rules.find({&view, 1}, findings);
  EXPECT_EQ(rules.hold({&view, 1}), findings.empty());
  return findings.empty() ? "" : rules.describe({&view, 1}, findings);
}

TEST(ValueRules, say_row_column_and_value) {
  const ValueRules rules = must({range("age", 0, 120, true), range("size", {}, 2.5), categories("kind", {"1", "2.5"})},
                                person(Datatype::Fp64));
  const auto said = [&](std::vector<double> values) {
    return judged(rules, Datatype::Fp64, {static_cast<int64_t>(values.size() / 3), 3}, values);
  };
  EXPECT_EQ(said({0, 2.5, 1, 120, -1e9, 2.5, 7, kNan, kNan}), "") << "bounds are right, and so are nulls by default";
  EXPECT_EQ(said({-0.5, 1, 1}), "validation: row 0, column \"age\": -0.5 is below 0");
  EXPECT_EQ(said({1, 1, 1, 1, 3, 1}), "validation: row 1, column \"size\": 3 is above 2.5");
  EXPECT_EQ(said({kNan, 1, 2}),
            "validation: row 0, column \"age\" is null; row 0, column \"kind\": 2 is none of its categories");
  EXPECT_EQ(said({INFINITY, 1, 1}), "validation: row 0, column \"age\": inf is above 120");
  std::vector<double> many(30, 500);
  EXPECT_NE(said(many).find("; and 25 values more"), std::string::npos) << said(many);
}

// A bound of 0.1 takes what a client writes as 0.1, in every float.
TEST(ValueRules, bounds_are_rounded_as_values_are) {
  for (const auto type : {Datatype::Fp32, Datatype::Fp64}) {
    const ValueRules rules = must({range("age", 0.1, 0.1), categories("kind", {"0.3"})}, person(type));
    if (type == Datatype::Fp32) {
      EXPECT_EQ(judged<float>(rules, type, {1, 3}, {0.1F, 0, 0.3F}), "");
      EXPECT_NE(judged<float>(rules, type, {1, 3}, {std::nextafter(0.1F, 1.0F), 0, 0.3F}), "");
    } else {
      EXPECT_EQ(judged<double>(rules, type, {1, 3}, {0.1, 0, 0.3}), "");
    }
  }
  const ValueRules half = must({range("age", 0.1, 0.1, true)}, person(Datatype::Fp16));
  EXPECT_EQ(judged<Half>(half, Datatype::Fp16, {1, 3}, {Half(0.1F), Half(), Half()}), "");
  EXPECT_NE(judged<Half>(half, Datatype::Fp16, {1, 3}, {Half(0.2F), Half(), Half()}), "");
  EXPECT_NE(judged<Half>(half, Datatype::Fp16, {1, 3}, {Half(NAN), Half(), Half()}), "");
}

TEST(ValueRules, integers_are_exact_and_text_has_categories) {
  const ValueRules whole =
      must({range("age", 0.5, 9.5), categories("size", {"9007199254740993"})}, person(Datatype::Int64));
  EXPECT_EQ(judged<int64_t>(whole, Datatype::Int64, {1, 3}, {1, 9007199254740993, 0}), "");
  EXPECT_NE(judged<int64_t>(whole, Datatype::Int64, {1, 3}, {0, 9007199254740993, 0}), "");
  EXPECT_NE(judged<int64_t>(whole, Datatype::Int64, {1, 3}, {10, 9007199254740993, 0}), "");
  EXPECT_EQ(judged<int64_t>(whole, Datatype::Int64, {1, 3}, {1, 9007199254740992, 0}),
            "validation: row 0, column \"size\": 9007199254740992 is none of its categories");
  const ValueRules text = must({categories("kind", {"b", "a"})}, person(Datatype::Bytes));
  EXPECT_EQ(judged<std::string_view>(text, Datatype::Bytes, {1, 3}, {"x", "y", "a"}), "");
  EXPECT_EQ(judged<std::string_view>(text, Datatype::Bytes, {2, 3}, {"x", "y", "b", "x", "y", "c\n"}),
            "validation: row 1, column \"kind\": \"c\\u000a\" is none of its categories");
}

TEST(ValueRules, speak_of_inputs_and_numbers_too) {
  const EngineInfo image{.inputs = {{"image", Datatype::Uint8, {-1, 2, 2}}}, .outputs = {}};
  const ValueRules whole = must({range("image", {}, 200)}, image);
  EXPECT_EQ(judged<uint8_t>(whole, Datatype::Uint8, {1, 2, 2}, {1, 2, 3, 200}), "");
  EXPECT_EQ(judged<uint8_t>(whole, Datatype::Uint8, {2, 2, 2}, {1, 2, 3, 4, 5, 255, 6, 7}),
            "validation: input \"image\", row 1, column 1: 255 is above 200");
  EngineInfo unnamed = person(Datatype::Fp32);
  unnamed.feature_names.clear();
  crds::ColumnRule second = range("", 0, {});
  second.index = 1;
  EXPECT_EQ(judged<float>(must({second}, unnamed), Datatype::Fp32, {1, 3}, {-1, -2, -3}),
            "validation: row 0, column 1: -2 is below 0");
}

TEST(ValueRules, what_a_model_has_not_is_named) {
  const auto said = [](std::vector<crds::ColumnRule> columns, Datatype type) {
    const auto made = ValueRules::make({crds::ValidationMode::Warn, std::move(columns)}, person(type));
    return made ? "fine" : made.error().message;
  };
  EXPECT_EQ(said({range("age", 0, 1), range("agee", 0, 1)}, Datatype::Fp32),
            "validation.columns[1]: the model has no column \"agee\": it has \"age\", \"size\", \"kind\"");
  crds::ColumnRule far = range("", 0, 1);
  far.index = 3;
  EXPECT_NE(said({far}, Datatype::Fp32).find("has no column 3"), std::string::npos);
  far.index = 0;
  EXPECT_NE(said({range("age", 0, 1), far}, Datatype::Fp32).find("has a rule already"), std::string::npos);
  EXPECT_NE(said({range("age", 0, {})}, Datatype::Bytes).find("is text, so it has no min or max"), std::string::npos);
  EXPECT_NE(said({categories("age", {"1", "old"})}, Datatype::Int32).find("\"old\" is no number"), std::string::npos);
}

// The fast way and the plain one agree, whatever the values.
TEST(ValueRules, agree_with_a_plain_check_on_random_rows) {
  std::mt19937 dice(7);
  for (int round = 0; round < 300; ++round) {
    const int width = 1 + static_cast<int>(dice() % 40);
    EngineInfo info{.inputs = {{"row", Datatype::Fp32, {-1, width}}}, .outputs = {}};
    std::vector<crds::ColumnRule> columns;
    for (int i = 0; i < width; ++i) {
      crds::ColumnRule rule = range("", -1.0 - static_cast<double>(dice() % 3), 2, dice() % 2 == 0);
      rule.index = i;
      if (dice() % 8 == 0) rule.categories = {"0", "1"};
      if (dice() % 3 != 0) columns.push_back(rule);
    }
    const ValueRules rules = must(columns, info);
    const size_t rows = 1 + dice() % 4;
    TensorBuffer buffer;
    buffer.reset(Datatype::Fp32, {static_cast<int64_t>(rows), width});
    for (float& value : buffer.as<float>())
      value = dice() % 50 == 0 ? NAN : dice() % 40 == 0 ? 5.0F : static_cast<float>(dice() % 2);
    size_t wrong = 0;
    for (size_t row = 0; row < rows; ++row) {
      for (const crds::ColumnRule& rule : columns) {
        const float value = buffer.as<float>()[row * static_cast<size_t>(width) + static_cast<size_t>(rule.index)];
        if (std::isnan(value)) {
          wrong += rule.forbid_nulls ? 1 : 0;
        } else {
          wrong +=
              value < *rule.min || value > *rule.max || (!rule.categories.empty() && value != 0 && value != 1) ? 1 : 0;
        }
      }
    }
    const TensorView view = buffer.view();
    std::vector<ValueRules::Finding> findings;
    rules.find({&view, 1}, findings);
    ASSERT_EQ(findings.size(), wrong);
    ASSERT_EQ(rules.hold({&view, 1}), wrong == 0);
  }
}

}  // namespace
}  // namespace clops::serving
