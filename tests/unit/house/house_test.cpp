// Holds the whole repo to the rules in rules.h.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string>

#include "base/file.h"
#include "base/version.h"
#include "tests/support/paths.h"
#include "tests/unit/house/rules.h"

namespace clops::house {
namespace {

namespace fs = std::filesystem;

// Invariants whose part of the system does not exist yet, and what they wait for.
const std::vector<WaitingInvariant> kWaiting = {
    {"no_data_is_inconclusive", "experiments"},
};

const fs::path& root() {
  static const fs::path path = clops::test::source_dir();
  return path;
}

bool is_text(const fs::path& path) {
  constexpr std::array<std::string_view, 8> kinds = {".h", ".cpp", ".md", ".sh", ".cmake", ".txt", ".yaml", ".py"};
  return std::ranges::find(kinds, path.extension().string()) != kinds.end() || path.extension().empty();
}

std::vector<SourceFile> repo_files() {
  std::vector<SourceFile> files;
  for (const char* folder : {"base", "formats", "analysis", "crds", "operator", "registry", "controllers", "serving",
                             "api", "local", "cli", "cmd", "tests", "bench", "scripts", "samples", "deploy", "cmake"}) {
    for (const auto& entry : fs::recursive_directory_iterator(root() / folder)) {
      const std::string path = fs::relative(entry.path(), root()).string();
      const bool data = path.starts_with("tests/data/") || path.starts_with("tests/fuzz/corpus/");
      if (!entry.is_regular_file() || data || !is_text(entry.path())) continue;
      auto text = read_file(entry.path());
      EXPECT_TRUE(text) << path;
      if (text) files.push_back({path, std::move(*text)});
    }
  }
  for (const char* name : {"README.md", "ARCHITECTURE.md", "CMakeLists.txt"}) {
    if (auto text = read_file(root() / name)) files.push_back({name, std::move(*text)});
  }
  return files;
}

const std::vector<SourceFile>& repo() {
  static const std::vector<SourceFile> files = repo_files();
  return files;
}

void expect_none(const Complaints& complaints) {
  for (const std::string& complaint : complaints) ADD_FAILURE() << complaint;
}

TEST(House, finds_the_repo) {
  EXPECT_GT(repo().size(), 50u);
}

TEST(House, includes_follow_the_room_table_and_the_doors) {
  for (const SourceFile& file : repo()) expect_none(check_includes(file));
}

TEST(House, files_and_functions_stay_small) {
  for (const SourceFile& file : repo()) expect_none(check_sizes(file));
}

TEST(House, nothing_is_left_unfinished_and_only_mains_touch_the_world) {
  for (const SourceFile& file : repo()) expect_none(check_words(file));
}

TEST(House, every_room_says_what_belongs) {
  for (const std::string_view room : rooms()) {
    const auto text = read_file(root() / room / "README.md");
    expect_none(check_room_readme(room, text ? &*text : nullptr));
  }
}

TEST(House, every_named_invariant_has_a_test_of_that_name) {
  std::vector<SourceFile> tests;
  for (const SourceFile& file : repo()) {
    if (file.path.starts_with("tests/") && !file.path.starts_with("tests/unit/house/")) tests.push_back(file);
  }
  const auto architecture = read_file(root() / "ARCHITECTURE.md");
  ASSERT_TRUE(architecture);
  expect_none(check_invariants(*architecture, tests, kWaiting));
}

TEST(House, programs_and_build_agree_on_the_version) {
  const auto cmake = read_file(root() / "CMakeLists.txt");
  ASSERT_TRUE(cmake);
  EXPECT_NE(cmake->find("project(clops VERSION " + std::string(kProgramVersion) + " "), std::string::npos);
}

}  // namespace
}  // namespace clops::house
