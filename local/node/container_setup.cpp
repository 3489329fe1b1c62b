#include "local/node/container_setup.h"

#include <unistd.h>

#include <algorithm>
#include <cctype>

namespace clops::local {
namespace {

bool path_char(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' || c == '-';
}

// "metadata.labels['key']" -> key.
std::optional<std::string> subscript(const std::string& path, const std::string& of) {
  if (!path.starts_with(of + "['") || !path.ends_with("']")) return std::nullopt;
  return path.substr(of.size() + 2, path.size() - of.size() - 4);
}

std::string value_or_empty(const std::map<std::string, std::string>& map, const std::string& key) {
  const auto it = map.find(key);
  return it == map.end() ? "" : it->second;
}

using Env = std::map<std::string, std::string>;

Status add_env_from(const crds::EnvFrom& from, const DataLookup& lookup, Env& env) {
  const auto data = from.config_map.empty() ? lookup.secret(from.secret) : lookup.config_map(from.config_map);
  if (!data) {
    if (from.optional && data.error().code == Code::NotFound) return {};
    return std::unexpected(data.error());
  }
  for (const auto& [key, value] : *data) env[from.prefix + key] = value;
  return {};
}

Status add_env_key(const crds::EnvVar& var, const crds::KeyRef& ref, bool secret, const DataLookup& lookup, Env& env) {
  const auto data = secret ? lookup.secret(ref.name) : lookup.config_map(ref.name);
  if (!data && !(ref.optional && data.error().code == Code::NotFound)) return std::unexpected(data.error());
  if (data && data->contains(ref.key)) {
    env[var.name] = data->at(ref.key);
    return {};
  }
  if (ref.optional) return {};
  return fail(Code::NotFound, "couldn't find key " + ref.key + " in " + (secret ? "Secret " : "ConfigMap ") + ref.name);
}

Result<Env> build_env(const crds::Container& container, const PodFacts& facts, const DataLookup& lookup, Env env) {
  for (const auto& from : container.env_from) CLOPS_TRY(add_env_from(from, lookup, env));
  for (const auto& var : container.env) {
    if (!var.field_path.empty()) {
      CLOPS_ASSIGN(env[var.name], field_value(var.field_path, facts));
    } else if (var.config_map) {
      CLOPS_TRY(add_env_key(var, *var.config_map, false, lookup, env));
    } else if (var.secret) {
      CLOPS_TRY(add_env_key(var, *var.secret, true, lookup, env));
    } else {
      env[var.name] = expand_variables(var.value, env);
    }
  }
  return env;
}

std::string search(const std::string& name, const std::string& path) {
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find(':', begin), path.size());
    const std::string candidate = path.substr(begin, end - begin) + "/" + name;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
    begin = end + 1;
  }
  return name;
}

}  // namespace

Result<std::string> field_value(const std::string& field_path, const PodFacts& facts) {
  if (field_path == "metadata.name") return facts.meta.name;
  if (field_path == "metadata.namespace") return facts.meta.ns;
  if (field_path == "metadata.uid") return facts.meta.uid;
  if (field_path == "status.podIP" || field_path == "status.podIPs") return facts.ip;
  if (field_path == "status.hostIP" || field_path == "status.hostIPs") return std::string("127.0.0.1");
  if (field_path == "spec.nodeName") return facts.node;
  if (field_path == "spec.serviceAccountName") return facts.service_account;
  if (const auto key = subscript(field_path, "metadata.labels")) return value_or_empty(facts.meta.labels, *key);
  if (const auto key = subscript(field_path, "metadata.annotations"))
    return value_or_empty(facts.meta.annotations, *key);
  return fail(Code::InvalidArgument, "fieldPath \"" + field_path + "\" is not known");
}

std::string expand_variables(const std::string& text, const Env& env) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '$' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    if (text[i + 1] == '$') {
      out += '$';
      ++i;
      continue;
    }
    const size_t close = text[i + 1] == '(' ? text.find(')', i + 2) : std::string::npos;
    const auto found = close == std::string::npos ? env.end() : env.find(text.substr(i + 2, close - i - 2));
    if (found == env.end()) {
      out += '$';
      continue;
    }
    out += found->second;
    i = close;
  }
  return out;
}

std::string replace_paths(const std::string& text, const PathMap& paths) {
  PathMap longest_first = paths;
  std::ranges::sort(longest_first, [](const auto& a, const auto& b) { return a.first.size() > b.first.size(); });
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const bool may_begin = i == 0 || (!path_char(text[i - 1]) && text[i - 1] != '/');
    const auto found = std::ranges::find_if(longest_first, [&](const auto& entry) {
      const std::string& inside = entry.first;
      if (!may_begin || inside.empty() || text.compare(i, inside.size(), inside) != 0) return false;
      const size_t end = i + inside.size();
      return end == text.size() || !path_char(text[end]);
    });
    if (found == longest_first.end()) {
      out += text[i++];
      continue;
    }
    out += found->second;
    i += found->first.size();
  }
  return out;
}

std::string image_program(const std::string& image) {
  std::string name = image.substr(0, image.find('@'));
  if (const size_t slash = name.rfind('/'); slash != std::string::npos) name.erase(0, slash + 1);
  return name.substr(0, name.find(':'));
}

Result<std::string> program_for(const crds::Container& container, const Programs& programs) {
  const auto image = programs.by_image.find(image_program(container.image));
  if (image == programs.by_image.end()) {
    std::string known;
    for (const auto& [name, program] : programs.by_image) known += (known.empty() ? "" : ", ") + name;
    return fail(Code::NotFound,
                "image \"" + container.image + "\": no program stands for it; the embedded plane runs only " + known);
  }
  if (container.command.empty()) {
    if (!image->second.empty()) return image->second;
    return fail(Code::InvalidArgument, "image \"" + container.image + "\" needs a command");
  }
  const std::string& first = container.command.front();
  if (const auto named = programs.by_image.find(first); named != programs.by_image.end() && !named->second.empty())
    return named->second;
  return first.find('/') == std::string::npos ? search(first, programs.search_path) : first;
}

Result<Execution> build_execution(const crds::Container& container, const PodFacts& facts, const DataLookup& lookup,
                                  const PathMap& paths, const Programs& programs,
                                  const std::map<std::string, std::string>& base_env, const std::string& work_dir) {
  CLOPS_ASSIGN(std::string program, program_for(container, programs));
  Env env = base_env;
  env["HOSTNAME"] = facts.meta.name;
  env["HOME"] = work_dir;
  CLOPS_ASSIGN(env, build_env(container, facts, lookup, std::move(env)));
  Execution out{.program = std::move(program)};
  std::vector<std::string> words = container.command;
  if (words.empty()) words.push_back(image_program(container.image));
  words.insert(words.end(), container.args.begin(), container.args.end());
  for (const std::string& word : words) out.argv.push_back(replace_paths(expand_variables(word, env), paths));
  for (const auto& [name, value] : env) out.env.push_back(name + "=" + replace_paths(value, paths));
  out.cwd = container.working_dir.empty() ? work_dir : replace_paths(container.working_dir, paths);
  return out;
}

}  // namespace clops::local
