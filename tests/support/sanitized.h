// Whether a sanitizer watches this build. It finds the same faults in a part of the rows as in all of them, at ten
// times the cost; what is computed is held to its bits by the release build, which takes all.
#pragma once

namespace clops::test {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace clops::test
