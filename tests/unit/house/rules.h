// The rules of the house as data, and a pure checker: files in, complaints out. house_test.cpp runs it over the repo,
// rules_test.cpp proves that it complains.
//
// Thread rule: values, pure functions. A complaint reads "PATH:LINE: what is wrong, and what to do instead".
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace clops::house {

struct SourceFile {
  std::string path;  // from the root of the repo: "base/json.h"
  std::string text;
};

using Complaints = std::vector<std::string>;

// Each of these looks at one file and knows nothing of the disk.
[[nodiscard]] Complaints check_includes(const SourceFile& file);  // the room table and the one door of each library
[[nodiscard]] Complaints check_sizes(const SourceFile& file);     // lines of headers, sources, mains and functions
[[nodiscard]] Complaints check_words(const SourceFile& file);  // unfinished work, sleeping tests, clocks, environment

// A room's README states what belongs and what does not: a title alone is none.
[[nodiscard]] Complaints check_room_readme(std::string_view room, const std::string* text);

// Every invariant that ARCHITECTURE.md names is either the name of a test or in `waiting`, never both.
struct WaitingInvariant {
  std::string_view name;
  std::string_view for_what;
};
[[nodiscard]] Complaints check_invariants(std::string_view architecture, const std::vector<SourceFile>& tests,
                                          const std::vector<WaitingInvariant>& waiting);

[[nodiscard]] const std::vector<std::string_view>& rooms();

}  // namespace clops::house
