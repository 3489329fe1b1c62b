// The corpus of good and bad YAML, judged by the C++ rules. The contract lane holds a real API server to the same
// verdicts.
#include "crds/validation.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "base/file.h"
#include "base/yaml.h"
#include "tests/support/paths.h"

namespace clops::crds {
namespace {

struct Sample {
  std::string file, error;
  std::vector<Json> documents;
};

std::vector<Sample> corpus(const std::string& folder) {
  std::vector<Sample> out;
  std::set<std::filesystem::path> files;
  for (const auto& entry :
       std::filesystem::directory_iterator(clops::test::source_dir() + "/tests/data/corpus/" + folder))
    files.insert(entry.path());
  for (const auto& file : files) {
    const auto text = read_file(file);
    EXPECT_TRUE(text) << file;
    const auto documents = parse_yaml(*text);
    EXPECT_TRUE(documents) << file << (documents ? "" : documents.error().message);
    const std::string mark = "# error: ";
    const std::string error = text->starts_with(mark) ? text->substr(mark.size(), text->find('\n') - mark.size()) : "";
    out.push_back({file.filename().string(), error, *documents});
  }
  EXPECT_GE(out.size(), 5u) << folder;
  return out;
}

std::string print(const std::vector<Violation>& violations) {
  std::string out;
  for (const auto& v : violations) out += v.path + ": " + v.message + "\n";
  return out;
}

std::vector<Violation> judge(const Json& object, const Json* old = nullptr) {
  return validate_object(string_at(object, {"kind"}), object, old);
}

TEST(Validation, good_documents_pass) {
  for (const auto& sample : corpus("good")) {
    EXPECT_EQ(print(judge(sample.documents.at(0))), "") << sample.file;
    EXPECT_EQ(print(judge(sample.documents.at(0), &sample.documents.at(0))), "") << sample.file << " applied again";
  }
}

TEST(Validation, bad_documents_are_refused_with_one_reason) {
  for (const auto& sample : corpus("bad")) {
    const auto got = judge(sample.documents.at(0));
    ASSERT_EQ(got.size(), 1u) << sample.file << "\n" << print(got);
    EXPECT_NE(got[0].message.find(sample.error), std::string::npos) << sample.file << "\n" << print(got);
  }
}

TEST(Validation, changes_are_judged_against_what_was) {
  for (const auto& sample : corpus("change")) {
    ASSERT_EQ(sample.documents.size(), 2u) << sample.file;
    const auto got = print(judge(sample.documents[1], &sample.documents[0]));
    if (sample.error.empty()) {
      EXPECT_EQ(got, "") << sample.file;
    } else {
      EXPECT_NE(got.find(sample.error), std::string::npos) << sample.file << "\n" << got;
    }
  }
}

// Every message of the C++ rules stands in a CRD, so that both planes say the same.
TEST(Validation, messages_are_the_crds_own) {
  std::string crds;
  for (const char* name : {"modelversions", "modeldeployments"}) {
    const auto text = read_file(clops::test::source_dir() + "/crds/" + name + ".yaml");
    ASSERT_TRUE(text);
    EXPECT_LT(text->size(), 256u << 10);
    crds += dump_json(parse_yaml(*text)->at(0));
  }
  for (const char* folder : {"bad", "change"}) {
    for (const auto& sample : corpus(folder)) {
      for (const auto& violation :
           judge(sample.documents.back(), sample.documents.size() > 1 ? &sample.documents[0] : nullptr)) {
        if (violation.message.starts_with("Duplicate value")) continue;  // the API server's own words
        const std::string quoted = dump_json(Json(violation.message));
        EXPECT_NE(crds.find(quoted.substr(1, quoted.size() - 2)), std::string::npos) << violation.message;
      }
    }
  }
}

TEST(Validation, odd_shapes_do_no_harm) {
  for (const std::string kind : {"ModelVersion", "ModelDeployment", "Pod"}) {
    for (const auto& odd : {Json(), Json(7), Json::array(), Json{{"spec", 3}},
                            Json{{"spec", {{"variants", "x"}, {"routing", Json::array()}}}},
                            Json{{"spec", {{"variants", Json::array({1, nullptr})}}}}}) {
      const auto got = validate_object(kind, odd, &odd);
      EXPECT_LE(got.size(), 4u);
    }
  }
}

}  // namespace
}  // namespace clops::crds
