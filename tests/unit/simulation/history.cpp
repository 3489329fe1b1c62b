#include "tests/unit/simulation/history.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace clops::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kModels = 6;
constexpr uint64_t kWritesMax = 600;  // of one history; the most that 2,000 of them take is about 170

std::string uri_of(int model) {
  return "https://models.sim/m" + std::to_string(model) + "/model.json";
}

std::string digest_of(uint64_t n) {
  std::string hex;
  for (int i = 0; i < 4; ++i) {
    char text[20];
    std::snprintf(text, sizeof text, "%016llx",
                  static_cast<unsigned long long>(Chance(n + static_cast<uint64_t>(i) * 77).next()));
    hex += text;
  }
  return "sha256:" + hex;
}

class History {
 public:
  History(uint64_t seed, bool trace)
      : draw_(seed ^ 0xFACE),
        operators_(draw_.one_in(3) ? 2 : 1),
        world_({.seed = seed,
                .operators = operators_,
                .election = operators_ > 1 || draw_.one_in(4),
                .threads = draw_.one_in(2) ? 1 : 4,
                .trace = trace}) {}

  Verdict run() {
    draw_truths();
    for (int slot = 0; slot < operators_; ++slot) world_.start(slot);
    world_.set_faults(draw_faults());
    world_.cluster.set_slowness(milliseconds(draw_.between(5, 3'000)));
    const int acts = static_cast<int>(draw_.between(6, 22));
    for (int act = 0; act < acts; ++act) {
      world_.run_for(milliseconds(draw_.one_in(3) ? draw_.below(20) : draw_.below(8'000)));
      if (act < 3 && draw_.with(0.8)) {
        act == 0 ? apply_version() : apply_deployment();
      } else {
        act_once();
      }
    }
    world_.run_for(seconds(draw_.between(0, 20)));
    rest();
    Verdict verdict{.broken = world_.judge.found(),
                    .trace = world_.lines(),
                    .writes = world_.writes(),
                    .steps = world_.loop.steps(),
                    .end = world_.picture()};
    return verdict;
  }

 private:
  void draw_truths() {
    for (int model = 0; model < kModels; ++model) {
      ModelTruth truth{.digest = digest_of(static_cast<uint64_t>(model))};
      using Kind = ModelTruth::Kind;
      static constexpr std::array kUnusual = {Kind::Absent, Kind::Broken, Kind::Unsupported, Kind::Flaky,
                                              Kind::InspectorDies};
      if (draw_.one_in(4)) truth.kind = kUnusual[draw_.below(kUnusual.size())];
      if (truth.kind == Kind::Flaky || truth.kind == Kind::InspectorDies)
        truth.flaky_left = static_cast<int>(draw_.between(1, 2));
      truth.loads = !draw_.one_in(8);
      world_.truths[uri_of(model)] = truth;
    }
  }

  Faults draw_faults() {
    Faults faults;
    const auto some = [&](double most) {
      return draw_.one_in(2) ? 0.0 : most * static_cast<double>(draw_.below(1000)) / 1000;
    };
    if (draw_.one_in(6)) return faults;  // a good day
    faults = {.lost = some(0.1),
              .answer_lost = some(0.15),
              .refused = some(0.15),
              .slow = some(0.05),
              .crash = some(0.03),
              .conflict = some(0.2)};
    faults.watch = {
        .cut = some(0.05), .repeat = some(0.1), .stall = some(0.02), .gone = some(0.03), .split = some(0.3)};
    faults.watch.lag_max = draw_.one_in(3) ? milliseconds(draw_.between(50, 5'000)) : milliseconds(5);
    faults.push_loss = some(0.3);
    return faults;
  }

  std::string some_version() { return "v" + std::to_string(draw_.below(kModels)); }
  std::string some_deployment() { return draw_.one_in(3) ? "b" : "a"; }

  void apply_version() {
    const int model = static_cast<int>(draw_.below(kModels));
    const std::string digest = draw_.one_in(6)   ? digest_of(99)
                               : draw_.one_in(2) ? world_.truths[uri_of(model)].digest
                                                 : "";
    (void)world_.apply(
        version_yaml("v" + std::to_string(model), uri_of(draw_.one_in(12) ? (model + 1) % kModels : model), digest));
  }

  void apply_deployment() {
    const int count = static_cast<int>(draw_.between(1, 3));
    std::vector<VariantYaml> variants;
    int left = 100;
    static constexpr std::array kNames = {"champion", "challenger", "next"};
    for (int i = 0; i < count; ++i) {
      const int weight = i == count - 1 ? left : static_cast<int>(draw_.below(static_cast<uint64_t>(left) + 1));
      left -= weight;
      variants.push_back({kNames[static_cast<size_t>(i)], some_version(), weight});
      if (!draw_.one_in(4)) {
        const int model = variants.back().version.back() - '0';
        (void)world_.api.apply("user", "modelversions.clops.dev", version_yaml(variants.back().version, uri_of(model)),
                               "kubectl", true);
      }
    }
    Json object =
        deployment_yaml(some_deployment(), variants, static_cast<int>(draw_.one_in(8) ? 0 : draw_.between(1, 3)));
    if (draw_.one_in(3)) object["spec"].erase("replicas");
    if (draw_.one_in(3)) object["spec"]["routing"]["stickyKey"]["header"] = "x-user-id";
    if (draw_.one_in(12)) object["spec"]["variants"][0]["weight"] = 101;  // refused
    if (draw_.one_in(6))
      object["spec"]["resources"]["requests"]["cpu"] = std::to_string(draw_.between(1, 3) * 100) + "m";
    (void)world_.apply(object);
  }

  void change_weights() {
    const ApiKey key = deployment_key(some_deployment());
    world_.trace("user shifts weights of " + to_string(key));
    (void)world_.api.mutate("user", key, "", [&](Json& object) {
      Json& variants = object["spec"]["variants"];
      if (variants.size() < 2) return;
      const int64_t total = variants[0]["weight"].get<int64_t>() + variants[1]["weight"].get<int64_t>(),
                    first = draw_.between(0, total);
      variants[0]["weight"] = first, variants[1]["weight"] = total - first;
    });
  }

  void scale() {
    const ApiKey key = deployment_key(some_deployment());
    const int64_t replicas = draw_.between(0, 4);
    world_.trace("user scales " + to_string(key) + " to " + std::to_string(replicas));
    (void)world_.api.mutate("user", key, "", [&](Json& object) { object["spec"]["replicas"] = replicas; });
  }

  // Somebody deletes or edits what is the operator's.
  void meddle() {
    static constexpr std::array kResources = {
        "configmaps", "services", "deployments.apps", "serviceaccounts", "poddisruptionbudgets.policy", "pods"};
    const auto found = world_.api.list(kResources[draw_.below(kResources.size())], kNs);
    if (found.empty()) return;
    const Json& object = *found[draw_.below(found.size())];
    const ApiKey key{kResources[0], kNs, string_at(object, {"metadata", "name"})};
    for (const char* resource : kResources) {
      const ApiKey candidate{resource, kNs, key.name};
      const Snapshot live = world_.api.get(candidate);
      if (live == nullptr || live->at("metadata").at("uid") != object.at("metadata").at("uid")) continue;
      if (draw_.one_in(2) || candidate.resource == "pods") {
        world_.trace("somebody deletes " + to_string(candidate));
        (void)world_.api.remove("somebody", candidate);
      } else {
        world_.trace("somebody edits " + to_string(candidate));
        (void)world_.api.mutate("somebody", candidate, "", [&](Json& json) {
          json["metadata"]["labels"]["app.kubernetes.io/managed-by"] = "somebody";
          if (candidate.resource == "deployments.apps") json["spec"]["replicas"] = 7;
          if (candidate.resource == "configmaps") json["data"]["serving.json"] = "{}";
        });
      }
      return;
    }
  }

  void hurt_a_pod() {
    const auto& pods = world_.cluster.pods();
    if (pods.empty()) return;
    const ApiKey key = std::next(pods.begin(), static_cast<int64_t>(draw_.below(pods.size())))->first;
    const bool evict = draw_.one_in(2);
    world_.trace((evict ? "evicted: " : "restarted: ") + to_string(key));
    evict ? world_.cluster.evict(key) : world_.cluster.restart_container(key);
  }

  void hurt_an_operator() {
    const int slot = static_cast<int>(draw_.below(static_cast<uint64_t>(operators_)));
    switch (draw_.below(3)) {
      case 0:
        world_.crash(slot);
        break;
      case 1:
        world_.stop(slot);
        world_.loop.post(kWorld, seconds(draw_.between(0, 10)), [this, slot] { world_.start(slot); });
        break;
      default:
        world_.pause(slot, seconds(draw_.between(1, 40)));
        break;
    }
  }

  void act_once() {
    switch (draw_.below(15)) {
      case 0:
      case 1:
        apply_version();
        break;
      case 2:
      case 3:
      case 4:
        apply_deployment();
        break;
      case 5:
      case 6:
        change_weights();
        break;
      case 7:
        scale();
        break;
      case 8:
        (void)world_.remove(deployment_key(some_deployment()), draw_.one_in(3) ? "Foreground" : "Background");
        break;
      case 9:
        (void)world_.remove(version_key(some_version()));
        break;
      case 10:
        meddle();
        break;
      case 11:
        hurt_a_pod();
        break;
      case 12:
      case 13:
        hurt_an_operator();
        break;
      default:
        if (draw_.one_in(2)) {
          world_.outage(milliseconds(draw_.between(10, 15'000)));
        } else {
          world_.trace("the API forgets its log");
          world_.api.compact();
        }
    }
  }

  void rest() {
    world_.trace("rest");
    world_.set_faults({});
    world_.cluster.set_slowness(milliseconds(300));
    world_.run_for(seconds(45));  // frozen and dead operators come back, the API too
    for (int slot = 0; slot < operators_; ++slot) world_.start(slot);
    world_.check_bounds();
    if (!world_.settle()) return;
    world_.check_bounds();
    world_.judge.at_rest();
    if (world_.judge.found().empty()) expect_no_more_writes(world_, operators_);
    if (world_.writes() > kWritesMax)
      world_.judge.broken("no_write_when_converged", std::to_string(world_.writes()) + " writes in one history");
  }

  Chance draw_;
  const int operators_;
  World world_;
};

}  // namespace

Json version_yaml(const std::string& name, const std::string& uri, const std::string& digest) {
  Json object{{"apiVersion", "clops.dev/v1alpha1"},
              {"kind", "ModelVersion"},
              {"metadata", {{"name", name}, {"namespace", kNs}}},
              {"spec",
               {{"model", "fraud"},
                {"version", std::to_string(1 + name.back() - '0')},
                {"modelFormat", {{"name", "xgboost"}}},
                {"storageUri", uri}}}};
  if (!digest.empty()) object["spec"]["digest"] = digest;
  return object;
}

Json deployment_yaml(const std::string& name, const std::vector<VariantYaml>& variants, int replicas) {
  Json list = Json::array();
  for (const VariantYaml& variant : variants)
    list.push_back({{"name", variant.name}, {"modelVersion", variant.version}, {"weight", variant.weight}});
  return {{"apiVersion", "clops.dev/v1alpha1"},
          {"kind", "ModelDeployment"},
          {"metadata", {{"name", name}, {"namespace", kNs}}},
          {"spec", {{"variants", list}, {"replicas", replicas}}}};
}

ApiKey deployment_key(const std::string& name) {
  return {"modeldeployments.clops.dev", kNs, name};
}
ApiKey version_key(const std::string& name) {
  return {"modelversions.clops.dev", kNs, name};
}

void expect_no_more_writes(World& world, int operators) {
  const auto count = [&] { return world.writes() - (world.judge.retries_for_ever() ? world.inspections() : 0); };
  const auto hold = [&](uint64_t before, const char* after) {
    if (count() != before)
      world.judge.broken("no_write_when_converged", std::to_string(count() - before) + " writes " + after);
  };
  const uint64_t before = count();
  world.trace("at rest; everything is looked at again");
  world.outage(seconds(1));
  world.api.compact();
  world.run_for(seconds(60));
  hold(before, "when all was listed again");
  const uint64_t then = count();
  for (int slot = 0; slot < operators; ++slot) {
    world.stop(slot);
    world.start(slot);
  }
  world.run_for(seconds(40));
  hold(then, "after a restart");
}

Verdict run_history(uint64_t seed, bool trace) {
  return History(seed, trace).run();
}

}  // namespace clops::sim
