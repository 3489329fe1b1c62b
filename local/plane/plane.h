// The embedded plane as one thing: store, API server, node and controllers in this process, and the operator as a
// Deployment on it.
//
// Thread rule: start_plane and the Plane's methods are called from one thread; inside run a loop for the node, one for
// the controllers, one for the proxy, and the API's own threads. Ownership: clock and log outlive the Plane. Destroying
// a Plane leaves its pods running: the next one over the same folder adopts them. end_pods() ends them first. Errors:
// Conflict (another plane holds the folder; the message names its pid), Unavailable, PermissionDenied.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/log.h"
#include "base/result.h"
#include "base/time.h"
#include "local/api/api.h"

namespace clops::local {

// What the plane is to know of clops's own kinds. Given by cmd/, because local/ knows no kind of ours.
struct PlaneKinds {
  std::vector<std::string_view> crds;  // CustomResourceDefinitions as YAML, of static storage
  Validator validator;                 // the CRDs' CEL rules as a function
};

struct PlaneOptions {
  std::filesystem::path state_dir;                 // made (0700) if missing
  std::filesystem::path programs_dir;              // where clops-server, clops-operator and clops-shim lie
  std::map<std::string, std::string> environment;  // what every container sees (PATH, ...)
  bool run_operator = true;
  PlaneKinds kinds;
};

class Plane {
 public:
  virtual ~Plane() = default;
  [[nodiscard]] virtual int port() const = 0;
  [[nodiscard]] virtual std::filesystem::path kubeconfig() const = 0;
  // Ends every pod (SIGTERM, their grace period up to `at_most`, SIGKILL) without deleting any object: pods are started
  // again when a plane next comes up over this folder.
  virtual void end_pods(std::chrono::milliseconds at_most) = 0;
};

[[nodiscard]] Result<std::unique_ptr<Plane>> start_plane(PlaneOptions options, const Clock& clock, Log& log);

// Where the plane of a folder keeps what others may read.
struct PlanePaths {
  std::filesystem::path state_dir;
  [[nodiscard]] std::filesystem::path kubeconfig() const { return state_dir / "kubeconfig"; }
  [[nodiscard]] std::filesystem::path lock() const {
    return state_dir / "lock";
  }  // held by the plane; its pid is inside
  [[nodiscard]] std::filesystem::path log() const { return state_dir / "plane.log"; }
  [[nodiscard]] std::filesystem::path pods() const { return state_dir / "pods"; }
};

}  // namespace clops::local
