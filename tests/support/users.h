// Being somebody else, in a process of its own: only root can.
#pragma once

#include <grp.h>
#include <unistd.h>

namespace rgtp::test {

// This process becomes the user of that number, whose group has the same and who is in no other.
inline bool become(uid_t user) {
  return ::setgroups(0, nullptr) == 0 && ::setresgid(user, user, user) == 0 &&
         ::setresuid(user, user, user) == 0;
}

}  // namespace rgtp::test
