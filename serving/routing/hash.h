// XXH3-64 of two strings one after the other, and the one door to xxhash. Pure; does not allocate.
#pragma once

#include <cstdint>
#include <string_view>

namespace clops::serving {

[[nodiscard]] uint64_t xxh3_64(std::string_view first, std::string_view second);

}  // namespace clops::serving
