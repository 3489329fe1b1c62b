// One client's watch: store events turned into the stream it asked for, with bookmarks, a time limit and a bound on how
// far it may fall behind (the stream's).
//
// Thread rule: safe from any thread. Ownership: WatchHub owns the sessions; ending it ends them.
#pragma once

#include <atomic>
#include <chrono>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/executor.h"
#include "base/http_server.h"
#include "base/time.h"
#include "local/api/core.h"
#include "local/api/selector.h"
#include "local/api/table.h"

namespace clops::local {

struct WatchRequest {
  ResourcePtr resource;
  std::string ns;
  Selector labels, fields;
  std::optional<int64_t> from;      // absent: the state now, then changes
  bool initial_events_end = false;  // sendInitialEvents: a bookmark says where the state ends
  bool bookmarks = false;
  bool as_table = false;
  IncludeObject include = IncludeObject::Metadata;
  std::chrono::seconds timeout{1'800};
};

class WatchHub {
 public:
  WatchHub(Core& core, Executor& executor, const Clock& clock, std::chrono::milliseconds bookmark_every,
           size_t watches_max);
  ~WatchHub();  // ends every watch
  // False when there are watches_max already: nothing has been started then.
  [[nodiscard]] bool open(WatchRequest request, Responder& responder);

 private:
  class Session;
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace clops::local
