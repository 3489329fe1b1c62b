// Steps around a model: scikit-learn's numbers bit for bit, batches as rows alone, what reaches the model and what
// comes back.
#include <bit>
#include <charconv>
#include <cmath>
#include <filesystem>

#include "base/file.h"
#include "base/json.h"
#include "serving/protocol/half.h"
#include "tests/support/paths.h"
#include "tests/unit/serving/steps_models.h"

namespace clops::serving {
namespace {

using Texts = std::vector<std::string>;

double number_of(const Json& bits) {
  const auto& text = bits.get_ref<const std::string&>();
  uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value, 16);
  return std::bit_cast<double>(value);
}

std::shared_ptr<const Engine> around(std::shared_ptr<const Engine> inner, const std::string& yaml) {
  auto engine = with_steps(std::move(inner), steps_of(yaml));
  EXPECT_TRUE(engine) << yaml << (engine ? "" : engine.error().message);
  return engine ? *engine : nullptr;
}

// Rows [first, first + count) of numbers or texts as the engine's one input takes them.
TensorBuffer rows_of(const Json& rows, size_t first, size_t count, const TensorSpec& spec) {
  TensorBuffer out;
  const size_t width = rows[0].size();
  std::vector<int64_t> shape{static_cast<int64_t>(count)};
  if (spec.shape.size() == 2) shape.push_back(static_cast<int64_t>(width));
  out.reset(spec.datatype, shape);
  for (size_t i = 0; i < out.count(); ++i) {
    const Json& cell = rows[first + i / width][i % width];
    if (spec.datatype == Datatype::Bytes) {
      out.set_text(i, cell.get_ref<const std::string&>());
    } else {
      out.as<double>()[i] = number_of(cell);
    }
  }
  return out;
}

struct Asked {
  Status status;
  std::vector<TensorBuffer> outputs;
};
Asked ask(const Engine& engine, std::span<const TensorBuffer> inputs, Scratch& scratch, std::vector<bool> wanted = {}) {
  Asked out;
  std::vector<TensorView> views;
  for (const TensorBuffer& input : inputs) views.push_back(input.view());
  out.outputs.resize(engine.info().outputs.size());
  for (size_t i = 0; i < out.outputs.size(); ++i)
    out.outputs[i].wanted = wanted.empty() ? !engine.info().outputs[i].on_request : wanted[i];
  out.status = engine.infer(views, scratch, out.outputs);
  return out;
}
Asked ask(const Engine& engine, std::span<const TensorBuffer> inputs) {
  return ask(engine, inputs, *engine.make_scratch());
}

template <class T>
TensorBuffer tensor(Datatype type, std::vector<int64_t> shape, const std::vector<T>& values) {
  TensorBuffer out;
  out.reset(type, shape);
  std::ranges::copy(values, out.as<T>().begin());
  return out;
}
TensorBuffer numbers(std::vector<int64_t> shape, const std::vector<double>& values) {
  return tensor(Datatype::Fp64, std::move(shape), values);
}
TensorBuffer texts(std::vector<int64_t> shape, const Texts& values) {
  TensorBuffer out;
  out.reset(Datatype::Bytes, shape);
  for (size_t i = 0; i < values.size(); ++i) out.set_text(i, values[i]);
  return out;
}
template <class T>
std::vector<T> values(TensorBuffer& buffer) {
  return {buffer.as<T>().begin(), buffer.as<T>().end()};
}
Texts labels(TensorBuffer& buffer) {
  return {buffer.as<std::string_view>().begin(), buffer.as<std::string_view>().end()};
}

TEST(Steps, are_scikit_learns_bit_for_bit_alone_and_in_batches) {
  size_t cases = 0;
  for (const auto& entry : std::filesystem::directory_iterator(test::source_dir() + "/tests/data/steps")) {
    SCOPED_TRACE(entry.path().filename().string());
    const auto text = read_file(entry.path());
    ASSERT_TRUE(text);
    const auto golden = parse_json(*text);
    ASSERT_TRUE(golden) << golden.error().message;
    std::vector<int64_t> shape{-1};
    const bool before = golden->contains("columns");
    const auto width =
        before ? static_cast<int64_t>(golden->at("columns").size()) : golden->at("output").get<int64_t>();
    if (before || width > 1) shape.push_back(width);
    const auto engine =
        around(std::make_shared<ColumnsEcho>(std::vector<TensorSpec>{{before ? "x" : "score", Datatype::Fp64, shape}},
                                             before ? golden->at("columns").get<Texts>() : Texts()),
               golden->at("steps").dump());
    ASSERT_NE(engine, nullptr);
    const Json &rows = golden->at("rows"), &expected = golden->at("expected");
    const auto scratch = engine->make_scratch();
    for (const size_t batch : {size_t{1}, size_t{7}, rows.size()}) {
      for (size_t first = 0; first < rows.size(); first += batch) {
        const size_t count = std::min(batch, rows.size() - first);
        const TensorBuffer input = rows_of(rows, first, count, engine->info().inputs.at(0));
        Asked got = ask(*engine, {&input, 1}, *scratch);
        ASSERT_TRUE(got.status) << got.status.error().message;
        const std::vector<double> out = values<double>(got.outputs[0]);
        ASSERT_EQ(out.size(), count * expected[0].size());
        for (size_t i = 0; i < out.size(); ++i) {
          const double want = number_of(expected[first + i / expected[0].size()][i % expected[0].size()]);
          ASSERT_TRUE(std::bit_cast<uint64_t>(out[i]) == std::bit_cast<uint64_t>(want) ||
                      (std::isnan(out[i]) && std::isnan(want)))
              << "batches of " << batch << ", row " << first + i / expected[0].size() << ": " << out[i] << ", not "
              << want;
        }
      }
    }
    ++cases;
  }
  EXPECT_GE(cases, 14U);
}

// More rows than are worked on at once, and every row the same whoever stands beside it.
TEST(Steps, blocks_have_no_seams) {
  const auto engine =
      around(std::make_shared<ColumnsEcho>(std::vector<TensorSpec>{{"x", Datatype::Fp32, {-1, 4}}},
                                           Texts{"a", "city_p", "city_q", "grade"}),
             "{pre: [{scale: [{column: a, standard: {mean: 0.1, std: 3}}]}, {mapLabels: [{column: grade, labels: {A: "
             "1, B: 2}, "
             "unknown: Value, value: -1}]}, {oneHot: [{column: city, categories: [p, q], unknown: Ignore}]}]}");
  ASSERT_NE(engine, nullptr);
  ASSERT_EQ(engine->info().inputs.size(), 3U);
  const size_t count = 1'000;
  std::vector<double> a;
  Texts city, grade;
  for (size_t i = 0; i < count; ++i) {
    a.push_back(std::sin(static_cast<double>(i)) * 1e3);
    city.push_back(std::string(1, static_cast<char>('p' + i % 3)));
    grade.push_back(std::string(1, static_cast<char>('A' + i % 4)));
  }
  const auto n = static_cast<int64_t>(count);
  std::vector<TensorBuffer> all;
  all.push_back(numbers({n, 1}, a));
  all.push_back(texts({n, 1}, city));
  all.push_back(texts({n, 1}, grade));
  Asked together = ask(*engine, all);
  ASSERT_TRUE(together.status) << together.status.error().message;
  const std::vector<float> out = values<float>(together.outputs[0]);
  ASSERT_EQ(out.size(), count * 4);
  const auto scratch = engine->make_scratch();
  for (size_t i = 0; i < count; ++i) {
    const std::vector<float> want = {static_cast<float>((a[i] - 0.1) / 3), i % 3 == 0 ? 1.0F : 0.0F,
                                     i % 3 == 1 ? 1.0F : 0.0F,
                                     i % 4 == 0   ? 1.0F
                                     : i % 4 == 1 ? 2.0F
                                                  : -1.0F};
    ASSERT_EQ(std::vector<float>(out.begin() + static_cast<ptrdiff_t>(i * 4),
                                 out.begin() + static_cast<ptrdiff_t>(i * 4 + 4)),
              want)
        << i;
    std::vector<TensorBuffer> one;
    one.push_back(numbers({1, 1}, {a[i]}));
    one.push_back(texts({1, 1}, {city[i]}));
    one.push_back(texts({1, 1}, {grade[i]}));
    Asked alone = ask(*engine, one, *scratch);
    ASSERT_EQ(values<float>(alone.outputs[0]), want) << i;
  }
}

TEST(Steps, a_models_own_datatypes_come_through) {
  const auto model = std::make_shared<ColumnsEcho>(std::vector<TensorSpec>{{"id", Datatype::Int64, {-1}},
                                                                           {"age", Datatype::Int32, {-1, 1}},
                                                                           {"city", Datatype::Bytes, {-1, 1}},
                                                                           {"h", Datatype::Fp16, {-1, 1}}},
                                                   Texts());
  const auto engine = around(model,
                             "{pre: [{rename: [{from: number, to: id}]}, {clip: [{column: age, min: 0, max: 99.5}, "
                             "{column: h, max: 1e9}]}, {impute: "
                             "[{column: city, text: Rome}]}]}");
  ASSERT_NE(engine, nullptr);
  std::vector<TensorBuffer> inputs;
  inputs.push_back(tensor<int64_t>(Datatype::Int64, {2, 1}, {INT64_MAX, -7}));
  inputs.push_back(numbers({2, 1}, {-3, 12}));
  inputs.push_back(texts({2, 1}, {"", "Łódź"}));
  inputs.push_back(numbers({2, 1}, {0.5, 1e8}));
  EXPECT_EQ(engine->info().inputs[0].name, "number");
  Asked got = ask(*engine, inputs);
  ASSERT_TRUE(got.status) << got.status.error().message;
  EXPECT_EQ(values<int64_t>(got.outputs[0]), (std::vector<int64_t>{INT64_MAX, -7})) << "never a float64";
  EXPECT_EQ(got.outputs[0].shape().size(), 1U);
  EXPECT_EQ(values<int32_t>(got.outputs[1]), (std::vector<int32_t>{0, 12}));
  EXPECT_EQ(labels(got.outputs[2]), (Texts{"Rome", "Łódź"}));
  EXPECT_EQ(got.outputs[3].as<Half>()[0].to_float(), 0.5F);
  EXPECT_TRUE(std::isinf(got.outputs[3].as<Half>()[1].to_float()));

  inputs[1] = numbers({2, 1}, {1, 99.75});
  got = ask(*engine, inputs);
  ASSERT_FALSE(got.status);
  EXPECT_EQ(got.status.error().message, "row 1, column \"age\": 99.5 is no INT32, which the model takes");
  inputs[1] = numbers({3, 1}, {1, 2, 3});
  got = ask(*engine, inputs);
  ASSERT_FALSE(got.status);
  EXPECT_EQ(got.status.error().code, Code::InvalidArgument);
  EXPECT_EQ(got.status.error().message, "inputs \"number\" and \"age\" differ in rows: 2 and 3");
}

TEST(Steps, a_value_that_is_not_known_is_refused_by_row_and_column) {
  const auto model = std::make_shared<ColumnsEcho>(std::vector<TensorSpec>{{"x", Datatype::Fp64, {-1, 2}}},
                                                   Texts{"rooms_1", "rooms_2.5"});
  const auto engine = around(model, "{pre: [{oneHot: [{column: rooms, numbers: [1, 2.5]}]}]}");
  ASSERT_NE(engine, nullptr);
  const TensorBuffer rows = numbers({300, 1}, [] {
    std::vector<double> out(300, 2.5);
    out[299] = 2;
    return out;
  }());
  Asked got = ask(*engine, {&rows, 1});
  ASSERT_FALSE(got.status);
  EXPECT_EQ(got.status.error().message, "row 299, column \"rooms\": 2 is none of the categories");
  const TensorBuffer missing = numbers({1, 1}, {std::nan("")});
  EXPECT_FALSE(ask(*engine, {&missing, 1}).status);
  const auto labelled =
      around(std::make_shared<ColumnsEcho>(std::vector<TensorSpec>{{"x", Datatype::Fp64, {-1, 1}}}, Texts{"g"}),
             "{pre: [{mapLabels: [{column: g, labels: {A: 1}}]}]}");
  const TensorBuffer unknown = texts({1, 1}, {"Z"});
  got = ask(*labelled, {&unknown, 1});
  ASSERT_FALSE(got.status);
  EXPECT_EQ(got.status.error().message, "row 0, column \"g\": \"Z\" has no number");
}

TEST(Steps, columns_that_are_only_picked_keep_their_bits) {
  const auto model =
      std::make_shared<ColumnsEcho>(std::vector<TensorSpec>{{"x", Datatype::Fp32, {-1, 2}}}, Texts{"a", "b"});
  const auto engine = around(
      model, "{columns: [{name: b}, {name: other}, {name: c}], pre: [{rename: [{from: c, to: a}]}, {select: [a, b]}]}");
  ASSERT_NE(engine, nullptr);
  EXPECT_EQ(engine->info().feature_names, (Texts{"b", "other", "c"}));
  EXPECT_EQ(engine->info().inputs[0].datatype, Datatype::Fp32);
  const TensorBuffer rows = tensor<float>(Datatype::Fp32, {2, 3}, {1, 2, 3, 4, 5, 6});
  Asked got = ask(*engine, {&rows, 1});
  EXPECT_EQ(values<float>(got.outputs[0]), (std::vector<float>{3, 1, 6, 4}));
}

TEST(Steps, none_are_the_engine_itself) {
  const std::shared_ptr<const Engine> model =
      std::make_shared<ColumnsEcho>(std::vector<TensorSpec>{{"x", Datatype::Fp32, {-1, 2}}}, Texts{});
  EXPECT_EQ(around(model, "{}"), model);
}

TEST(Steps, contributions_stay_where_nothing_is_computed_before_the_model) {
  const auto model =
      std::make_shared<ColumnsEcho>(std::vector<TensorSpec>{{"x", Datatype::Fp32, {-1, 2}}}, Texts{"a", "b"}, true);
  const auto names = [](const std::vector<TensorSpec>& specs) {
    Texts out;
    for (const TensorSpec& spec : specs) out.push_back(spec.name);
    return out;
  };
  const auto after = around(model, "{post: [{rename: [{from: x, to: out}]}]}");
  EXPECT_EQ(names(after->info().inputs), (Texts{"x", "contributions_background"}));
  EXPECT_EQ(names(after->info().outputs), (Texts{"out", "contributions"}));
  const auto picked = around(model, "{pre: [{select: [b, a]}]}");
  EXPECT_EQ(names(picked->info().inputs), (Texts{"x"}));
  EXPECT_EQ(names(picked->info().outputs), (Texts{"x", "contributions"}));
  const TensorBuffer rows = tensor<float>(Datatype::Fp32, {1, 2}, {1, 2});
  Asked got = ask(*picked, {&rows, 1}, *picked->make_scratch(), {false, true});
  ASSERT_TRUE(got.status);
  EXPECT_EQ(values<float>(got.outputs[1]), (std::vector<float>{7}));
  EXPECT_EQ(model->asked, (std::vector<bool>{false, true}));
  const auto computed = around(model, "{pre: [{clip: [{column: a, min: 0}]}]}");
  EXPECT_EQ(names(computed->info().outputs), (Texts{"x"}));
  const TensorBuffer wide = numbers({1, 2}, {-1, 2});
  got = ask(*computed, {&wide, 1});
  EXPECT_EQ(values<float>(got.outputs[0]), (std::vector<float>{0, 2}));
}

struct Outputs : testing::Test {
  std::shared_ptr<ColumnsEcho> model = std::make_shared<ColumnsEcho>(
      std::vector<TensorSpec>{
          {"p", Datatype::Fp32, {-1, 3}}, {"score", Datatype::Fp64, {-1}}, {"class", Datatype::Int64, {-1}}},
      Texts());
  std::vector<TensorBuffer> inputs;
  void SetUp() override {
    inputs.push_back(tensor<float>(Datatype::Fp32, {2, 3}, {0.2F, 0.5F, 0.3F, 0.4F, std::nanf(""), 0.4F}));
    inputs.push_back(numbers({2}, {0.5, 0.25}));
    inputs.push_back(tensor<int64_t>(Datatype::Int64, {2}, {1, 0}));
  }
  size_t place(const Engine& engine, const std::string& name) {
    const auto& outputs = engine.info().outputs;
    return static_cast<size_t>(std::ranges::find(outputs, name, &TensorSpec::name) - outputs.begin());
  }
};

TEST_F(Outputs, thresholds_and_labels) {
  const auto engine = around(model,
                             "{post: [{threshold: [{output: score, at: 0.5, above: \"yes\", below: \"no\", as: "
                             "verdict}, {output: p, column: 0, "
                             "at: 0.3}]}, {mapLabels: [{output: class, labels: [cat, dog]}]}]}");
  Asked got = ask(*engine, inputs);
  ASSERT_TRUE(got.status) << got.status.error().message;
  EXPECT_EQ(labels(got.outputs[place(*engine, "verdict")]), (Texts{"yes", "no"}))
      << "from the threshold on it is above";
  EXPECT_EQ(values<double>(got.outputs[place(*engine, "score")]), (std::vector<double>{0.5, 0.25}));
  EXPECT_EQ(values<int64_t>(got.outputs[place(*engine, "p")]), (std::vector<int64_t>{0, 1}));
  EXPECT_EQ(labels(got.outputs[place(*engine, "class")]), (Texts{"dog", "cat"}));
}

TEST_F(Outputs, values_without_a_label_are_refused) {
  const auto side = around(model, "{post: [{threshold: [{output: p, column: 1, at: 0.3}]}]}");
  Asked got = ask(*side, inputs);
  ASSERT_FALSE(got.status);
  EXPECT_EQ(got.status.error().message, "row 1: output \"p\" is nan, which is on no side of a threshold");
  const auto label = around(model, "{post: [{mapLabels: [{output: class, labels: [cat]}]}]}");
  got = ask(*label, inputs);
  ASSERT_FALSE(got.status);
  EXPECT_EQ(got.status.error().message, "row 0: output \"class\" is 1, which is no index of the 1 labels");
}

TEST_F(Outputs, the_highest_first_equal_ones_in_order_nan_last) {
  const auto engine = around(model, "{post: [{topK: [{output: p, k: 2, labels: [a, b, c]}]}]}");
  Asked got = ask(*engine, inputs);
  ASSERT_TRUE(got.status) << got.status.error().message;
  EXPECT_EQ(values<float>(got.outputs[0]), (std::vector<float>{0.5F, 0.3F, 0.4F, 0.4F}));
  EXPECT_EQ(labels(got.outputs[place(*engine, "p_labels")]), (Texts{"b", "c", "a", "c"}));
  const auto numbered = around(model, "{post: [{topK: [{output: p, k: 3, as: which}]}]}");
  got = ask(*numbered, inputs);
  EXPECT_EQ(values<int64_t>(got.outputs[place(*numbered, "which")]), (std::vector<int64_t>{1, 2, 0, 0, 2, 1}));
}

TEST_F(Outputs, only_what_is_wanted_is_asked_of_the_model) {
  const auto engine =
      around(model, "{post: [{threshold: [{output: score, at: 0.5, as: verdict}]}, {select: [p, verdict]}]}");
  ASSERT_EQ(engine->info().outputs.size(), 2U);
  const auto scratch = engine->make_scratch();
  Asked got = ask(*engine, inputs, *scratch, {false, true});
  ASSERT_TRUE(got.status);
  EXPECT_EQ(model->asked, (std::vector<bool>{false, true, false}));
  EXPECT_EQ(values<int64_t>(got.outputs[1]), (std::vector<int64_t>{1, 0}));
  got = ask(*engine, inputs, *scratch, {true, false});
  EXPECT_EQ(model->asked, (std::vector<bool>{true, false, false}));
  EXPECT_EQ(got.outputs[0].count(), 6U);
}

TEST_F(Outputs, clips_keep_their_datatype) {
  const auto engine =
      around(model, "{post: [{clip: [{output: p, min: 0.25, max: 0.4}, {output: class, max: 0, min: -1e300}]}]}");
  Asked got = ask(*engine, inputs);
  ASSERT_TRUE(got.status) << got.status.error().message;
  const std::vector<float> p = values<float>(got.outputs[0]);
  EXPECT_EQ(p[0], 0.25F);
  EXPECT_EQ(p[1], 0.4F);
  EXPECT_TRUE(std::isnan(p[4]));
  EXPECT_EQ(values<int64_t>(got.outputs[2]), (std::vector<int64_t>{0, 0}));
}

}  // namespace
}  // namespace clops::serving
