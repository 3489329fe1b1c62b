// From a container's declaration to what is executed: environment, command line, and paths inside the pod turned into
// folders on this machine. Pure but for what it is given to look things up with.
//
// Thread rule: values and free functions. Errors: NotFound (a ConfigMap, Secret or key that is not there yet: the pod
// waits for it), InvalidArgument and Unsupported (the declaration; the pod cannot start).
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "crds/workload.h"

namespace clops::local {

struct PodFacts {  // what the downward API may tell
  crds::ObjectMeta meta;
  std::string ip, node, service_account;
};

// The keys of a ConfigMap or Secret (decoded), by name in the pod's namespace. NotFound when there is none.
struct DataLookup {
  std::function<Result<std::map<std::string, std::string>>(const std::string& name)> config_map, secret;
};

// Inside path -> folder on this machine.
using PathMap = std::vector<std::pair<std::string, std::string>>;

[[nodiscard]] Result<std::string> field_value(const std::string& field_path, const PodFacts& facts);

// "$(NAME)" by the environment, "$$" a dollar; an unknown name stays as it is written.
[[nodiscard]] std::string expand_variables(const std::string& text, const std::map<std::string, std::string>& env);

// Every mention of an inside path that begins and ends at a path's boundary, the longest first, in one pass.
[[nodiscard]] std::string replace_paths(const std::string& text, const PathMap& paths);

struct Programs {
  std::map<std::string, std::string>
      by_image;             // last element of the image without tag -> program; empty = as `command` says
  std::string search_path;  // PATH of what `command` names without a slash
};

struct Execution {
  std::string program;
  std::vector<std::string> argv, env;
  std::string cwd;
};

// "registry.example/team/clops-server:1.2@sha256:..." -> "clops-server".
[[nodiscard]] std::string image_program(const std::string& image);

// NotFound with a message about the image when no program stands for it: what ErrImagePull is elsewhere.
[[nodiscard]] Result<std::string> program_for(const crds::Container& container, const Programs& programs);

[[nodiscard]] Result<Execution> build_execution(const crds::Container& container, const PodFacts& facts,
                                                const DataLookup& lookup, const PathMap& paths,
                                                const Programs& programs,
                                                const std::map<std::string, std::string>& base_env,
                                                const std::string& work_dir);

}  // namespace clops::local
