#include "tests/unit/cli/fake_cluster.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/file.h"
#include "cli/commands.h"
#include "cli/version.h"

namespace clops::cli {

WallTime SteppedClock::wall() const {
  return *from_rfc3339("2026-11-21T10:00:00Z");
}

FakeCluster::FakeCluster() {
  std::string folder = (std::filesystem::temp_directory_path() / "clops-cli-XXXXXX").string();
  EXPECT_NE(::mkdtemp(folder.data()), nullptr);
  home_ = folder;
  auto server = make_http_server({.threads = 2}, [this](ServerRequest request, std::shared_ptr<Responder> responder) {
    handle(request, *responder);
  });
  EXPECT_TRUE(server) << server.error().message;
  server_ = std::move(*server);
  env = {{"HOME", home_.string()}, {"KUBECONFIG", write("kubeconfig", kubeconfig_text()).string()}};
}

FakeCluster::~FakeCluster() {
  server_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(home_, ignored);
}

std::string FakeCluster::url() const {
  return "http://127.0.0.1:" + std::to_string(server_->port());
}

std::string FakeCluster::kubeconfig_text() const {
  return "apiVersion: v1\nkind: Config\ncurrent-context: here\n"
         "clusters: [{name: here, cluster: {server: '" +
         url() +
         "'}}]\n"
         "users: [{name: me, user: {token: secret}}]\n"
         "contexts: [{name: here, context: {cluster: here, user: me, namespace: risk}}]\n";
}

std::filesystem::path FakeCluster::write(const std::string& name, const std::string& text) const {
  const std::filesystem::path path = home_ / name;
  std::filesystem::create_directories(path.parent_path());
  EXPECT_TRUE(write_file_atomic(path, text));
  return path;
}

void FakeCluster::answer(const std::string& request, int status, const Json& body) {
  const std::lock_guard lock(mutex_);
  answers_[request].emplace_back(status, dump_json(body));
}

std::vector<HttpRequest> FakeCluster::requests(const std::string& method_and_path) const {
  const std::lock_guard lock(mutex_);
  std::vector<HttpRequest> out;
  for (const HttpRequest& request : seen_) {
    if (request.method + " " + parse_target(request.url).path == method_and_path) out.push_back(request);
  }
  return out;
}

void FakeCluster::handle(const ServerRequest& request, Responder& responder) {
  HttpResponse response{
      .status = 404,
      .body = R"({"kind":"Status","status":"Failure","reason":"NotFound","code":404,"message":"not found"})"};
  response.headers.set("Content-Type", "application/json");
  {
    const std::lock_guard lock(mutex_);
    seen_.push_back(request.http);
    const auto found = answers_.find(request.http.method + " " + parse_target(request.http.url).path);
    if (found != answers_.end()) {
      response.status = found->second.front().first;
      response.body = found->second.front().second;
      if (found->second.size() > 1) found->second.erase(found->second.begin());
    }
  }
  responder.respond(std::move(response));
}

FakeCluster::Outcome FakeCluster::run(const std::vector<std::string>& arguments, const std::string& standard_input) {
  std::istringstream in(standard_input);
  std::ostringstream out, err;
  const auto log = make_null_log();
  const Context context{
      .in = in,
      .out = out,
      .err = err,
      .clock = clock_,
      .log = *log,
      .env = [this](const std::string& name) -> std::optional<std::string> {
        const auto found = env.find(name);
        return found == env.end() ? std::nullopt : std::optional<std::string>(found->second);
      },
      .program = "/nowhere/clops",
      .arm_stop = [] {},
      .wait_stop =
          [this](std::chrono::milliseconds at_most) {
            clock_.step(at_most);
            return false;
          },
  };
  Outcome outcome;
  outcome.exit_code = cli::run(
      arguments, context, {add_apply, add_get, add_describe, add_delete, add_wait, add_logs, add_predict, add_version});
  outcome.out = out.str();
  outcome.err = err.str();
  return outcome;
}

}  // namespace clops::cli
