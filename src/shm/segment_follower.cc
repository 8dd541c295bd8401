#include "shm/segment_follower.h"

#include <thread>

namespace rgtp::shm {

namespace {

// Looks between two glances at the clock, which costs as much as some of them.
constexpr int looks_in_a_row = 64;

void pause_briefly() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

Error orphaned() {
  return {Errc::exposer_gone, "the process that exposed the surface ended before it was finished"};
}

SegmentFollower::SegmentFollower(std::shared_ptr<OpenedSegment> segment, Sink& sink, EventLoop& loop)
    : segment_(segment), fetch_(std::make_shared<core::LocalFetch>(std::move(segment), sink, loop)) {}

SegmentFollower::~SegmentFollower() {
  fetch_->cancel();
  segment_->close_descriptors();  // views of its memory need none
}

std::uint32_t SegmentFollower::advance() {
  const std::uint32_t seen = counter().load(std::memory_order_acquire);
  fetch_->tell_here();
  return seen;
}

Result<void> SegmentFollower::wait(std::uint32_t seen, Duration spin) {
  if (spin > Duration{} && changes_within(spin, seen)) return {};
  // By system calls, since the owner may have cut the memory short.
  const auto found = segment_->look();
  if (!found) return fail(found.error());
  if (found->live.counter != seen) return {};
  if (found->is_orphaned()) return fail(orphaned());
  waiting_.fetch_add(1);
  const bool is_woken = !stopped_.load() && futex_wait(counter(), seen, look_interval);
  waiting_.fetch_sub(1);
  // Whoever cuts the memory short wakes nobody.
  if (is_woken) return {};
  if (const auto after = segment_->look(); !after) return fail(after.error());
  return {};
}

bool SegmentFollower::changes_within(Duration spin, std::uint32_t seen) const {
  const auto end = std::chrono::steady_clock::now() + spin;
  do {
    for (int i = 0; i < looks_in_a_row; ++i) {
      if (counter().load(std::memory_order_acquire) != seen) return true;
      if (stopped_.load(std::memory_order_relaxed)) return true;
      pause_briefly();
    }
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

void SegmentFollower::stop() {
  stopped_.store(true);
  // Again and again: whoever is about to wait has seen nothing yet. Others that wait for the word look once
  // more.
  while (waiting_.load() > 0) {
    futex_wake_all(counter());
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
}

}  // namespace rgtp::shm
