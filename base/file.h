// Small files, whole. Errors name the path: NotFound, PermissionDenied, TooLarge, Unavailable (other I/O).
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace clops {

[[nodiscard]] Result<std::string> read_file(const std::filesystem::path& path, size_t bytes_max = 64u << 20);

// Written beside, synced, renamed over: a reader sees the old or the new content, never a part.
[[nodiscard]] Status write_file_atomic(const std::filesystem::path& path, std::string_view content,
                                       unsigned mode = 0644);

}  // namespace clops
