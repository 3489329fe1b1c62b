#include "cli/local.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <ostream>
#include <thread>

#include "base/file.h"
#include "cli/local_status.h"
#include "cli/places.h"
#include "local/plane/plane_files.h"

namespace clops::cli {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr milliseconds kUpWithin{30'000}, kDownWithin{40'000}, kPodsEndWithin{15'000};

struct Options {
  std::string state_dir;
  bool no_operator = false, purge = false;
  int ready_fd = -1;
  int tail = 200;
  std::string what = "operator";
};

Result<local::PlanePaths> paths_of(const Options& options, const Context& context) {
  if (!options.state_dir.empty()) return local::PlanePaths{fs::absolute(options.state_dir)};
  CLOPS_ASSIGN(fs::path dir, local_state_dir(context));
  return local::PlanePaths{std::move(dir)};
}

void print_next_steps(const local::PlanePaths& paths, const Context& context) {
  context.out << "kubeconfig: " << paths.kubeconfig().string() << "\n\n"
              << "  export KUBECONFIG=" << paths.kubeconfig().string() << "   # for kubectl; clops finds it by itself\n"
              << "  clops apply -f samples/\n"
              << "  clops get md\n";
  context.out.flush();
}

// The rest of a file from `from` on: what the plane said since.
std::string log_since(const fs::path& log, size_t from) {
  const std::string text = read_file(log).value_or("");
  return from < text.size() ? text.substr(from) : "";
}

// Starts `clops local run` in a session of its own and waits for its word on the pipe.
Status spawn_plane(const Options& options, const local::PlanePaths& paths, const Context& context) {
  int ready[2];
  if (::pipe2(ready, O_CLOEXEC) != 0) return fail(Code::Unavailable, std::string("pipe: ") + std::strerror(errno));
  std::vector<std::string> argv = {context.program, "local", "run", "--state-dir=" + paths.state_dir.string(),
                                   "--ready-fd=" + std::to_string(ready[1])};
  if (options.no_operator) argv.push_back("--no-operator");
  std::vector<char*> pointers;
  for (auto& word : argv) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  std::error_code ignored;
  const size_t log_before = fs::exists(paths.log(), ignored) ? fs::file_size(paths.log(), ignored) : 0;
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, 1, paths.log().c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  ::posix_spawn_file_actions_adddup2(&actions, 1, 2);
  ::posix_spawn_file_actions_adddup2(&actions, ready[1], ready[1]);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, context.program.c_str(), &actions, &attributes, pointers.data(), ::environ);
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ready[1]);
  if (error != 0) {
    ::close(ready[0]);
    return fail(Code::Unavailable, context.program + ": " + std::strerror(error));
  }
  pollfd polled{ready[0], POLLIN, 0};
  const int answered = ::poll(&polled, 1, static_cast<int>(kUpWithin.count()));
  char byte = 0;
  const bool up = answered == 1 && ::read(ready[0], &byte, 1) == 1;
  ::close(ready[0]);
  if (up) return {};
  if (answered == 0)
    return fail(Code::DeadlineExceeded, "the plane has not come up within 30 s; its log: " + paths.log().string());
  return fail(Code::Unavailable, "the plane could not start:\n" + log_since(paths.log(), log_before));
}

Status up(const Options& options, const Context& context) {
  CLOPS_ASSIGN(const auto paths, paths_of(options, context));
  if (const auto pid = local::running_plane(paths.lock())) {
    context.out << "The embedded plane is already up (pid " << *pid << ").\n";
    print_next_steps(paths, context);
    return {};
  }
  std::error_code error;
  fs::create_directories(paths.state_dir, error);
  if (error) return fail(Code::PermissionDenied, paths.state_dir.string() + ": " + error.message());
  fs::permissions(paths.state_dir, fs::perms::owner_all, error);
  // One older log is kept, so that the folder does not grow with every day the plane runs.
  if (fs::exists(paths.log(), error) && fs::file_size(paths.log(), error) > (8u << 20))
    fs::rename(paths.log(), paths.log().string() + ".1", error);
  context.out << "Starting the embedded plane in " << paths.state_dir.string() << " ... " << std::flush;
  const auto begun = std::chrono::steady_clock::now();
  CLOPS_TRY(spawn_plane(options, paths, context));
  const auto took = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begun);
  context.out << "up in " << took.count() << " ms.\n";
  print_next_steps(paths, context);
  return {};
}

