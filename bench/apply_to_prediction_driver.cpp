// Times the road from `apply` to the first correct prediction: bench_apply_to_prediction_driver KUBECONFIG MODEL_URI
// ROWS_TSV ROUNDS
//
// Each round applies a ModelVersion and a ModelDeployment of new names by server-side apply, asks for the Service's
// address and then for a prediction until the answer is the framework's own, and deletes both again, waiting until they
// are gone. One line a round: milliseconds to the Service, to the ModelVersion's Ready, to the first correct
// prediction.
#include <chrono>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

#include "base/json.h"
#include "base/time.h"
#include "operator/kube/config.h"

namespace {

using namespace clops;
using std::chrono::steady_clock;

const crds::ResourceType kVersions{"clops.dev", "v1alpha1", "ModelVersion", "modelversions"};
const crds::ResourceType kDeployments{"clops.dev", "v1alpha1", "ModelDeployment", "modeldeployments"};
const crds::ResourceType kServices{"", "v1", "Service", "services"};
const crds::ResourceType kPods{"", "v1", "Pod", "pods"};
constexpr std::chrono::seconds kPatience{30};

struct Row {
  std::string expected, body;
};

struct Bench {
  kube::Connection plane;
  std::unique_ptr<HttpClient> http;
  std::string uri;
  Row row;

  static double ms_since(steady_clock::time_point start) {
    return std::chrono::duration<double, std::milli>(steady_clock::now() - start).count();
  }

  template <class Done>
  bool until(Done done) {
    const auto deadline = steady_clock::now() + kPatience;
    while (!done()) {
      if (steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
  }

  Status apply(const std::string& name) {
    const Json version = {
        {"apiVersion", "clops.dev/v1alpha1"},
        {"kind", "ModelVersion"},
        {"metadata", {{"name", name + "-1"}, {"namespace", "default"}}},
        {"spec", {{"model", name}, {"version", "1"}, {"modelFormat", {{"name", "xgboost"}}}, {"storageUri", uri}}}};
    const Json deployment = {
        {"apiVersion", "clops.dev/v1alpha1"},
        {"kind", "ModelDeployment"},
        {"metadata", {{"name", name}, {"namespace", "default"}}},
        {"spec", {{"variants", {{{"name", "champion"}, {"modelVersion", name + "-1"}, {"weight", 100}}}}}}};
    CLOPS_TRY(plane.client->apply(kVersions, version, {.field_manager = "bench"}));
    CLOPS_TRY(plane.client->apply(kDeployments, deployment, {.field_manager = "bench"}));
    return {};
  }

  bool version_ready(const std::string& name) {
    const auto object = plane.client->get(kVersions, {"default", name + "-1"});
    const Json* conditions = object ? find_path(*object, {"status", "conditions"}) : nullptr;
    if (!conditions) return false;
    for (const Json& condition : *conditions) {
      if (string_at(condition, {"type"}) == "Ready") return string_at(condition, {"status"}) == "True";
    }
    return false;
  }

  bool predicts(const std::string& url) {
    const auto answer = http->send({.method = "POST", .url = url, .headers = {}, .body = row.body},
                                   {.connect = std::chrono::milliseconds(200)});
    return answer && answer->status == 200 && answer->body.find("\"data\":[" + row.expected + "]") != std::string::npos;
  }

  bool gone(const std::string& name) {
    if (plane.client->get(kServices, {"default", name}) || plane.client->get(kDeployments, {"default", name}))
      return false;
    const auto pods = plane.client->list(kPods, "default", {.label_selector = "clops.dev/model-deployment=" + name});
    return pods && pods->items.empty();
  }

  int round(const std::string& name) {
    const auto start = steady_clock::now();
    if (const auto applied = apply(name); !applied) return failed("apply", applied.error().message);
    std::string address;
    if (!until([&] {
          const auto service = plane.client->get(kServices, {"default", name});
          address = service ? string_at(*service, {"spec", "clusterIP"}) : "";
          return !address.empty();
        }))
      return failed("service", "no clusterIP");
    const double service_ms = ms_since(start);
    if (!until([&] { return version_ready(name); })) return failed("ModelVersion", "not Ready");
    const double version_ms = ms_since(start);
    const std::string url = "http://" + address + ":8080/v2/models/" + name + "/infer";
    if (!until([&] { return predicts(url); })) return failed("prediction", "none was right");
    const double prediction_ms = ms_since(start);
    std::printf("%.1f %.1f %.1f\n", service_ms, version_ms, prediction_ms);
    std::fflush(stdout);
    for (const auto& [type, object] : {std::pair{kDeployments, name}, std::pair{kVersions, name + "-1"}}) {
      if (const auto removed = plane.client->remove(type, {"default", object}); !removed)
        return failed("delete", removed.error().message);
    }
    if (!until([&] { return gone(name); })) return failed("delete", "children stayed");
    return 0;
  }

  static int failed(const char* what, const std::string& why) {
    std::fprintf(stderr, "bench: %s: %s\n", what, why.c_str());
    return 1;
  }
};

Row first_row(const char* path) {  // columns: user, prediction of version 1, prediction of version 2, body
  std::ifstream file(path);
  std::string user, second;
  Row row;
  std::getline(file, user, '\t') && std::getline(file, row.expected, '\t') && std::getline(file, second, '\t') &&
      std::getline(file, row.body);
  return row;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return Bench::failed("usage", "bench_apply_to_prediction_driver KUBECONFIG MODEL_URI ROWS_TSV ROUNDS");
  const SystemClock clock;
  const auto access = kube::load_kubeconfig(argv[1]);
  if (!access) return Bench::failed("kubeconfig", access.error().message);
  auto plane = kube::connect(*access, clock);
  if (!plane) return Bench::failed("connect", plane.error().message);
  auto http = make_curl_client({});
  if (!http) return Bench::failed("http", http.error().message);
  Bench bench{std::move(*plane), std::move(*http), argv[2], first_row(argv[3])};
  if (bench.row.body.empty()) return Bench::failed("rows", std::string(argv[3]) + ": no row");
  const int rounds = std::stoi(argv[4]);
  for (int i = 0; i < rounds; ++i) {
    if (bench.round("bench-" + std::to_string(i)) != 0) return 1;
  }
  return 0;
}
