// Every write of a few plain stories, one after another, is hit: the operator is killed before it, after it, or loses
// the answer. However that goes, the end must be the one of the undisturbed story, and nothing may be written more
// often than it takes.
#include <gtest/gtest.h>

#include <iostream>

#include "tests/support/parallel.h"
#include "tests/unit/simulation/history.h"

namespace clops::sim {
namespace {

using std::chrono::seconds;

constexpr const char* kOld = "https://models.sim/old/model.json";
constexpr const char* kNew = "https://models.sim/new/model.json";
constexpr const char* kBad = "https://models.sim/bad/model.json";

std::string digest(char c) {
  return "sha256:" + std::string(64, c);
}

struct Story {
  const char* name;
  std::function<void(World&)> tell;
};

void publish(World& world) {
  (void)world.apply(version_yaml("v1", kOld));
  (void)world.apply(version_yaml("v2", kNew));
}

const std::vector<Story>& stories() {
  static const std::vector<Story> all = {
      {"a first deployment",
       [](World& world) {
         publish(world);
         (void)world.apply(deployment_yaml("a", {{"champion", "v1", 100}}, 2));
       }},
      {"a canary",
       [](World& world) {
         publish(world);
         (void)world.apply(deployment_yaml("a", {{"champion", "v1", 100}}, 2));
         world.run_for(seconds(60));
         (void)world.apply(deployment_yaml("a", {{"champion", "v1", 90}, {"challenger", "v2", 10}}, 2));
         world.run_for(seconds(60));
         (void)world.apply(deployment_yaml("a", {{"champion", "v2", 100}}, 3));
       }},
      {"a version that loads nowhere",
       [](World& world) {
         publish(world);
         world.truths[kBad] = {.digest = digest('c'), .loads = false};
         (void)world.apply(version_yaml("v3", kBad));
         (void)world.apply(deployment_yaml("a", {{"champion", "v1", 100}}, 2));
         world.run_for(seconds(60));
         (void)world.apply(deployment_yaml("a", {{"champion", "v3", 100}}, 2));
       }},
      {"a third version that loads nowhere, after a second that did",
       [](World& world) {
         publish(world);
         world.truths[kBad] = {.digest = digest('c'), .loads = false};
         (void)world.apply(version_yaml("v3", kBad));
         (void)world.apply(deployment_yaml("a", {{"champion", "v1", 100}}, 1));
         world.run_for(seconds(60));
         (void)world.apply(deployment_yaml("a", {{"champion", "v2", 100}}, 1));
         world.run_for(seconds(60));
         (void)world.apply(deployment_yaml("a", {{"champion", "v3", 100}}, 1));
       }},
      {"a deletion",
       [](World& world) {
         publish(world);
         (void)world.apply(deployment_yaml("a", {{"champion", "v1", 50}, {"challenger", "v2", 50}}, 1));
         world.run_for(seconds(60));
         (void)world.remove(deployment_key("a"));
         (void)world.remove(version_key("v2"));
       }},
      {"deleted and made again",
       [](World& world) {
         publish(world);
         (void)world.apply(deployment_yaml("a", {{"champion", "v1", 100}}, 1));
         world.run_for(seconds(60));
         (void)world.remove(deployment_key("a"));
         (void)world.apply(deployment_yaml("a", {{"champion", "v2", 100}}, 1));
       }},
      {"a missing and a broken version",
       [](World& world) {
         publish(world);
         world.truths[kBad] = {.kind = ModelTruth::Kind::Broken, .digest = digest('c')};
         (void)world.apply(version_yaml("v3", kBad));
         (void)world.apply(deployment_yaml("a", {{"champion", "v1", 50}, {"challenger", "v3", 50}}, 1));
         (void)world.apply(deployment_yaml("b", {{"champion", "v9", 100}}, 1));
       }},
  };
  return all;
}

struct End {
  Json picture;
  uint64_t writes = 0;
  std::vector<std::string> broken, trace;
};

End run(const Story& story, std::function<std::optional<Fate>(uint64_t)> fate, bool trace = false) {
  World world({.seed = 7, .trace = trace});
  world.truths[kOld] = {.digest = digest('a')};
  world.truths[kNew] = {.digest = digest('b')};
  world.write_fate = std::move(fate);
  world.start(0);
  world.run_for(seconds(1));
  story.tell(world);
  if (world.settle(seconds(60))) world.judge.at_rest();
  return {world.picture(), world.writes(), world.judge.found(), world.lines()};
}

std::string first_difference(const Json& wanted, const Json& found) {
  for (const auto& step : Json::diff(wanted, found)) {
    const Json::json_pointer path(step["path"].get<std::string>());
    return dump_json(step) + (wanted.contains(path) ? " was " + dump_json(wanted[path]) : "");
  }
  return "";
}

TEST(Crash, crash_at_any_write_converges) {
  constexpr std::pair<Fate::Kind, const char*> kFates[] = {{Fate::Kind::CrashBefore, "killed before"},
                                                           {Fate::Kind::CrashAfter, "killed after"},
                                                           {Fate::Kind::AnswerLost, "answer lost of"}};
  constexpr size_t kKinds = std::size(kFates);
  uint64_t runs = 0;
  for (const Story& story : stories()) {
    const End clean = run(story, {});
    ASSERT_TRUE(clean.broken.empty()) << story.name << ": " << clean.broken.front();
    ASSERT_GT(clean.writes, 3u) << story.name;
    const auto fate = [&](size_t at) {
      return [hit = at / kKinds, kind = kFates[at % kKinds].first](uint64_t number) {
        return number == hit ? std::optional(Fate{.kind = kind}) : std::nullopt;
      };
    };
    const auto problems = in_parallel<std::string>(
        clean.writes * kKinds,
        [&](size_t at) {
          const End end = run(story, fate(at));
          return end.broken.empty() ? first_difference(clean.picture, end.picture) : end.broken.front();
        },
        [](const std::string& problem) { return !problem.empty(); });
    runs += problems.size();
    for (size_t at = 0; at < problems.size(); ++at) {
      if (problems[at].empty()) continue;
      const auto traced = run(story, fate(at), true).trace;
      for (size_t i = traced.size() > 80 ? traced.size() - 80 : 0; i < traced.size(); ++i)
        std::cout << traced[i] << "\n";
      FAIL() << story.name << ", " << kFates[at % kKinds].second << " write " << at / kKinds << " of " << clean.writes
             << ": " << problems[at];
    }
  }
  std::cout << runs << " runs\n";
}

}  // namespace
}  // namespace clops::sim
