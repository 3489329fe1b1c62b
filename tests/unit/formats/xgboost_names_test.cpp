// What an XGBoost file says beside its arithmetic: names of categories, best_iteration, the missing sentinel.
#include <gtest/gtest.h>

#include "base/json.h"
#include "formats/model_file.h"
#include "tests/unit/formats/golden.h"

namespace clops::formats {
namespace {

using Names = std::vector<std::vector<std::string>>;

Summary must_summarize(const std::string& name) {
  const auto model = load_model(golden::data("golden") / name);
  EXPECT_TRUE(model) << model.error().message;
  return model ? summarize(*model) : Summary{};
}

std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out += line + "\n";
  return out;
}

TEST(XgboostNames, categories_have_the_names_they_were_trained_with) {
  const Names ascii = {{"blue", "green", "red"}, {}, {"-7", "3", "900"}, {"2", "1"}};
  for (const char* file : {"named-categories.json", "named-categories.ubj", "v3.1-named-categories.ubj"})
    EXPECT_EQ(must_summarize(file).category_names, ascii) << file;
  const Names wide = {{"b", "gr\u00fcn", "red", "\u9752"}, {}, {"-7", "3", "900"}, {"2", "1"}};
  for (const char* file : {"v3.4-named-categories.json", "v3.4-named-categories.ubj"}) {
    EXPECT_EQ(must_summarize(file).category_names, wide) << file;
    EXPECT_EQ(joined(must_summarize(file).notes), "") << file;
  }
  EXPECT_TRUE(must_summarize("categorical.ubj").category_names.empty()) << "trained with codes: there are no names";
}

TEST(XgboostNames, names_that_a_release_damaged_are_not_shown) {
  const Summary damaged = must_summarize("v3.3-named-categories.ubj");
  EXPECT_EQ(damaged.category_names, (Names{{}, {}, {"-7", "3", "900"}, {"2", "1"}}));
  EXPECT_NE(joined(damaged.notes).find("categories of feature 'colour' are damaged in the file"), std::string::npos)
      << joined(damaged.notes);
}

TEST(XgboostNames, what_scikit_learn_would_do_otherwise_is_said) {
  const std::string early = joined(must_summarize("early-stopped.json").notes);
  EXPECT_NE(early.find("best_iteration is 6 of 10 rounds"), std::string::npos) << early;
  EXPECT_NE(early.find("booster[: booster.best_iteration + 1]"), std::string::npos) << early;
  const std::string sentinel = joined(must_summarize("v1.7-missing-sentinel.ubj").notes);
  EXPECT_EQ(sentinel.find("stopped early"), std::string::npos) << "XGBoost 1.7 names the last round where none is best";
  EXPECT_NE(sentinel.find("trained with missing=-999"), std::string::npos) << sentinel;
  EXPECT_TRUE(must_summarize("breast-cancer-1.json").notes.empty());
}

TEST(XgboostNames, lists_that_do_not_fit_the_model_are_damage) {
  struct Case {
    std::string what;
    std::function<void(Json& enc)> change;
    std::string says;
  };
  const Case cases[] = {
      {"too few", [](Json& enc) { enc.erase(3); }, "cats.enc has 3 entries for 4 features"},
      {"beyond", [](Json& enc) { enc[0]["offsets"][3] = 400; }, "feature 0: a name lies outside"},
      {"backwards", [](Json& enc) { enc[0]["offsets"][1] = 10; }, "feature 0: a name lies outside"},
      {"negative", [](Json& enc) { enc[0]["offsets"][0] = -1; }, "feature 0: a name lies outside"},
  };
  const Json whole = *parse_json(*read_file(golden::data("golden") / "named-categories.json"));
  for (const Case& c : cases) {
    Json model = whole;
    c.change(model["learner"]["gradient_booster"]["model"]["cats"]["enc"]);
    const auto result = read_model(dump_json(model));
    ASSERT_FALSE(result) << c.what;
    EXPECT_EQ(result.error().code, Code::InvalidArgument);
    EXPECT_NE(result.error().message.find(c.says), std::string::npos) << result.error().message;
  }
}

}  // namespace
}  // namespace clops::formats
