// How long this process has lived, as the kernel counts: in hundredths of a second.
//
// Thread rule: any. Errors: none: what cannot be read is 0.
#pragma once

#include "base/time.h"

namespace clops::serving {

[[nodiscard]] Duration process_age();

}  // namespace clops::serving
