#include "cli/places.h"

namespace clops::cli {

Result<std::filesystem::path> local_state_dir(const Context& context) {
  if (const auto folder = context.env("CLOPS_LOCAL_DIR"); folder && !folder->empty())
    return std::filesystem::path(*folder);
  if (const auto state = context.env("XDG_STATE_HOME"); state && !state->empty()) {
    return std::filesystem::path(*state) / "clops" / "local";
  }
  const auto home = context.env("HOME");
  if (!home || home->empty())
    return fail(Code::NotFound, "HOME is not set: set CLOPS_LOCAL_DIR to a folder for the embedded plane");
  return std::filesystem::path(*home) / ".local" / "state" / "clops" / "local";
}

}  // namespace clops::cli
