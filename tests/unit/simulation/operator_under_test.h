// The real operator, manager and controllers, put together as cmd/ does it, over whatever it is given.
#pragma once

#include <memory>
#include <string>

#include "base/executor.h"
#include "base/http_client.h"
#include "base/log.h"
#include "base/random.h"
#include "base/result.h"
#include "base/time.h"

namespace clops::sim {

class OperatorUnderTest {
 public:
  struct Deps {
    Executor& executor;
    const Clock& clock;
    Random& random;
    Log& log;
    HttpClient& http;        // the API and the pods
    HttpClient& lease_http;  // the lease's own connection
  };
  struct Options {
    std::string identity;
    bool election = false;
  };
  virtual ~OperatorUnderTest() = default;
  [[nodiscard]] virtual Status start() = 0;
  virtual void stop() = 0;
  [[nodiscard]] virtual bool idle() const = 0;
  [[nodiscard]] virtual bool leading() const = 0;
  [[nodiscard]] virtual std::string metrics() const = 0;
};
[[nodiscard]] std::unique_ptr<OperatorUnderTest> make_operator(OperatorUnderTest::Deps deps,
                                                               OperatorUnderTest::Options options);

}  // namespace clops::sim
