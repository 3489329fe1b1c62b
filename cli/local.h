// clops local up|down|status|logs: the embedded plane, started and looked at from the command line.
//
// `up` starts `clops local run` in the background (the same binary, its own session) and waits until it answers; `down`
// asks it to end its pods and itself. Thread rule and errors as cli/command_line.h.
#pragma once

#include "cli/command_line.h"
#include "local/plane/plane.h"

namespace clops::cli {

// `kinds`: what the plane is to know of clops's own kinds; cmd/ gives it, as local/ knows none of them.
[[nodiscard]] AddCommand add_local(local::PlaneKinds kinds);

}  // namespace clops::cli
