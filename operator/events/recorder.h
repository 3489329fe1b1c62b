// Telling people what happened: core/v1 Events, which `kubectl describe` shows beside the object.
//
// An event equal to one of the last ten minutes (object, type, reason, message) only counts up the one that is there;
// what waits to be written is bounded, and an object that talks too much is cut to a burst of 25, then one in five
// minutes. Writing happens later, on the executor: record() never waits and never fails. Thread rule: safe from any
// thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/executor.h"
#include "base/log.h"
#include "base/random.h"
#include "crds/meta.h"
#include "operator/kube/client.h"

namespace clops::op {

struct ObjectReference {
  crds::ResourceType type;
  crds::ObjectKey key;
  std::string uid, resource_version;
};

enum class EventType { Normal, Warning };

class EventRecorder {
 public:
  virtual ~EventRecorder() = default;
  virtual void record(const ObjectReference& about, EventType type, std::string_view reason,
                      std::string_view message) = 0;
};

struct EventRecorderDeps {
  Executor& executor;
  const Clock& clock;
  Random& random;
  Log& log;
  kube::Client& client;
};
struct EventRecorderOptions {
  std::string component, instance;  // who reports
  size_t waiting_max = 1'000;       // more are dropped, and the log says so
  size_t remembered_max = 4'096;    // events and objects that are told apart; the oldest are forgotten first
};
[[nodiscard]] std::unique_ptr<EventRecorder> make_event_recorder(EventRecorderDeps deps, EventRecorderOptions options);

}  // namespace clops::op
