// Who may map a surface's memory, enforced by the kernel where a transport uses shared memory.
#pragma once

#include <functional>
#include <utility>
#include <vector>

#include <sys/types.h>

namespace rgtp {

// Who asks for a surface's memory, as the kernel says (unix(7), SO_PEERCRED): at the moment of asking, and
// the process id as this process sees it, or 0.
struct Asker {
  uid_t user = 0;
  gid_t group = 0;
  pid_t process = 0;
};

// A value. It says nothing about packets: a surface that is not sealed and is given an Access is offered by
// memory alone, unless its route is named.
//
// Whoever is let in trusts the exposer as well: a puller maps the memory of another user only where
// PullerOptions::trust names that one.
class Access {
 public:
  enum class Who { owner, named, everyone, decide };

  // The exposer's user alone, beside root: the default. As under each of these but decide(), other programs
  // of that user may open the memory again and change it or cut it short, as the kernel lets them.
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
  // Whomever this returns true for, each time that somebody asks, on the loop's thread, and never again once
  // the Surface's destructor has returned. Who is let in is given memory that no process can change or cut
  // short once the surface is finished, this user's included (memfd_create(2), file sealing); it takes a
  // descriptor for as long as it is exposed. What was given is not taken back. Root, and processes of this
  // user that may look into this one (ptrace(2)), get at its memory without asking. For bytes, writers and
  // snapshots: a file that is served in place is opened by its own mode. Not for persistent ones.
  static Access decide(std::function<bool(const Asker&)> lets_in) {
    Access access{Who::decide, {}, {}};
    access.lets_in_ = std::move(lets_in);
    return access;
  }

  Who who() const { return who_; }
  const std::vector<uid_t>& users() const { return users_; }
  const std::vector<gid_t>& groups() const { return groups_; }
  // Of decide() alone.
  bool lets_in(const Asker& asker) const { return lets_in_(asker); }

 private:
  Access() = default;
  Access(Who who, std::vector<uid_t> users, std::vector<gid_t> groups)
      : who_(who), users_(std::move(users)), groups_(std::move(groups)) {}

  Who who_ = Who::owner;
  std::vector<uid_t> users_;
  std::vector<gid_t> groups_;
  std::function<bool(const Asker&)> lets_in_;
};

}  // namespace rgtp
