#include "tests/support/paths.h"

namespace clops::test {

std::string source_dir() {
  return CLOPS_SOURCE_DIR;
}
std::string binary_dir() {
  return CLOPS_BINARY_DIR;
}

}  // namespace clops::test
