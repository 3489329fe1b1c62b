// A pod's volumes as folders. ConfigMaps, Secrets and projections are laid out as the kubelet does it (`..data` is a
// link to the folder of the moment, each key a link through it), so that a reader sees all of one state or all of
// another.
//
// Thread rule: one writer per folder. Errors: NotFound (what it is made from is not there yet), Unavailable (disk).
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "base/result.h"
#include "crds/workload.h"
#include "local/node/container_setup.h"

namespace clops::local {

struct VolumeSources {
  DataLookup lookup;
  PodFacts facts;
  std::string token;                                            // what a serviceAccountToken projection holds
  std::filesystem::path claims_dir;                             // of the pod's namespace: a folder per claim
  std::function<Status(const std::string& claim)> check_claim;  // NotFound while there is none
};

// Makes or brings up to date; returns the folder (a claim's is its own, shared between pods).
[[nodiscard]] Result<std::filesystem::path> materialise(const crds::Volume& volume,
                                                        const std::filesystem::path& volumes_dir,
                                                        const VolumeSources& sources);

// The files of a ConfigMap-like volume. True when anything changed.
[[nodiscard]] Result<bool> write_payload(const std::filesystem::path& folder,
                                         const std::map<std::string, std::string>& files);

}  // namespace clops::local
