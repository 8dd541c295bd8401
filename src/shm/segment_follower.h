// A pull of a segment that grows, by threads that wait on its futex word themselves: a wake-up, and nothing
// else, lies between the exposer and them.
#pragma once

#include <memory>

#include <rgtp/transport.h>

#include "core/local_fetch.h"
#include "shm/futex.h"
#include "shm/opened_segment.h"
#include "shm/waiter.h"

namespace rgtp::shm {

// Why a surface ends that grows and whose exposer is dead.
Error orphaned();

class SegmentFollower : public Follower {
 public:
  static constexpr Duration look_interval = Waiter::look_interval;

  SegmentFollower(std::shared_ptr<OpenedSegment> segment, Sink& sink, EventLoop& loop);
  ~SegmentFollower() override;

  std::uint32_t advance() override;
  // Errors: exposer_gone, source_changed.
  Result<void> wait(std::uint32_t seen, Duration spin) override;
  void stop() override;

 private:
  const FutexWord& counter() const { return segment_->live().counter; }
  bool changes_within(Duration spin, std::uint32_t seen) const;

  const std::shared_ptr<OpenedSegment> segment_;
  const std::shared_ptr<core::LocalFetch> fetch_;
  std::atomic<bool> stopped_{false};
  std::atomic<int> waiting_{0};
};

}  // namespace rgtp::shm
