// `clops inspect` on the framework's own files: what it prints for people, what for programs, and how a refusal ends.
#include "cli/inspect.h"

#include <gtest/gtest.h>

#include <sstream>

#include "base/json.h"
#include "tests/support/paths.h"

namespace clops::cli {
namespace {

struct Outcome {
  int exit_code = 0;
  std::string out, err;
};

Outcome inspect(std::vector<std::string> arguments) {
  std::istringstream in;
  std::ostringstream out, err;
  const SystemClock clock;
  const auto log = make_null_log();
  const Context context{.in = in,
                        .out = out,
                        .err = err,
                        .clock = clock,
                        .log = *log,
                        .env = [](const std::string&) { return std::optional<std::string>{}; },
                        .program = "clops",
                        .arm_stop = [] {},
                        .wait_stop = [](std::chrono::milliseconds) { return true; }};
  arguments.insert(arguments.begin(), "inspect");
  const int code = run(arguments, context, {add_inspect});
  return {code, out.str(), err.str()};
}

const std::string kSamples = clops::test::source_dir() + "/samples/models";
const std::string kGolden = clops::test::source_dir() + "/tests/data/golden";

TEST(Inspect, tells_people_what_a_model_takes) {
  const Outcome outcome = inspect({kSamples + "/diabetes/1"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  for (const char* text :
       {"format     xgboost-ubj (xgboost 3.2.0)\n", "digest     sha256:", "objective  reg:squarederror\n",
        "trees      60, up to 4 deep", "input      input-0 FP32 [rows, 10]\n", "output     predict FP32 [rows]\n",
        "columns    age, sex, bmi", "engine     ", "single rows: ", "measured at load"})
    EXPECT_NE(outcome.out.find(text), std::string::npos) << text << "\n" << outcome.out;
}

TEST(Inspect, tells_what_the_codes_of_categories_stand_for) {
  const Outcome xgboost = inspect({kGolden + "/named-categories.json"});
  EXPECT_NE(xgboost.out.find("codes      colour: 0 = \"blue\", 1 = \"green\", 2 = \"red\" \n"), std::string::npos)
      << xgboost.out;
  const Outcome lightgbm = inspect({kGolden + "/lightgbm-pandas.txt"});
  EXPECT_NE(lightgbm.out.find("codes      "), std::string::npos) << lightgbm.out;
  EXPECT_NE(xgboost.out.find("any other name is refused"), std::string::npos) << xgboost.out;
  EXPECT_NE(lightgbm.out.find("any other name is a missing"), std::string::npos) << lightgbm.out;
}

TEST(Inspect, tells_what_a_row_of_a_model_without_trees_costs) {
  const Outcome outcome = inspect({kGolden + "/gblinear.json"});
  for (const char* text : {"cost       a row alone ", "a row of 256 ", "engine     features in order"})
    EXPECT_NE(outcome.out.find(text), std::string::npos) << text << "\n" << outcome.out;
  EXPECT_EQ(inspect({kGolden + "/named-categories.json"}).out.find("\ncost "), std::string::npos);
}

TEST(Inspect, prints_the_document_for_programs) {
  const Outcome outcome = inspect({kSamples + "/breast-cancer/1/model.ubj", "-o", "json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_TRUE(bool_at(*parse_json(outcome.out), {"ok"})) << outcome.out;
}

TEST(Inspect, says_why_a_file_is_refused_and_how_to_go_on) {
  const std::string pickle = clops::test::source_dir() + "/tests/data/refused/model.pkl";
  const Outcome text = inspect({pickle});
  EXPECT_EQ(text.exit_code, 1);
  EXPECT_NE(text.err.find("model.pkl: this is a Python pickle"), std::string::npos) << text.err;
  EXPECT_NE(text.err.find("XGBoost with save_model('model.ubj')"), std::string::npos) << text.err;
  const Outcome json = inspect({pickle, "-o", "json"});
  EXPECT_EQ(json.exit_code, 1);
  EXPECT_EQ(string_at(*parse_json(json.out), {"reason"}), "UnsupportedFormat");
  EXPECT_EQ(inspect({"/nonexistent"}).exit_code, 4);
  EXPECT_EQ(inspect({}).exit_code, 2);
}

}  // namespace
}  // namespace clops::cli
