// Objects from YAML or JSON files, as -f names them. Errors name the file: NotFound, InvalidArgument, TooLarge.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "base/json.h"
#include "cli/command_line.h"

namespace clops::cli {

struct Document {
  std::string where;  // "samples/fraud.yaml", for messages
  Json object;
};

// Each path is a file, a folder (its *.yaml, *.yml, *.json in order of name) or "-" for standard input. Lists are
// opened up.
[[nodiscard]] Result<std::vector<Document>> read_documents(const std::vector<std::string>& paths,
                                                           const Context& context);

// Standard input, whole.
[[nodiscard]] Result<std::string> read_all(std::istream& in, size_t bytes_max);

}  // namespace clops::cli
