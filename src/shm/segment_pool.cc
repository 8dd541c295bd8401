#include "shm/segment_pool.h"

#include <algorithm>
#include <cerrno>
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

enum class Answer { yes, no, unknown };

// Granted where no other open file of the object is left: one that is mapped stays one when its descriptor is
// closed.
Answer is_alone(const Descriptor& object) {
  if (::fcntl(object.get(), F_SETLEASE, F_WRLCK) != 0) return errno == EAGAIN ? Answer::no : Answer::unknown;
  core::fault_point("pool: leased");
  return ::fcntl(object.get(), F_SETLEASE, F_UNLCK) == 0 ? Answer::yes : Answer::unknown;
}

// Not every kernel may: one would say that nobody else has it while somebody does.
Answer kernel_sees_readers(const Descriptor& object) {
  const Descriptor reader(::open(proc_name(object.get()).c_str(), O_RDONLY | O_CLOEXEC));
  if (!reader) return Answer::no;  // asked again another time
  return is_alone(object) == Answer::no ? Answer::yes : Answer::unknown;
}

Answer is_nobody_elses(const Descriptor& object) {
  // Whoever opens it during the lease waits for its end, of which the kernel tells this process by a signal:
  // one that does not kill it, as SIGIO would.
  if (::fcntl(object.get(), F_SETSIG, SIGURG) != 0) return Answer::unknown;
  static std::atomic<bool> sees_readers = false;
  if (!sees_readers) {
    const Answer sees = kernel_sees_readers(object);
    if (sees != Answer::yes) return sees;
    sees_readers = true;
  }
  return is_alone(object);
}

// By its one name, and this user's.
bool is_as_it_was(const Descriptor& object) {
  struct stat status = {};
  return object.is_of_this_process() && ::fstat(object.get(), &status) == 0 && status.st_nlink == 1 &&
         status.st_uid == ::geteuid();
}

}  // namespace

std::optional<OwnerId> owner_of_pool_name(std::string_view name) {
  return owner_of_object_name(prefix, name);
}

SegmentPool::~SegmentPool() { clear(0); }

bool SegmentPool::clear(std::uint64_t seen) {
  const std::lock_guard lock(mutex_);
  for (const Pooled& entry : entries_) drop(entry.memory);
  if (!std::exchange(entries_, {}).empty()) ++clearings_;
  return clearings_ != seen;
}

bool SegmentPool::claim(const Access& access) {
  if (!is_of_use_ || !may_share_memory(access, access)) return false;
  if (++claimed_ <= most_exposed) return true;
  --claimed_;
  return false;
}

fs::path SegmentPool::new_name(const Owner& owner) {
  return owner.directory() / new_object_name(prefix, owner.id());
}

std::optional<SegmentMemory> SegmentPool::take(std::uint64_t bytes, const Access& access) {
  const std::lock_guard lock(mutex_);
  // Somebody removed its name, as logind does at a user's logout.
  entries_.remove_if([](const Pooled& entry) {
    const bool is_good = is_as_it_was(entry.memory.object);
    if (!is_good) drop(entry.memory);
    return !is_good;
  });
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Pooled& entry) {
    const std::uint64_t room = entry.memory.mapping.get_size();
    return bytes <= room && room / 2 <= bytes && may_share_memory(entry.access, access) &&
           is_free(entry.memory);
  });
  if (found == entries_.end()) return std::nullopt;
  SegmentMemory memory = std::move(found->memory);
  entries_.erase(found);
  return memory;
}

// Where the kernel cannot tell, nothing is kept any more.
bool SegmentPool::is_free(const SegmentMemory& memory) {
  const Answer answer = is_nobody_elses(memory.object);
  if (answer == Answer::unknown) is_of_use_ = false;
  return answer == Answer::yes;
}

void SegmentPool::put(SegmentMemory memory, const Access& access) {
  const std::lock_guard lock(mutex_);
  entries_.push_front({std::move(memory), access});
  const std::size_t most = is_of_use_ ? pooled_ : 0;
  for (; entries_.size() > most; entries_.pop_back()) drop(entries_.back().memory);
}

void SegmentPool::drop(const SegmentMemory& memory) {
  if (memory.owner->is_of_this_process()) ::unlink(memory.file.c_str());
}

}  // namespace rgtp::shm