Status run_plane(const Options& options, const Context& context, const local::PlaneKinds& kinds) {
  CLOPS_ASSIGN(const auto paths, paths_of(options, context));
  context.arm_stop();
  local::PlaneOptions plane_options{.state_dir = paths.state_dir,
                                    .programs_dir = fs::path(context.program).parent_path(),
                                    .environment = {},
                                    .run_operator = !options.no_operator,
                                    .kinds = kinds};
  for (const char* name :
       {"PATH", "LANG", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "ASAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS"}) {
    if (const auto value = context.env(name)) plane_options.environment[name] = *value;
  }
  CLOPS_ASSIGN(const auto plane, local::start_plane(std::move(plane_options), context.clock, context.log));
  context.log.info("the embedded plane is up", {{"port", plane->port()}, {"folder", paths.state_dir.string()}});
  if (options.ready_fd >= 0) {
    [[maybe_unused]] const auto told = ::write(options.ready_fd, "r", 1);
    ::close(options.ready_fd);
  }
  while (!context.wait_stop(milliseconds(60'000))) {
  }
  context.log.info("ending every pod");
  plane->end_pods(kPodsEndWithin);
  return {};
}

Status down(const Options& options, const Context& context) {
  CLOPS_ASSIGN(const auto paths, paths_of(options, context));
  if (const auto pid = local::running_plane(paths.lock())) {
    context.out << "Ending the pods and the plane (pid " << *pid << ") ... " << std::flush;
    const int fd = *pid > 0 ? static_cast<int>(::syscall(SYS_pidfd_open, *pid, 0)) : -1;
    if (fd < 0 || ::kill(*pid, SIGTERM) != 0) {
      return fail(Code::Unavailable, "the plane holds " + paths.lock().string() + " but pid " + std::to_string(*pid) +
                                         " cannot be reached");
    }
    pollfd polled{fd, POLLIN, 0};
    const int ended = ::poll(&polled, 1, static_cast<int>(kDownWithin.count()));
    ::close(fd);
    if (ended != 1)
      return fail(Code::DeadlineExceeded, "the plane has not ended within 40 s; its log: " + paths.log().string());
    context.out << "done.\n";
  } else {
    context.out << "No embedded plane runs over " << paths.state_dir.string() << ".\n";
  }
  if (!options.purge) return {};
  std::error_code error;
  if (!fs::exists(paths.lock(), error)) return {};  // not a plane's folder: nothing of it is ours to delete
  fs::remove_all(paths.state_dir, error);
  if (error) return fail(Code::PermissionDenied, paths.state_dir.string() + ": " + error.message());
  context.out << "Deleted " << paths.state_dir.string() << ".\n";
  return {};
}

}  // namespace

AddCommand add_local(local::PlaneKinds kinds) {
  return [kinds = std::move(kinds)](CLI::App& root, const Context& context, int& exit_code) {
    CLI::App* group =
        root.add_subcommand("local", "The embedded plane: a Kubernetes API on this machine, with clops in it");
    group->require_subcommand(1);
    const auto options = std::make_shared<Options>();
    const auto command = [&](const char* name, const char* about) {
      CLI::App* out = group->add_subcommand(name, about);
      out->add_option(
          "--state-dir", options->state_dir,
          "The plane's folder (else $CLOPS_LOCAL_DIR, $XDG_STATE_HOME/clops/local, ~/.local/state/clops/local)");
      return out;
    };
    CLI::App* up_command = command("up", "Start it in the background, or find it running");
    up_command->add_flag("--no-operator", options->no_operator, "Only the API and the node, without clops's operator");
    on_run(*up_command, context, exit_code, [options, &context] { return up(*options, context); });
    CLI::App* down_command = command("down", "End its pods and the plane; objects stay for the next `up`");
    down_command->add_flag("--purge", options->purge, "Then delete its folder: objects, logs, claims");
    on_run(*down_command, context, exit_code, [options, &context] { return down(*options, context); });
    CLI::App* status_command = command("status", "Is it up, what runs on it");
    on_run(*status_command, context, exit_code, [options, &context]() -> Status {
      CLOPS_ASSIGN(const auto paths, paths_of(*options, context));
      return local_status(paths, context);
    });
    CLI::App* logs_command = command("logs", "What the operator, the plane or a pod wrote");
    logs_command->add_option("what", options->what, "operator, plane, or a pod as NAME or NAMESPACE/NAME");
    logs_command->add_option("--tail", options->tail, "How many of the last lines")->check(CLI::NonNegativeNumber);
    on_run(*logs_command, context, exit_code, [options, &context]() -> Status {
      CLOPS_ASSIGN(const auto paths, paths_of(*options, context));
      return local_logs(paths, options->what, options->tail, context);
    });
    CLI::App* run_command =
        command("run", "The plane in the foreground (what `up` starts); SIGTERM ends its pods and itself");
    run_command->add_flag("--no-operator", options->no_operator, "Only the API and the node, without clops's operator");
    run_command->add_option("--ready-fd", options->ready_fd, "Written to once the plane answers")->group("");
    on_run(*run_command, context, exit_code,
           [options, &context, kinds] { return run_plane(*options, context, kinds); });
  };
}

}  // namespace clops::cli
