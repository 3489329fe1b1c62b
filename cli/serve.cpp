#include "cli/serve.h"

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <ostream>
#include <utility>

#include "crds/inspection.h"
#include "registry/inspection.h"
#include "serving/engines/factories.h"
#include "serving/net/listener.h"
#include "serving/server.h"

namespace clops::cli {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string model, name, listen = "127.0.0.1";
  int port = crds::kHttpPort, admin_port = 0, threads = 0;
};

// The cache of one run, gone with it.
class TemporaryFolder {
 public:
  static Result<TemporaryFolder> make() {
    std::error_code error;
    std::string pattern = (fs::temp_directory_path(error) / "clops-serve-XXXXXX").string();
    if (error || ::mkdtemp(pattern.data()) == nullptr)
      return fail(Code::Unavailable, "no temporary folder can be made: set TMPDIR to one that is writable");
    return TemporaryFolder(pattern);
  }
  TemporaryFolder(TemporaryFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TemporaryFolder& operator=(TemporaryFolder&& other) noexcept {
    std::swap(path_, other.path_);
    return *this;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  explicit TemporaryFolder(fs::path path) : path_(std::move(path)) {}
  fs::path path_;
};

std::string name_of(const fs::path& model) {
  const std::string stem = model.has_filename() ? model.stem().string() : model.parent_path().filename().string();
  return stem.empty() ? "model" : stem;
}

crds::ServingConfig config_of(const Options& options, const fs::path& path, const crds::Inspection& inspection) {
  const std::string name = options.name.empty() ? name_of(path) : options.name;
  crds::ServingVariant variant{.name = "only", .weight = 100, .model = {}, .fallback = {}};
  variant.model = {.model_version = name,
                   .version = "1",
                   .uri = "file://" + path.string(),
                   .digest = inspection.digest,
                   .format = inspection.format};
  crds::ServingModel model{.name = name,
                           .salt = name,
                           .sticky_header = {},
                           .rules = {},
                           .variants = {variant},
                           .stable = "only",
                           .buckets = {{.begin = 0, .end = crds::kBuckets, .variant = "only"}}};
  return {.generation = 1, .models = {std::move(model)}};
}

// An infer request of one row of zeros or empty texts, to copy into a shell.
std::string example(const crds::Inspection& inspection) {
  std::string inputs;
  for (const crds::ModelTensor& input : inspection.schema.inputs) {
    std::string shape, data;
    int64_t count = 1;
    for (const int64_t size : input.shape) {
      shape += (shape.empty() ? "" : ",") + std::to_string(size < 0 ? 1 : size);
      count *= size < 0 ? 1 : size;
    }
    if (count > 1000) return "";
    const std::string_view zero = input.datatype == "BYTES" ? "\"\"" : input.datatype == "BOOL" ? "false" : "0";
    for (int64_t i = 0; i < count; ++i) (data += i == 0 ? "" : ",") += zero;
    inputs += std::string(inputs.empty() ? "" : ",") + R"({"name":")" + input.name + R"(","shape":[)" + shape +
              R"(],"datatype":")" + (input.datatype == "FP16" ? "FP32" : input.datatype) + R"(","data":[)" + data +
              "]}";
  }
  return inputs.empty() ? "" : R"({"inputs":[)" + inputs + "]}";
}

Status serve(const Options& options, const Context& context) {
  std::error_code error;
  const fs::path path = fs::weakly_canonical(fs::absolute(options.model, error), error);
  if (error || !fs::exists(path, error)) return fail(Code::NotFound, options.model + ": there is no such file");
  CLOPS_ASSIGN(const crds::Inspection inspection, crds::decode_inspection(registry::inspect_path(path)));
  if (!inspection.ok) return fail(Code::InvalidArgument, inspection.message);
  CLOPS_ASSIGN(const TemporaryFolder cache, TemporaryFolder::make());
  const crds::ServingConfig config = config_of(options, path, inspection);
  const int threads = options.threads > 0 ? options.threads : serving::threads_by_quota();
  context.arm_stop();
  serving::ServerOptions server{
      .listen = options.listen, .port = options.port, .admin_port = options.admin_port, .threads = threads};
  server.cache_folder = cache.path().string();
  server.pod_name = "local";
  server.drain_delay = std::chrono::milliseconds(0);
  server.drain_most = std::chrono::seconds(5);
  server.sources = {.allow_file_uris = true, .claims = {}, .http = nullptr};
  CLOPS_ASSIGN(const auto running,
               serving::InferenceServer::start(
                   std::move(server), context.clock, context.log,
                   serving::make_engine_factories(context.env("CLOPS_ONNXRUNTIME").value_or(""), threads), config));
  bool stopped = false;
  while (!stopped && !running->state().ready) {
    for (const crds::VariantState& variant : running->state().variants) {
      if (variant.state == "FailedToLoad") return fail(Code::InvalidArgument, variant.message);
    }
    stopped = context.wait_stop(std::chrono::milliseconds(5));
  }
  const std::string url = "http://" + options.listen + ":" + std::to_string(running->port());
  const std::string& name = config.models.front().name;
  context.out << "serving " << name << " (" << inspection.framework << ", " << inspection.format << ") at " << url
              << "/v2/models/" << name << '\n'
              << "metrics at http://" << options.listen << ":" << running->admin_port() << "/metrics; Ctrl-C ends\n\n"
              << "try:\n  curl -s " << url << "/v2/models/" << name << "/infer -d '" << example(inspection) << "'\n"
              << std::flush;
  while (!stopped) stopped = context.wait_stop(std::chrono::hours(1));
  running->drain();
  return {};
}

}  // namespace

void add_serve(CLI::App& root, const Context& context, int& exit_code) {
  const auto options = std::make_shared<Options>();
  CLI::App* command = root.add_subcommand("serve", "Serve one model file on this machine, without a cluster");
  command->add_option("MODEL", options->model, "the model's file, or a folder with one model in it")->required();
  command->add_option("--name", options->name, "the model's name in URLs; default: the file's");
  command->add_option("--listen", options->listen, "IP address to listen on");
  command->add_option("--port", options->port, "port of the Open Inference Protocol; 0: any free one")
      ->check(CLI::Range(0, 65535));
  command->add_option("--admin-port", options->admin_port, "port of metrics and health; 0: any free one")
      ->check(CLI::Range(0, 65535));
  command->add_option("--threads", options->threads, "serving threads; 0: as many as the CPU quota allows")
      ->check(CLI::Range(0, 256));
  on_run(*command, context, exit_code, [options, &context] { return serve(*options, context); });
}

}  // namespace clops::cli
