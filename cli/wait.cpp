// `clops wait`: until a condition holds or an object is gone.
#include <ostream>

#include "cli/cluster.h"
#include "cli/commands.h"
#include "cli/kinds.h"
#include "cli/print.h"

namespace clops::cli {
namespace {

struct WaitArguments {
  std::vector<std::string> objects;  // "md/fraud", or a kind and then names
  std::string what = "condition=Ready", timeout = "60s";
};

struct Awaited {
  bool deletion = false;
  std::string condition, status = "True";
};

Result<Awaited> parse_awaited(const std::string& text) {
  if (text == "delete") return Awaited{.deletion = true};
  constexpr std::string_view kPrefix = "condition=";
  if (!text.starts_with(kPrefix) || text.size() == kPrefix.size()) {
    return fail(Code::InvalidArgument, "--for=" + text + ": write condition=Ready, condition=Ready=False or delete");
  }
  const std::string rest = text.substr(kPrefix.size());
  const size_t equals = rest.find('=');
  if (equals == std::string::npos) return Awaited{.condition = rest};
  return Awaited{.condition = rest.substr(0, equals), .status = rest.substr(equals + 1)};
}

struct Target {
  crds::ResourceType type;
  crds::ObjectKey key;
};

Result<std::vector<Target>> parse_targets(Cluster& cluster, const std::vector<std::string>& words) {
  std::vector<Target> targets;
  std::string kind;
  for (const std::string& word : words) {
    const size_t slash = word.find('/');
    if (slash == std::string::npos && kind.empty()) {
      kind = word;
      continue;
    }
    CLOPS_ASSIGN(const crds::ResourceType type,
                 cluster.type_named(slash == std::string::npos ? kind : word.substr(0, slash)));
    targets.push_back(
        {type, {type.namespaced ? cluster.ns() : "", slash == std::string::npos ? word : word.substr(slash + 1)}});
  }
  if (targets.empty())
    return fail(Code::InvalidArgument, "wait for which object? clops wait md/NAME, or clops wait md NAME");
  return targets;
}

// Empty when it holds; else what is so instead.
Result<std::string> what_is_missing(Cluster& cluster, const Target& target, const Awaited& awaited) {
  const auto object = cluster.client().get(target.type, target.key);
  if (!object) {
    if (object.error().code != Code::NotFound) return std::unexpected(object.error());
    return awaited.deletion ? std::string() : std::string("does not exist");
  }
  if (awaited.deletion) return std::string("still exists");
  if (int_at(*object, {"status", "observedGeneration"}) < int_at(*object, {"metadata", "generation"})) {
    if (find_path(*object, {"status", "observedGeneration"}) != nullptr)
      return std::string("its last change has not been looked at yet");
  }
  const Json* conditions = find_path(*object, {"status", "conditions"});
  for (const Json& condition : conditions != nullptr && conditions->is_array() ? *conditions : Json::array()) {
    if (string_at(condition, {"type"}) != awaited.condition) continue;
    if (string_at(condition, {"status"}) == awaited.status) return std::string();
    return awaited.condition + " is " + string_at(condition, {"status"}) + ": " + string_at(condition, {"reason"}) +
           ": " + string_at(condition, {"message"});
  }
  return "has no condition " + awaited.condition + " yet";
}

Status wait_for(Cluster& cluster, const Context& context, const WaitArguments& arguments) {
  CLOPS_ASSIGN(const Awaited awaited, parse_awaited(arguments.what));
  CLOPS_ASSIGN(const std::chrono::milliseconds timeout, parse_duration(arguments.timeout));
  CLOPS_ASSIGN(const std::vector<Target> targets, parse_targets(cluster, arguments.objects));
  const TimePoint end = context.clock.now() + timeout;
  for (const Target& target : targets) {
    const std::string label = object_label(target.type, target.key.name);
    while (true) {
      CLOPS_ASSIGN(const std::string missing, what_is_missing(cluster, target, awaited));
      if (missing.empty()) break;
      if (context.clock.now() >= end) {
        return fail(Code::DeadlineExceeded, label + " after " + arguments.timeout + ": " + missing);
      }
      (void)context.wait_stop(std::chrono::milliseconds(50));
    }
    context.out << label << (awaited.deletion ? " deleted" : " condition met") << std::endl;
  }
  return {};
}

}  // namespace

void add_wait(CLI::App& root, const Context& context, int& exit_code) {
  CLI::App* command =
      root.add_subcommand("wait", "Wait until objects are as wanted: clops wait md/fraud --for=condition=Ready");
  const auto arguments = std::make_shared<WaitArguments>();
  const auto cluster = add_cluster_options(*command);
  command->add_option("OBJECT", arguments->objects, "KIND/NAME..., or a KIND and then NAMEs")->required();
  command->add_option("--for", arguments->what, "condition=TYPE[=STATUS] or delete");
  command->add_option("--timeout", arguments->timeout, "How long: 500ms, 30s, 2m");
  on_run(*command, context, exit_code, [&context, arguments, cluster] {
    return with_cluster(*cluster, context, [&](Cluster& opened) { return wait_for(opened, context, *arguments); });
  });
}

}  // namespace clops::cli
