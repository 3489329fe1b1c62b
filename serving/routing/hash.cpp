#include "serving/routing/hash.h"

#define XXH_STATIC_LINKING_ONLY  // the state's size, so that it lies on the stack
#include <xxhash.h>

#include <cstring>

namespace clops::serving {

uint64_t xxh3_64(std::string_view first, std::string_view second) {
  char joined[256];
  if (first.size() + second.size() <= sizeof joined) {  // nearly always: a UID and a user's name
    if (!first.empty()) std::memcpy(joined, first.data(), first.size());
    if (!second.empty()) std::memcpy(joined + first.size(), second.data(), second.size());
    return XXH3_64bits(joined, first.size() + second.size());
  }
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  if (!first.empty()) XXH3_64bits_update(&state, first.data(), first.size());
  if (!second.empty()) XXH3_64bits_update(&state, second.data(), second.size());
  return XXH3_64bits_digest(&state);
}

}  // namespace clops::serving
