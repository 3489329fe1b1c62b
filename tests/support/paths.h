// Where the checkout and the build lie. Functions, so that only paths.cpp is compiled differently in another folder and
// the compiler cache serves every clone.
#pragma once

#include <string>

namespace clops::test {

[[nodiscard]] std::string source_dir();
[[nodiscard]] std::string binary_dir();

}  // namespace clops::test
