// Looking at and cleaning up what is in a shared directory. What has a dead owner is removed under the lock
// of its user's directory: removing what was looked at before could hit a successor of the same name.
#include <algorithm>
#include <cerrno>
#include <ctime>
#include <map>
#include <set>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rgtp/host.h>

#include "core/fault_point.h"
#include "shm/broker.h"
#include "shm/local_name.h"
#include "shm/opened_segment.h"
#include "shm/owner.h"
#include "shm/segment_pool.h"
#include "shm/user_directory.h"

namespace rgtp::shm {

namespace fs = std::filesystem;

namespace {

struct Named {
  std::string name;
  uid_t user = 0;
};

// Whatever in the directory may be ours by its name, sorted.
Result<std::vector<Named>> names_in(const fs::path& directory) {
  std::vector<Named> names;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    Named named{.name = entry->path().filename().string()};
    struct stat status = {};
    if (!named.name.starts_with("rgtp-") || ::lstat(entry->path().c_str(), &status) != 0) continue;
    named.user = status.st_uid;
    names.push_back(std::move(named));
  }
  if (error) return os_failure("list", directory, error.value(), "name a directory that this user may read");
  std::sort(names.begin(), names.end(), [](const Named& a, const Named& b) { return a.name < b.name; });
  return names;
}

// Of what an exposer's process has beside its segments, by the name alone.
std::optional<OwnerId> owner_of_name(std::string_view name) {
  for (const auto owner_of : {owner_of_file_name, owner_of_broker_name, owner_of_pool_name})
    if (const auto owner = owner_of(name)) return owner;
  return std::nullopt;
}

HostSurface look_at(const fs::path& directory, const Named& named) {
  HostSurface surface{.file = named.name, .user = named.user, .details = {}, .problem = {}};
  auto object = SegmentObject::open(directory / named.name);
  if (object && object->is_brokered)
    object = is_answered(directory / named.name)
                 ? fail(Errc::denied, "its exposer decides who may look at it: pull it")
                 : fail(Errc::exposer_gone, "its exposer has ended: rgtp gc removes it");
  if (object && !object->header) object = fail(object->header.error());
  const auto live = object ? std::move(object->live) : fail(object.error());
  if (!live) {
    surface.problem = live.error().message();
    return surface;
  }
  const SegmentHeader& header = *object->header;
  const Manifest& manifest = header.manifest;
  HostSurface::Details details{.id = manifest.id,
                               .name = manifest.name,
                               .size = manifest.size,
                               .size_known = !manifest.size_pending || live->final_size != unknown_size,
                               .chunks = manifest.chunk_count(),
                               .published = live->published,
                               .state = live->state,
                               .persistent = header.persistent,
                               .owner_alive = is_alive(directory, header.owner, object->user),
                               .source = {}};
  if (manifest.size_pending && details.size_known) {
    details.size = std::min(live->final_size, manifest.size);
    details.chunks = Manifest::chunks_in(details.size, manifest.chunk_bytes);
  }
  if (header.kind == RegionKind::file) details.source = header.file.path;
  surface.details = std::move(details);
  return surface;
}

// One user's clean-up.
class UserSweep {
 public:
  UserSweep(const fs::path& directory, uid_t user, const ClearOptions& options, Cleared& cleared)
      : directory_(directory), user_(user), options_(options), cleared_(cleared) {}

  // Cheap where nothing is to be done: the lock is taken only then.
  void run(const std::vector<Named>& names) {
    const bool something = std::any_of(names.begin(), names.end(),
                                       [&](const Named& named) { return mine(named) && is_dead(named); });
    if (!something) return;
    if (options_.look_only) {
      const auto directory = UserDirectory::open_of(directory_ / user_directory_name(user_), user_);
      return sweep(names, directory ? &*directory : nullptr);
    }
    auto locked = user_ == ::geteuid()
                      ? LockedUserDirectory::open(directory_)
                      : LockedUserDirectory::open_of(directory_ / user_directory_name(user_), user_);
    // Another user's objects without a directory have no names that could come again.
    if (!locked && locked.error().code != Errc::not_found) {
      cleared_.problems.push_back(locked.error().message());
      return;
    }
    sweep(names, locked ? &locked->directory() : nullptr);
  }

 private:
  bool mine(const Named& named) const { return named.user == user_; }
  void sweep(const std::vector<Named>& names, const UserDirectory* directory) {
    for (const Named& named : names)
      if (mine(named) && (is_segment_name(named.name) || owner_of_pool_name(named.name)) && is_dead(named))
        remove(named, cleared_.segments);
    // Behind the surfaces that they name.
    if (directory != nullptr) sweep_names(*directory);
    // Behind what they own: without its lock file an object is as dead, but nobody could say of whom.
    for (const Named& named : names)
      if (mine(named) && owner_of_broker_name(named.name) && is_dead(named)) remove(named, cleared_.owners);
    for (const Named& named : names)
      if (mine(named) && owner_of_file_name(named.name) && is_dead(named)) remove(named, cleared_.owners);
  }

