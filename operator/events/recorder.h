// Telling people what happened: core/v1 Events, which `kubectl describe` shows beside the object.
//
// An event equal to one of the last ten minutes (object, type, reason, message) only counts up the one that is there; what
// waits to be written is bounded, and an object that talks too much is cut to a burst of 25, then one in five minutes.
// Writing happens later, on the executor: record() never waits and never fails.
// Thread rule: safe from any thread.
#pragma once

#include <string>

#include "crds/meta.h"

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
  virtual void record(const ObjectReference& about, EventType type, std::string_view reason, std::string_view message) = 0;
};

}  // namespace clops::op
