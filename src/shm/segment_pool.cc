#include "shm/segment_pool.h"

#include <algorithm>
#include <csignal>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "core/fault_point.h"
#include "shm/access_list.h"

namespace rgtp::shm {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view prefix = "rgtp-pool-";

// Granted where no other open file of the object is left: one that is mapped stays one when its descriptor is
// closed.
bool is_alone(const Descriptor& object) {
  if (::fcntl(object.get(), F_SETLEASE, F_WRLCK) != 0) return false;
  core::fault_point("pool: leased");
  return ::fcntl(object.get(), F_SETLEASE, F_UNLCK) == 0;
}

// Of a kernel that would say yes whoever reads it, no memory is used again.
bool kernel_sees_readers(const Descriptor& object) {
  const Descriptor reader(::open(proc_name(object.get()).c_str(), O_RDONLY | O_CLOEXEC));
  return reader && !is_alone(object);
}

bool is_nobody_elses(const SegmentMemory& memory) {
  const Descriptor& object = memory.object;
  struct stat status = {};
  if (!object.is_of_this_process() || ::fstat(object.get(), &status) != 0 || status.st_nlink != 1)
    return false;
  // Whoever opens it during the lease waits for its end, of which the kernel tells this process by a signal:
  // one that does not kill it, as SIGIO would.
  if (::fcntl(object.get(), F_SETSIG, SIGURG) != 0) return false;
  static const bool sees_readers = kernel_sees_readers(object);
  return sees_readers && is_alone(object);
}

}  // namespace

std::optional<OwnerId> owner_of_pool_name(std::string_view name) {
  constexpr std::size_t digits = 32;
  if (!name.starts_with(prefix) || name.size() < prefix.size() + digits) return std::nullopt;
  return OwnerId::from_hex(name.substr(prefix.size(), digits));
}

SegmentPool::~SegmentPool() { clear(); }

bool SegmentPool::clear() {
  const std::lock_guard lock(mutex_);
  for (const Pooled& entry : entries_) drop(entry.memory);
  return !std::exchange(entries_, {}).empty();
}

bool SegmentPool::claim(const Access& access) {
  if (!may_share_memory(access, access)) return false;
  if (++claimed_ <= most_exposed) return true;
  --claimed_;
  return false;
}

fs::path SegmentPool::new_name(const Owner& owner) {
  static std::atomic<std::uint64_t> made{0};
  return owner.directory() / (std::string(prefix) + owner.id().to_hex() + "-" + std::to_string(++made));
}

std::optional<SegmentMemory> SegmentPool::take(std::uint64_t bytes, const Access& access) {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Pooled& entry) {
    const std::uint64_t room = entry.memory.mapping.get_size();
    return bytes <= room && room / 2 <= bytes && may_share_memory(entry.access, access) &&
           is_nobody_elses(entry.memory);
  });
  if (found == entries_.end()) return std::nullopt;
  SegmentMemory memory = std::move(found->memory);
  entries_.erase(found);
  return memory;
}

void SegmentPool::put(SegmentMemory memory, const Access& access) {
  const std::lock_guard lock(mutex_);
  entries_.push_front({std::move(memory), access});
  if (entries_.size() <= pooled_) return;
  drop(entries_.back().memory);
  entries_.pop_back();
}

void SegmentPool::drop(const SegmentMemory& memory) {
  if (memory.owner->is_of_this_process()) ::unlink(memory.file.c_str());
}

}  // namespace rgtp::shm
