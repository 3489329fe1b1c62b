// Services as TCP: listens on each Service's address and passes connections on to the pods behind it.
//
// New connections go to the backends in turn; one that refuses is passed over for the next. A connection stays with its
// pod until either side ends it, whatever becomes of the Service's endpoints. Nothing is parsed. Thread rule: set() on
// the loop's thread. Ownership: the loop outlives it. Limits: connections at once; 16 KiB held each way of one (a fast
// side waits for a slow one).
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "local/controllers/endpoints_plan.h"
#include "local/node/event_loop.h"

namespace clops::local {

struct ProxyLimits {
  size_t connections_max = 4'096;
};

class Proxy {
 public:
  virtual ~Proxy() = default;  // closes everything
  // Every rule of one Service ("ns/name"); no rules: it is gone. Listens at once, also with no backend (which closes).
  virtual void set(const std::string& service, std::vector<ProxyRule> rules) = 0;
};

[[nodiscard]] std::unique_ptr<Proxy> make_proxy(EventLoop& loop, Log& log, ProxyLimits limits = {});

}  // namespace clops::local
