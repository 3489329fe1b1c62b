// Who may call at all, asked by every front end before it reads what is asked: bearer tokens, whatever they are.
//
// Thread rule: one per serving thread. Errors: admit() Unauthenticated (no token, or none that is good),
// PermissionDenied (a good one that is not enough), Unavailable (nothing is known yet of who may call), with messages
// fit for the client. Health is not asked for at the gate.
#pragma once

#include <span>
#include <string_view>

#include "base/result.h"
#include "serving/routing/router.h"

namespace clops::serving {

class Gate {
 public:
  virtual ~Gate() = default;
  // The caller's name, good until the next call. Headers as the wire has them: names in any case.
  [[nodiscard]] virtual Result<std::string_view> admit(std::span<const HeaderView> headers) = 0;
  [[nodiscard]] virtual bool able() = 0;  // it knows who may call
};

}  // namespace clops::serving
