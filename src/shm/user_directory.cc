#include "shm/user_directory.h"

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <thread>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/fault_point.h"

namespace rgtp::shm {

namespace fs = std::filesystem;

namespace {

using namespace std::chrono_literals;

constexpr std::string_view prefix = "rgtp-";
constexpr char lock_name[] = ".lock";
constexpr auto lock_patience = 5s;
constexpr std::string_view remedy = "remove it, or set XDG_RUNTIME_DIR to a directory of this user's own";

}  // namespace

std::string user_directory_name(uid_t user) { return std::string(prefix) + std::to_string(user); }

std::optional<uid_t> user_of_directory_name(std::string_view name) {
  if (!name.starts_with(prefix)) return std::nullopt;
  name.remove_prefix(prefix.size());
  uid_t user = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), user);
  // A segment's 32 hex digits may be decimal ones, which no user's number has.
  return error == std::errc{} && end == name.data() + name.size() ? std::optional(user) : std::nullopt;
}

Result<UserDirectory> UserDirectory::open_of(const fs::path& directory, uid_t user) {
  Descriptor opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat status = {};
  if (!opened || ::fstat(opened.get(), &status) != 0) return os_failure("open", directory, errno, remedy);
  if (status.st_uid != user || (status.st_mode & 077) != 0)
    return fail(Errc::denied, quoted(directory) + " is not this user's alone: " + std::string(remedy));
  return UserDirectory(directory, std::move(opened));
}

Result<UserDirectory> UserDirectory::open(const fs::path& shared) { return open(shared, Missing::error); }

Result<UserDirectory> UserDirectory::open(const fs::path& shared, Missing missing) {
  const auto open_one = [missing](const fs::path& directory) {
    if (missing == Missing::make) {
      // Once more, because the umask may take this user's own rights.
      const bool made = ::mkdir(directory.c_str(), 0700) == 0 &&
                        ::fchmodat(AT_FDCWD, directory.c_str(), 0700, AT_SYMLINK_NOFOLLOW) == 0;
      if (!made && errno != EEXIST)
        return Result<UserDirectory>(os_failure("make", directory, errno, remedy));
    }
    return open_of(directory, ::geteuid());
  };
  auto usual = open_one(shared / user_directory_name(::geteuid()));
  const char* const runtime = std::getenv("XDG_RUNTIME_DIR");
  if (usual || usual.error().code == Errc::not_found || runtime == nullptr || *runtime == '\0') return usual;
  auto other = open_one(fs::path(runtime) / "rgtp");
  if (!other) return fail(other.error().code, usual.error().message() + "; " + other.error().message());
  return other;
}

std::vector<std::string> UserDirectory::names() const {
  std::vector<std::string> names;
  std::error_code error;
  // By the descriptor: the path may be another directory's by now.
  for (fs::directory_iterator entry(proc_name(directory_.get()), error), end; !error && entry != end;
       entry.increment(error))
    if (auto name = entry->path().filename().string(); !name.starts_with('.'))
      names.push_back(std::move(name));
  return names;
}

Result<Descriptor> LockedUserDirectory::lock(const UserDirectory& directory) {
  const auto file_path = directory.path() / lock_name;
  // Held for moments only; a bound keeps a stopped process from stopping everybody.
  const auto deadline = std::chrono::steady_clock::now() + lock_patience;
  while (true) {
    Descriptor file(
        ::openat(directory.descriptor(), lock_name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file) return os_failure("open", file_path, errno, remedy);
    (void)::fchmod(file.get(), 0600);  // whatever the umask
    core::fault_point("lock: opened");
    struct flock exclusive = {};
    exclusive.l_type = F_WRLCK;
    exclusive.l_whence = SEEK_SET;
    if (::fcntl(file.get(), F_OFD_SETLK, &exclusive) == 0) {
      // Whoever held it before may have removed it.
      struct stat locked = {};
      struct stat named = {};
      if (::fstat(file.get(), &locked) == 0 &&
          ::fstatat(directory.descriptor(), lock_name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
          locked.st_ino == named.st_ino) {
        core::fault_point("lock: held");
        return file;
      }
    } else if (errno != EAGAIN && errno != EACCES && errno != EINTR) {
      return os_failure("lock", file_path, errno, remedy);
    }
    if (std::chrono::steady_clock::now() > deadline)
      return fail(Errc::timed_out, quoted(file_path) + " is held by another process: end that process");
    std::this_thread::sleep_for(1ms);
  }
}

Result<LockedUserDirectory> LockedUserDirectory::open(const fs::path& shared) {
  // Another process may remove it, as empty, between any two steps, and more than once.
  constexpr int max_tries = 1000;
  for (int tries = 1;; ++tries) {
    auto directory = UserDirectory::open(shared, UserDirectory::Missing::make);
    auto locked = directory ? lock(*directory) : Result<Descriptor>(fail(directory.error()));
    if (locked) return LockedUserDirectory(std::move(*directory), std::move(*locked));
    if (locked.error().code != Errc::not_found || tries == max_tries) return fail(std::move(locked).error());
  }
}

Result<LockedUserDirectory> LockedUserDirectory::open_of(const fs::path& path, uid_t user) {
  auto directory = UserDirectory::open_of(path, user);
  if (!directory) return fail(std::move(directory).error());
  auto locked = lock(*directory);
  if (!locked) return fail(std::move(locked).error());
  return LockedUserDirectory(std::move(*directory), std::move(*locked));
}

LockedUserDirectory::~LockedUserDirectory() {
  if (!lock_ || !directory_.names().empty()) return;
  // Left by one who was killed, or had no room.
  ::unlinkat(directory_.descriptor(), unfinished_name, 0);
  ::unlinkat(directory_.descriptor(), lock_name, 0);
  core::fault_point("lock: unlinked");
  ::rmdir(directory_.path().c_str());
  core::fault_point("lock: its directory removed");
}

}  // namespace rgtp::shm
