// One random history of a cluster, drawn from a seed: what users do, what breaks, and when; then rest, and the
// judgement.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/unit/simulation/world.h"

namespace clops::sim {

struct Verdict {
  std::vector<std::string> broken;  // "invariant: what"
  std::vector<std::string> trace;   // when asked for
  uint64_t writes = 0, steps = 0;
  Json end;
};

[[nodiscard]] Verdict run_history(uint64_t seed, bool trace = false);

// Documents for tests.
[[nodiscard]] Json version_yaml(const std::string& name, const std::string& uri, const std::string& digest = "");
struct VariantYaml {
  std::string name, version;
  int weight = 0;
};
[[nodiscard]] Json deployment_yaml(const std::string& name, const std::vector<VariantYaml>& variants, int replicas = 1);
inline const std::string kNs = "risk";
[[nodiscard]] ApiKey deployment_key(const std::string& name);
[[nodiscard]] ApiKey version_key(const std::string& name);

// A world at rest: nothing is written by further looking (watches cut, everything listed again, operators restarted).
void expect_no_more_writes(World& world, int operators);

}  // namespace clops::sim
