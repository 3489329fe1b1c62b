// A whole cluster on one thread: API, cluster controllers, pods, users, and one or two real operators, with a judge
// that looks at every change.
//
// Everything follows from the seed. Thread rule: one thread. Ownership: owns all of it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/unit/simulation/api.h"
#include "tests/unit/simulation/cluster.h"
#include "tests/unit/simulation/judge.h"
#include "tests/unit/simulation/loop.h"
#include "tests/unit/simulation/network.h"
#include "tests/unit/simulation/operator_under_test.h"

namespace clops::sim {

struct Faults {  // chances per request of an operator; zero = none
  double lost = 0, answer_lost = 0, refused = 0, slow = 0, crash = 0, conflict = 0;
  WatchFaults watch;
  double push_loss = 0;
};

struct WorldOptions {
  uint64_t seed = 1;
  int operators = 1;
  bool election = false;
  int threads = 1;  // of each operator: tasks that wait for answers at once
  bool trace = false;
};

class World {
 public:
  explicit World(WorldOptions options);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // ---- operators, by slot
  void start(int slot);
  void stop(int slot);   // in order: the lease is given back
  void crash(int slot);  // as by kill -9; a start is the caller's business
  void pause(int slot, Duration time);
  [[nodiscard]] bool running(int slot) const { return processes_[static_cast<size_t>(slot)] != nullptr; }
  [[nodiscard]] OperatorUnderTest* op(int slot);
  // Watches and waiting tasks of every operator are as few as they were said to be.
  void check_bounds();
  Duration restart_after = std::chrono::seconds(3);  // a crashed operator comes back after this

  // ---- what happens to requests. Writes of operators (not of leases and Events) are numbered from 0 in the order they
  // are sent.
  void set_faults(const Faults& faults);
  std::function<std::optional<Fate>(uint64_t write)> write_fate;  // before the faults are asked
  [[nodiscard]] uint64_t writes() const { return writes_; }
  // Of those, writes of verifying pods: an artifact that is not there is looked for again, less and less often.
  [[nodiscard]] uint64_t inspections() const { return inspections_; }

  // ---- users
  Result<Snapshot> apply(const Json& object);
  Status remove(const ApiKey& key, const std::string& propagation = "Background");
  void outage(Duration time);  // the API answers nobody

  // ---- time
  void run_for(Duration time) { loop.run_for(time); }
  // Until no operator has written (but verifying pods) for `quiet` and no good ModelVersion waits for its next try;
  // false (and a problem) when that does not come within `limit`.
  bool settle(Duration quiet = std::chrono::seconds(250), Duration limit = std::chrono::minutes(60));

  void trace(const std::string& line);
  [[nodiscard]] const std::vector<std::string>& lines() const { return lines_; }
  // What there is, without what may differ between two good ends: uids, versions, times, keys, generations of
  // serving.json.
  [[nodiscard]] Json picture() const;

  Loop loop;
  LoopClock clock;
  Truths truths;
  Api api;
  Network network;
  Cluster cluster;
  Judge judge;
  Chance chance;

 private:
  struct Process;
  Fate decide(const HttpRequest& request, bool lease);
  void reap(std::shared_ptr<Process> process);
  void disturb(const HttpRequest& request);

  const WorldOptions options_;
  Faults faults_;
  uint64_t writes_ = 0, inspections_ = 0;
  int incarnations_ = 0;
  TimePoint last_write_;
  std::vector<std::shared_ptr<Process>> processes_;
  std::vector<std::string> lines_;
};

// Whether a request of an operator is a write that counts: not a read, a lease or an Event.
[[nodiscard]] bool counts_as_write(const HttpRequest& request);

}  // namespace clops::sim
