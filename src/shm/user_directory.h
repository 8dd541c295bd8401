// The directory that a user's processes on one host share: names of surfaces, and the lock under which
// objects are removed and names change hands.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "shm/os.h"

namespace rgtp::shm {

class UserDirectory {
 public:
  // "rgtp-<uid>" in `shared`, mode 0700. Where somebody else has taken that name, $XDG_RUNTIME_DIR/rgtp.
  // not_found where neither is there; denied (names both) where neither is this user's; io_error.
  [[nodiscard]] static Result<UserDirectory> open(const std::filesystem::path& shared);
  // Of any user.
  [[nodiscard]] static Result<UserDirectory> open_of(const std::filesystem::path& directory, uid_t user);

  const std::filesystem::path& path() const { return path_; }
  int descriptor() const { return directory_.get(); }
  // Every name in it, those that begin with a dot aside.
  std::vector<std::string> names() const;

 private:
  friend class LockedUserDirectory;
  enum class Missing { error, make };
  static Result<UserDirectory> open(const std::filesystem::path& shared, Missing missing);
  UserDirectory(std::filesystem::path path, Descriptor directory)
      : path_(std::move(path)), directory_(std::move(directory)) {}

  std::filesystem::path path_;
  Descriptor directory_;
};

// What a name's file is called until it is whole: made and renamed under the lock.
inline constexpr char unfinished_name[] = ".new";

// The directory with its lock held. When it goes and leaves no name behind, so does the directory.
class LockedUserDirectory {
 public:
  // Makes the directory where it is missing. timed_out where another process holds the lock for long; what
  // UserDirectory::open() reports; no_space.
  [[nodiscard]] static Result<LockedUserDirectory> open(const std::filesystem::path& shared);
  // Of any user, where it is there.
  [[nodiscard]] static Result<LockedUserDirectory> open_of(const std::filesystem::path& directory,
                                                           uid_t user);
  ~LockedUserDirectory();
  LockedUserDirectory(LockedUserDirectory&&) noexcept = default;
  LockedUserDirectory& operator=(LockedUserDirectory&&) = delete;

  const UserDirectory& directory() const { return directory_; }

 private:
  LockedUserDirectory(UserDirectory directory, Descriptor lock)
      : directory_(std::move(directory)), lock_(std::move(lock)) {}
  static Result<Descriptor> lock(const UserDirectory& directory);

  UserDirectory directory_;
  Descriptor lock_;
};

// "rgtp-<uid>", and back.
std::string user_directory_name(uid_t user);
std::optional<uid_t> user_of_directory_name(std::string_view name);

}  // namespace rgtp::shm
