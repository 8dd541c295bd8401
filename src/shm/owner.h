// Whose a segment is, and whether that process still lives: one lock file for each exposer process, held by
// an open-file-description lock that the kernel drops when the process dies, in whatever way. No process id
// is trusted: they are reused, and mean nothing across namespaces; nor is any clock. Whom the process hands
// the lock's own descriptor (SCM_RIGHTS) holds it too, until it is closed there; a descriptor that was opened
// by name holds nothing.
//
//     auto owner = Owner::of_this_process("/dev/shm");
//     if (!is_alive("/dev/shm", header.owner, user)) ...
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "shm/os.h"
#include "shm/segment_layout.h"

namespace rgtp::shm {

class Owner {
 public:
  // This process's owner in the directory: the one that is there, or a new one with its lock file. Kept by
  // all that it owns; the lock file goes with the last. A forked child has none of its parent's. Any thread.
  // Errors: denied, no_space, not_found (the directory), io_error.
  [[nodiscard]] static Result<std::shared_ptr<Owner>> of_this_process(const std::filesystem::path& directory);
  ~Owner();

  const OwnerId& id() const { return id_; }
  std::filesystem::path directory() const { return file_.parent_path(); }
  // False in a forked child, which may take nothing back that is its parent's.
  bool is_of_this_process() const { return lock_.is_of_this_process(); }

 private:
  Owner(std::filesystem::path file, OwnerId id, Descriptor lock)
      : file_(std::move(file)), id_(id), lock_(std::move(lock)) {}
  static Result<std::shared_ptr<Owner>> create(const std::filesystem::path& directory);
  // False once somebody removed the lock file, so that nobody can see that this owner lives, and in a forked
  // child.
  bool is_usable() const;

  const std::filesystem::path file_;
  const OwnerId id_;
  const Descriptor lock_;
};

// What an owner's other objects are called: their kind, as "rgtp-pool-", its 32 hex digits, and a number that
// it has not used before.
std::string new_object_name(std::string_view kind, const OwnerId& owner);
// Whose it is, or nothing for another name.
std::optional<OwnerId> owner_of_object_name(std::string_view kind, std::string_view name);

// "rgtp-owner-" and 32 hex digits.
std::string owner_file_name(const OwnerId& id);
std::optional<OwnerId> owner_of_file_name(std::string_view name);

// Whether the owner's lock file is there, is `user`'s and locked. A missing one means dead. Where the system
// gives no answer, for want of descriptors, it counts as alive: what is alive is never removed.
bool is_alive(const std::filesystem::path& directory, const OwnerId& id, uid_t user);
// The same through a descriptor of the lock file, which stays right when its name goes: -1 is dead.
bool is_locked(int lock_file);
// A descriptor to ask is_locked() with; -1 where no such file of the user's is there. io_error where nobody
// can say.
[[nodiscard]] Result<Descriptor> open_owner_file(const std::filesystem::path& directory, const OwnerId& id,
                                                 uid_t user);

}  // namespace rgtp::shm
