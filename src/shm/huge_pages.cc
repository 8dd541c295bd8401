#include "shm/huge_pages.h"

#include <algorithm>
#include <utility>

namespace rgtp::shm {

namespace {

// About 55 ms of a worker.
constexpr std::uint64_t piece_bytes = 8 * huge_page_bytes;

}  // namespace

struct HugePages::Job {
  std::shared_ptr<ExposedSegment> segment;
  std::shared_ptr<const Store> store;
  EventLoop& loop;
  std::shared_ptr<Observer> observer;
  std::uint64_t done = 0;
  bool is_wanted = true;

  // Whole ones alone, and of a capacity no more than was used: others would be taken for it.
  std::uint64_t end() const { return store->final_size().value_or(0) / huge_page_bytes * huge_page_bytes; }
};

bool HugePages::may_help(const ExposedSegment& segment, Duration after) {
  const SegmentHeader& header = segment.header();
  return after != Duration::max() && header.kind == RegionKind::inline_bytes &&
         header.manifest.size >= huge_page_bytes;
}

HugePages::HugePages(std::shared_ptr<ExposedSegment> segment, std::shared_ptr<const Store> store,
                     Duration after, EventLoop& loop, std::shared_ptr<Observer> observer)
    : job_(std::make_shared<Job>(Job{std::move(segment), std::move(store), loop, std::move(observer)})),
      timer_(loop.timer([this, after] { look(after); })) {
  timer_->arm(loop.now() + after);
}

HugePages::~HugePages() { job_->is_wanted = false; }

void HugePages::look(Duration after) {
  const SurfaceState state = job_->store->state();
  if (state == SurfaceState::growing) timer_->arm(job_->loop.now() + after);
  if (state == SurfaceState::finished) next(job_);
}

void HugePages::next(const std::shared_ptr<Job>& job) {
  if (!job->is_wanted) return;
  if (job->done >= job->end()) return tell(job);
  const std::uint64_t offset = std::exchange(job->done, std::min(job->end(), job->done + piece_bytes));
  const auto made = std::make_shared<bool>(false);
  job->loop.offload([job, made, offset,
                     length = job->done - offset] { *made = job->segment->make_huge_pages(offset, length); },
                    [job, made] {
                      *made ? next(job) : tell(job);  // the kernel makes no more
                    });
}

void HugePages::tell(const std::shared_ptr<Job>& job) {
  const auto bytes = std::make_shared<std::uint64_t>(0);
  job->loop.offload([job, bytes] { *bytes = job->segment->huge_page_bytes_mapped(); },
                    [job, bytes] {
                      if (job->is_wanted) job->observer->on_event(event::HugePagesMade{*bytes});
                    });
}

}  // namespace rgtp::shm
