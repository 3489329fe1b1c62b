// A command line in a test: its streams, environment and home folder, and an API server with scripted answers.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <mutex>
#include <sstream>
#include <string>
#include <vector>

#include "base/http_server.h"
#include "base/json.h"
#include "cli/command_line.h"

namespace clops::cli {

// Time moves only when a command waits.
class SteppedClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override { return now_; }
  [[nodiscard]] WallTime wall() const override;
  void step(Duration by) { now_ += by; }

 private:
  TimePoint now_{};
};

class FakeCluster {
 public:
  FakeCluster();
  ~FakeCluster();
  FakeCluster(const FakeCluster&) = delete;
  FakeCluster& operator=(const FakeCluster&) = delete;

  // Answers are by "METHOD path" (without query); the last of several stays.
  void answer(const std::string& request, int status, const Json& body);
  [[nodiscard]] std::string url() const;
  [[nodiscard]] std::vector<HttpRequest> requests(const std::string& method_and_path) const;

  struct Outcome {
    int exit_code = 0;
    std::string out, err;
  };
  [[nodiscard]] Outcome run(const std::vector<std::string>& arguments, const std::string& standard_input = "");

  [[nodiscard]] std::filesystem::path write(const std::string& name, const std::string& text) const;
  [[nodiscard]] std::string kubeconfig_text() const;
  std::map<std::string, std::string> env;  // HOME is a fresh folder, KUBECONFIG names this server

 private:
  void handle(const ServerRequest& request, Responder& responder);

  std::filesystem::path home_;
  SteppedClock clock_;
  mutable std::mutex mutex_;
  std::map<std::string, std::vector<std::pair<int, std::string>>> answers_;
  std::vector<HttpRequest> seen_;
  std::unique_ptr<HttpServer> server_;
};

}  // namespace clops::cli
