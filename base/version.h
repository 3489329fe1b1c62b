// The version of all clops programs. Kept equal to project(VERSION) in CMakeLists.txt by tests/unit/house.
#pragma once

namespace clops {

inline constexpr const char* kProgramVersion = "0.1.0";

}  // namespace clops
