// The corpus of good and bad documents of our kinds: every API must accept and refuse them alike, in the same words.
#include <filesystem>
#include <set>

#include "base/file.h"
#include "base/yaml.h"
#include "tests/contract/fixture.h"
#include "tests/support/paths.h"

namespace clops::contract {
namespace {

struct Sample {
  std::string file, error;
  std::vector<Json> documents;
};

std::vector<Sample> corpus(const std::string& folder) {
  std::set<std::filesystem::path> files;
  for (const auto& entry :
       std::filesystem::directory_iterator(clops::test::source_dir() + "/tests/data/corpus/" + folder))
    files.insert(entry.path());
  std::vector<Sample> out;
  for (const auto& file : files) {
    const std::string text = read_file(file).value_or(""), mark = "# error: ";
    const std::string error = text.starts_with(mark) ? text.substr(mark.size(), text.find('\n') - mark.size()) : "";
    out.push_back({file.filename().string(), error, parse_yaml(text).value_or(std::vector<Json>{})});
    EXPECT_FALSE(out.back().documents.empty()) << file;
  }
  EXPECT_GE(out.size(), 5u) << folder;
  return out;
}

class Verdicts : public ContractOfOurKinds {
 protected:
  [[nodiscard]] std::string path_of(const Json& object, bool named) const {
    const auto& type =
        string_at(object, {"kind"}) == "ModelVersion" ? crds::kModelVersionType : crds::kModelDeploymentType;
    return path(type, named ? string_at(object, {"metadata", "name"}) : "");
  }
  [[nodiscard]] Answer create(const Json& object) const {
    return raw.send("POST", path_of(object, false) + "?fieldValidation=Strict", object);
  }
};

TEST_F(Verdicts, good_documents_are_accepted_and_need_nothing_unknown) {
  for (const auto& sample : corpus("good")) {
    const Json& object = sample.documents[0];
    const Answer dry = raw.send("POST", path_of(object, false) + "?fieldValidation=Strict&dryRun=All", object);
    EXPECT_EQ(dry.status, 201) << sample.file << ": " << string_at(dry.body, {"message"});
    EXPECT_EQ(raw.get(path_of(object, true)).status, 404) << sample.file << ": a dry run made it";
    const Answer made = create(object);
    EXPECT_EQ(made.status, 201) << sample.file << ": " << string_at(made.body, {"message"});
    EXPECT_EQ(raw.send("DELETE", path_of(object, true)).status, 200) << sample.file;
  }
}

TEST_F(Verdicts, bad_documents_are_refused_with_the_reason) {
  const bool older = raw.minor() < kPlaneMinor;
  for (const char* folder : {"bad", "schema"}) {
    for (const auto& sample : corpus(folder)) {
      const Answer refused = create(sample.documents[0]);
      EXPECT_EQ(refused.status, 422) << sample.file;
      EXPECT_EQ(string_at(refused.body, {"reason"}), "Invalid") << sample.file;
      const std::string message = string_at(refused.body, {"message"});
      // Older servers show the whole list's element.
      if (older && sample.file.ends_with("deployment-same-variant-twice.yaml")) continue;
      EXPECT_NE(message.find(sample.error), std::string::npos) << sample.file << ": " << message;
    }
  }
}

TEST_F(Verdicts, changes_are_judged_against_what_was) {
  for (const auto& sample : corpus("change")) {
    ASSERT_EQ(sample.documents.size(), 2u) << sample.file;
    const Answer made = create(sample.documents[0]);
    ASSERT_EQ(made.status, 201) << sample.file << ": " << string_at(made.body, {"message"});
    Json changed = sample.documents[1];
    changed["metadata"]["resourceVersion"] = string_at(made.body, {"metadata", "resourceVersion"});
    const Answer answer = raw.send("PUT", path_of(changed, true), changed);
    const std::string message = string_at(answer.body, {"message"});
    EXPECT_EQ(answer.status, sample.error.empty() ? 200 : 422) << sample.file << ": " << message;
    if (!sample.error.empty()) {
      EXPECT_NE(message.find(sample.error), std::string::npos) << sample.file << ": " << message;
    }
    EXPECT_EQ(raw.send("DELETE", path_of(changed, true)).status, 200) << sample.file;
  }
}

}  // namespace
}  // namespace clops::contract
