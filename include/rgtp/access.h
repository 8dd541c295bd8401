// Who may map a surface's memory, enforced by the kernel where a transport uses shared memory.
#pragma once

#include <sys/types.h>

namespace rgtp {

// A value. It says nothing about packets: a surface that is not sealed and is given an Access is offered by
// memory alone, unless its route is named.
class Access {
 public:
  enum class Who { owner, group, everyone };

  // The exposer's user alone: the default.
  static Access owner() { return {}; }
  // The members of a group too, of which the exposer must be one, or root.
  static Access group(gid_t group) { return {Who::group, group}; }
  // Every user of this host.
  static Access everyone() { return {Who::everyone, 0}; }

  Who who() const { return who_; }
  gid_t gid() const { return gid_; }

 private:
  Access() = default;
  Access(Who who, gid_t gid) : who_(who), gid_(gid) {}

  Who who_ = Who::owner;
  gid_t gid_ = 0;
};

}  // namespace rgtp
