// Mappings that a puller keeps for the next pull of the same surface: a fresh one is read several times
// slower, page by page, than one whose pages are mapped already.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>

#include <rgtp/event_loop.h>

#include "shm/opened_segment.h"

namespace rgtp::shm {

// Made on any thread, destroyed on the loop's; find() and keep() from any.
class MappingCache {
 public:
  struct Limits {
    std::uint32_t mappings = 0;
    std::uint64_t bytes = 0;
  };
  // How often what is kept is looked at, and let go where it is withdrawn, ownerless, or too much.
  static constexpr Duration look_interval = std::chrono::seconds(1);

  // Limits hold for all that is kept; the bytes of what a view holds as well are not counted.
  MappingCache(const Limits& limits, EventLoop& loop);
  ~MappingCache();

  // A mapping of the finished surface that is still offered; nothing otherwise.
  std::shared_ptr<OpenedSegment> find(const SurfaceId& id);
  // Of a finished surface, whose bytes are in the segment: a file is mapped anew each time, since its name
  // may mean another one. It keeps its descriptors for as long as it is kept: what somebody cut short is not
  // touched.
  void keep(const std::shared_ptr<OpenedSegment>& segment);

 private:
  struct Looker;

  static bool is_good(const OpenedSegment& segment);
  void look();
  void trim();

  const Limits limits_;
  EventLoop& loop_;
  std::shared_ptr<Looker> looker_;  // on the loop
  std::mutex mutex_;
  std::list<std::shared_ptr<OpenedSegment>> kept_;  // the latest first
  bool looking_ = false;                            // a look is on its way
};

}  // namespace rgtp::shm
