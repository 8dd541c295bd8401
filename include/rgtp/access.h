// Who may map a surface's memory, enforced by the kernel where a transport uses shared memory.
#pragma once

#include <utility>
#include <vector>

#include <sys/types.h>

namespace rgtp {

// A value. It says nothing about packets: a surface that is not sealed and is given an Access is offered by
// memory alone, unless its route is named.
//
// Whoever is let in trusts the exposer as well: a puller maps the memory of another user only where
// PullerOptions::trust names that one.
class Access {
 public:
  enum class Who { owner, named, everyone };

  // The exposer's user alone, beside root: the default.
  static Access owner() { return {}; }
  // These users, or the members of these groups, beside the exposer's user, who need not be a member: by a
  // POSIX access control list (acl(5)). A user who becomes a member later is let in then.
  static Access users(std::vector<uid_t> users) { return named(std::move(users), {}); }
  static Access groups(std::vector<gid_t> groups) { return named({}, std::move(groups)); }
  static Access named(std::vector<uid_t> users, std::vector<gid_t> groups) {
    return {Who::named, std::move(users), std::move(groups)};
  }
  // Every user of this host.
  static Access everyone() { return {Who::everyone, {}, {}}; }

  Who who() const { return who_; }
  const std::vector<uid_t>& users() const { return users_; }
  const std::vector<gid_t>& groups() const { return groups_; }

 private:
  Access() = default;
  Access(Who who, std::vector<uid_t> users, std::vector<gid_t> groups)
      : who_(who), users_(std::move(users)), groups_(std::move(groups)) {}

  Who who_ = Who::owner;
  std::vector<uid_t> users_;
  std::vector<gid_t> groups_;
};

}  // namespace rgtp
