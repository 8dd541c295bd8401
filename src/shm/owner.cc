#include "shm/owner.h"

#include <atomic>
#include <cerrno>
#include <map>
#include <mutex>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/fault_point.h"
#include "core/per_process.h"

namespace rgtp::shm {

namespace fs = std::filesystem;
using core::fault_point;

namespace {

constexpr std::string_view prefix = "rgtp-owner-";
constexpr std::string_view remedy =
    "mount a tmpfs there that this user may write to, or expose by packets alone";

struct flock whole_file(short type) {
  struct flock lock = {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return lock;
}

// By directory.
struct Owners {
  std::mutex mutex;
  std::map<fs::path, std::weak_ptr<Owner>> known;
};

}  // namespace

std::string new_object_name(std::string_view kind, const OwnerId& owner) {
  static std::atomic<std::uint64_t> made{0};
  return std::string(kind) + owner.to_hex() + "-" + std::to_string(++made);
}

std::optional<OwnerId> owner_of_object_name(std::string_view kind, std::string_view name) {
  constexpr std::size_t digits = 32;
  if (!name.starts_with(kind) || name.size() < kind.size() + digits) return std::nullopt;
  return OwnerId::from_hex(name.substr(kind.size(), digits));
}

std::string owner_file_name(const OwnerId& id) { return std::string(prefix) + id.to_hex(); }

std::optional<OwnerId> owner_of_file_name(std::string_view name) {
  return name.starts_with(prefix) ? OwnerId::from_hex(name.substr(prefix.size())) : std::nullopt;
}

Result<std::shared_ptr<Owner>> Owner::of_this_process(const fs::path& directory) {
  auto& owners = core::of_this_process<Owners>();
  const std::lock_guard lock(owners.mutex);
  auto& weak = owners.known[directory];
  if (auto owner = weak.lock(); owner != nullptr && owner->is_usable()) return owner;
  auto created = create(directory);
  if (created) weak = *created;
  return created;
}

Result<std::shared_ptr<Owner>> Owner::create(const fs::path& directory) {
  const OwnerId id = OwnerId::random();
  const fs::path file = directory / owner_file_name(id);
  // A child that had it from before the lock would hold the lock too, and hide this process's death.
  Descriptor lock = Descriptor::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  // Locked before it has a name, so that nobody can lock it first; readable by all, so that all can ask.
  struct flock exclusive = whole_file(F_WRLCK);
  const auto failed = [&] { return os_failure("make a lock file in", directory, errno, remedy); };
  if (!lock || ::fchmod(lock.get(), 0644) != 0) return failed();
  fault_point("owner: opened");
  if (::fcntl(lock.get(), F_OFD_SETLK, &exclusive) != 0) return failed();
  fault_point("owner: locked");
  if (::linkat(AT_FDCWD, proc_name(lock.get()).c_str(), AT_FDCWD, file.c_str(), AT_SYMLINK_FOLLOW) != 0)
    return failed();
  fault_point("owner: named");
  return std::shared_ptr<Owner>(new Owner(file, id, std::move(lock)));
}

Owner::~Owner() {
  if (!is_of_this_process()) return;
  ::unlink(file_.c_str());
  fault_point("owner: unlinked");
}

bool Owner::is_usable() const {
  struct stat status = {};
  return is_of_this_process() && ::fstat(lock_.get(), &status) == 0 && status.st_nlink > 0;
}

Result<Descriptor> open_owner_file(const fs::path& directory, const OwnerId& id, uid_t user) {
  const fs::path path = directory / owner_file_name(id);
  Descriptor file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat status = {};
  // A link or a socket is nobody's lock file, and neither is what this user may not even read.
  if (!file && (errno == ENOENT || errno == ELOOP || errno == ENXIO || errno == EACCES)) return Descriptor();
  if (!file || ::fstat(file.get(), &status) != 0)
    return os_failure("look at", path, errno, "close some files or raise the limit (ulimit -n)");
  if (!S_ISREG(status.st_mode) || status.st_uid != user) return Descriptor();
  return file;
}

bool is_locked(int lock_file) {
  if (lock_file < 0) return false;
  // A read lock may be asked for by whoever can read, and collides with the owner's alone: no reader can
  // pretend.
  struct flock query = whole_file(F_RDLCK);
  return ::fcntl(lock_file, F_OFD_GETLK, &query) != 0 || query.l_type == F_WRLCK;
}

bool is_alive(const fs::path& directory, const OwnerId& id, uid_t user) {
  const auto file = open_owner_file(directory, id, user);
  return !file || is_locked(file->get());
}

}  // namespace rgtp::shm
