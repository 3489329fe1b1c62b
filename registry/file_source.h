// Models on a file system of this machine: file:// and pvc://. Inner to registry/; made by make_sources.
// Thread rule, errors: those of registry/source.h.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "registry/source.h"

namespace clops::registry {

[[nodiscard]] std::unique_ptr<ModelSource> make_file_source(const Clock& clock);
// Nothing outside a claim's folder is read, whatever links lie in it.
[[nodiscard]] std::unique_ptr<ModelSource> make_pvc_source(std::map<std::string, std::string> claims,
                                                           const Clock& clock);

}  // namespace clops::registry
