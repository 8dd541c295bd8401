// The memory of surfaces that were withdrawn, for those to come: what was written once is written again at
// a multiple of the speed of fresh pages. It is handed on only where the kernel says that nobody else has it
// open or mapped (fcntl(2), F_SETLEASE), and to surfaces of equal access.
//
//     auto memory = pool.take(bytes, access);   // nobody else's
//     ...
//     pool.put(std::move(memory));              // its name is one of the pool's by now, and it is no segment
//
// Before they are put, objects are renamed, opened to their owner alone and marked as no segment, in this
// order: whoever opens one afterwards finds nothing, and whoever did before is seen. Not seen are O_PATH
// descriptors, which have to be opened once more, and pages that a reader gave to splice(2), vmsplice(2)
// or a sending that does not copy.
#pragma once

#include <atomic>
#include <filesystem>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include <rgtp/access.h>

#include "shm/os.h"
#include "shm/owner.h"
#include "shm/segment_layout.h"

namespace rgtp::shm {

// An object and the mapping by which it is written. Its first descriptor: of another one the kernel would
// say that somebody else has it open.
struct SegmentMemory {
  Descriptor object;
  boost::interprocess::mapped_region mapping;
  std::shared_ptr<Owner> owner;
  std::filesystem::path file = {};  // its name in the pool
  // Of the surface it was, where all pages of that are taken and mapped.
  std::optional<SegmentLayout> taken = std::nullopt;
};

// "rgtp-pool-", its owner's 32 hex digits and a number: whose it is, or nothing for another name.
std::optional<OwnerId> owner_of_pool_name(std::string_view name);

// Any thread.
class SegmentPool {
 public:
  static constexpr std::uint32_t most_pooled = 16;
  // Surfaces at a time whose memory may come here: each keeps a descriptor.
  static constexpr std::uint32_t most_exposed = 64;

  explicit SegmentPool(std::uint32_t pooled) : pooled_(std::min(pooled, most_pooled)) {}
  SegmentPool(const SegmentPool&) = delete;
  SegmentPool& operator=(const SegmentPool&) = delete;
  // Nothing of it is left.
  ~SegmentPool();

  // Whether the memory of a surface of this access may be another's. True is to be followed by release().
  bool claim(const Access& access);
  void release() { --claimed_; }

  // A name for the memory of a surface that is withdrawn.
  static std::filesystem::path new_name(const Owner& owner);
  // Memory of at least so many bytes that nobody else has.
  std::optional<SegmentMemory> take(std::uint64_t bytes, const Access& access);
  // Makes room for others. False where there was nothing, nor has been since `seen` was what clearings()
  // said: another thread may have made room just now.
  bool clear(std::uint64_t seen);
  std::uint64_t clearings() const { return clearings_; }
  // Under its name in the pool. What was there for longest gives way.
  void put(SegmentMemory memory, const Access& access);

 private:
  struct Pooled {
    SegmentMemory memory;
    Access access;
  };
  bool is_free(const SegmentMemory& memory);
  static void drop(const SegmentMemory& memory);

  const std::uint32_t pooled_;
  std::atomic<std::uint32_t> claimed_ = 0;
  std::atomic<std::uint64_t> clearings_ = 0;
  std::atomic<bool> is_of_use_ = true;  // the kernel tells who has memory open
  std::mutex mutex_;
  std::list<Pooled> entries_;  // the latest first
};

}  // namespace rgtp::shm
