// What sanitizers ask of the tests that they watch.
#pragma once

namespace rgtp::test {

// UBSan looks at objects through descriptors, and reports every virtual call where there are none.
#ifndef __has_feature
#define __has_feature(feature) 0
#endif
inline constexpr bool is_sanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
inline constexpr bool sanitizer_needs_descriptors = __has_feature(undefined_behavior_sanitizer);

}  // namespace rgtp::test
