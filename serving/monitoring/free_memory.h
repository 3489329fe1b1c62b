// Gives memory that the process has freed back to the system: the C library keeps what lies below a byte in use, and
// after a crowd of clients or one large model that is most of it.
//
// Thread rule: belongs to one thread, which is none that answers requests: a few milliseconds may pass, in which other
// threads that want memory wait. Errors: none; where nothing is known of the heap nothing is done.
#pragma once

#include <cstddef>

#include "base/time.h"

namespace clops::serving {

class FreeMemory {
 public:
  // Looks every few seconds, and acts when much has been freed since it last did. True: it has acted.
  bool look(TimePoint now);

 private:
  TimePoint next_look_{};
  size_t free_then_ = 0, resident_then_ = 0;  // bytes, after it last acted
};

}  // namespace clops::serving