  bool is_dead(const Named& named) const {
    if (user_of_directory_name(named.name) == named.user) {
      const auto directory = UserDirectory::open_of(directory_ / named.name, named.user);
      return directory && has_dead_name(*directory);
    }
    if (const auto owner = owner_of_name(named.name)) return !is_alive(directory_, *owner, named.user);
    if (!is_segment_name(named.name)) return false;
    // Of any layout: whose it is always stands in the same place. What is no segment is not touched.
    const auto object = SegmentObject::open(directory_ / named.name);
    if (object && object->is_brokered) return is_dead_socket(named);
    if (!object || !object->prefix || is_alive(directory_, object->prefix->owner, object->user)) return false;
    return !is_left_to_stay(*object) || is_chosen(*object);
  }
  // Its listener's death ends it, and nobody else can listen at it.
  bool is_dead_socket(const Named& named) const {
    struct stat status = {};
    const fs::path file = directory_ / named.name;
    return ::lstat(file.c_str(), &status) == 0 && S_ISSOCK(status.st_mode) && !is_answered(file);
  }
  bool is_dead_name(const UserDirectory& directory, const std::string& name) const {
    const auto file = read_local_name(directory, name);
    if (!file) return false;
    // Where it is only looked, the surface that it names is there still.
    const auto id = file->locator.id();
    const bool is_of_removed = id && removed_.contains(segment_name(*id));
    return is_of_removed || shm::is_dead(directory_, *file, user_);
  }
  bool has_dead_name(const UserDirectory& directory) const {
    const auto names = directory.names();
    return names.empty() || std::any_of(names.begin(), names.end(),
                                        [&](const auto& name) { return is_dead_name(directory, name); });
  }

  // Of a surface that was left to stay.
  bool is_chosen(const SegmentObject& object) const {
    if (!options_.persistent) return false;
    if (!options_.name.empty() && (!object.header || object.header->manifest.name != options_.name))
      return false;
    if (!options_.older_than) return true;
    // Since it was given its name.
    struct stat status = {};
    return ::fstat(object.descriptor.get(), &status) == 0 &&
           ::time(nullptr) - status.st_ctim.tv_sec >= options_.older_than->count();
  }

  void sweep_names(const UserDirectory& directory) {
    for (const std::string& name : directory.names()) {
      if (!is_dead_name(directory, name)) continue;
      if (!options_.look_only && ::unlinkat(directory.descriptor(), name.c_str(), 0) != 0) continue;
      core::fault_point("sweep: name removed");
      ++cleared_.names;
    }
  }

  void remove(const Named& named, std::uint32_t& count) {
    struct stat status = {};
    const fs::path file = directory_ / named.name;
    const bool there = ::lstat(file.c_str(), &status) == 0;
    if (!there || (!options_.look_only && ::unlink(file.c_str()) != 0)) return;
    core::fault_point("sweep: object removed");
    ++count;
    removed_.insert(named.name);
    if (&count == &cleared_.segments) cleared_.bytes += static_cast<std::uint64_t>(status.st_blocks) * 512;
  }

  const fs::path& directory_;
  const uid_t user_;
  const ClearOptions& options_;
  Cleared& cleared_;
  std::set<std::string> removed_;
};

}  // namespace

}  // namespace rgtp::shm

namespace rgtp {

Result<std::vector<HostSurface>> list_host_surfaces(const std::filesystem::path& directory) {
  auto names = shm::names_in(directory);
  if (!names) return fail(std::move(names).error());
  std::vector<HostSurface> surfaces;
  for (const auto& named : *names)
    if (shm::is_segment_name(named.name)) surfaces.push_back(shm::look_at(directory, named));
  return surfaces;
}

Result<Cleared> clear_host(const std::filesystem::path& directory, const ClearOptions& options) {
  auto names = shm::names_in(directory);
  if (!names) return fail(std::move(names).error());
  std::vector<uid_t> users = {::geteuid()};
  if (::geteuid() == 0)
    for (const auto& named : *names)
      if (std::find(users.begin(), users.end(), named.user) == users.end()) users.push_back(named.user);
  Cleared cleared;
  for (const uid_t user : users) shm::UserSweep(directory, user, options, cleared).run(*names);
  return cleared;
}

}  // namespace rgtp
