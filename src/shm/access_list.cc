#include "shm/access_list.h"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <type_traits>

#include <acl/libacl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/acl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace rgtp::shm {

namespace fs = std::filesystem;

namespace {

using AccessList = std::unique_ptr<std::remove_pointer_t<acl_t>, int (*)(void*)>;

// An entry for each, and for each once.
void append(std::string& text, const char* kind, std::vector<id_t> ids) {
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  for (const id_t id : ids) text += "," + std::string(kind) + ":" + std::to_string(id) + ":r";
}

bool is_member(uid_t user, gid_t group) {
  const long most = ::sysconf(_SC_GETPW_R_SIZE_MAX);
  std::vector<char> buffer(most > 0 ? static_cast<std::size_t>(most) : 16'384);
  passwd entry = {};
  passwd* found = nullptr;
  while (::getpwuid_r(user, &entry, buffer.data(), buffer.size(), &found) == ERANGE)
    buffer.resize(2 * buffer.size());
  if (found == nullptr) return false;
  int count = 64;
  std::vector<gid_t> groups(static_cast<std::size_t>(count));
  if (::getgrouplist(entry.pw_name, entry.pw_gid, groups.data(), &count) < 0) {
    groups.resize(static_cast<std::size_t>(count));
    if (::getgrouplist(entry.pw_name, entry.pw_gid, groups.data(), &count) < 0) return false;
  }
  groups.resize(static_cast<std::size_t>(count));
  return std::find(groups.begin(), groups.end(), group) != groups.end();
}

bool user_may_read(const struct stat& status, uid_t user) {
  if (user == 0) return true;
  if (user == status.st_uid) return (status.st_mode & S_IRUSR) != 0;
  const bool group_may = (status.st_mode & S_IRGRP) != 0;
  const bool others_may = (status.st_mode & S_IROTH) != 0;
  // The host's directory of users is not asked in vain: it may be far away.
  return group_may == others_may ? group_may : is_member(user, status.st_gid) == group_may;
}

bool group_may_read(const struct stat& status, gid_t group) {
  return (status.st_mode & (group == status.st_gid ? S_IRGRP : S_IROTH)) != 0;
}

}  // namespace

Result<void> give_access(const Descriptor& object, const fs::path& place, const Access& access) {
  const mode_t mode = access.who() == Access::Who::everyone ? 0644
                      : access.who() == Access::Who::decide ? 0400
                                                            : 0600;
  if (::fchmod(object.get(), mode) != 0)
    return os_failure("set the access of a segment in", place, errno,
                      "mount a tmpfs there that this user may write to, or expose by packets alone");
  if (access.who() != Access::Who::named) return {};
  std::string text = "u::rw,g::-,m::r,o::-";
  append(text, "u", {access.users().begin(), access.users().end()});
  append(text, "g", {access.groups().begin(), access.groups().end()});
  const AccessList list(::acl_from_text(text.c_str()), ::acl_free);
  if (list != nullptr && ::acl_set_fd(object.get(), list.get()) == 0) return {};
  switch (errno) {
    case EOPNOTSUPP:
      return fail(Errc::invalid_argument, quoted(place) +
                                              " is on a file system without access control "
                                              "lists: give access to everyone or to nobody");
    case EINVAL:
      return fail(Errc::invalid_argument,
                  "a user or group who is given access does not exist in this user namespace");
    case E2BIG:
    case ENOSPC:
    case ERANGE:
      return fail(Errc::no_space,
                  "too many users and groups are given access: put them into one group and name that");
    default: return os_failure("give users access to a segment in", place, errno, "see the system's log");
  }
}

Result<void> take_access(const Descriptor& object, const fs::path& place) {
  if (auto given = give_access(object, place, Access::owner()); !given) return given;
  const AccessList list(::acl_from_mode(0600), ::acl_free);
  if (list != nullptr && (::acl_set_fd(object.get(), list.get()) == 0 || errno == EOPNOTSUPP)) return {};
  return os_failure("take users' access to a segment in", place, errno, "see the system's log");
}

bool may_share_memory(const Access& a, const Access& b) {
  return (a.who() == Access::Who::owner || a.who() == Access::Who::named) && a.who() == b.who() &&
         a.users() == b.users() && a.groups() == b.groups();
}

bool may_read(const fs::path& file, const Access& access) {
  struct stat status = {};
  if (::stat(file.c_str(), &status) != 0) return false;
  if (access.who() != Access::Who::decide && ::acl_extended_file(file.c_str()) > 0) return true;
  switch (access.who()) {
    case Access::Who::owner: return true;
    case Access::Who::everyone: return (status.st_mode & S_IROTH) != 0;
    case Access::Who::decide: return false;
    case Access::Who::named: break;
  }
  return std::all_of(access.users().begin(), access.users().end(),
                     [&](uid_t user) { return user_may_read(status, user); }) &&
         std::all_of(access.groups().begin(), access.groups().end(),
                     [&](gid_t group) { return group_may_read(status, group); });
}

}  // namespace rgtp::shm
