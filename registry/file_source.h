// Models on a file system of this machine: file:// and pvc://. Inner to registry/; made by make_sources.
// Thread rule, errors: those of registry/source.h.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "registry/source.h"

namespace clops::registry {

[[nodiscard]] std::unique_ptr<ModelSource> make_file_source(const Clock& clock);
// Nothing outside a claim's folder is read, whatever links lie in it.
[[nodiscard]] std::unique_ptr<ModelSource> make_pvc_source(std::map<std::string, std::string> claims,
                                                           const Clock& clock);

// Every file of a folder as a source sees it: names starting with ".." are left out (how a kubelet versions volumes), a
// link is followed. `each` gets the file and its path within the folder. `check` may refuse a link's end.
using FolderVisit = std::function<Status(const std::filesystem::path& file, const std::string& name)>;
using LinkCheck = std::function<Status(const std::filesystem::path& named, const std::filesystem::path& real)>;
[[nodiscard]] Status visit_folder(const std::filesystem::path& root, const FolderVisit& each,
                                  const LinkCheck& check = nullptr);

}  // namespace clops::registry
