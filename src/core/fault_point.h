// Moments between two steps at which a test kills the process. Outside of that test there are none.
//
//     ::linkat(...);
//     fault_point("segment: named");
#pragma once

namespace rgtp::core {

#ifdef RGTP_FAULT_POINTS
// What the test does there; it defines this.
void fault_point(const char* name);
#else
inline void fault_point(const char* /*name*/) {}
#endif

}  // namespace rgtp::core
