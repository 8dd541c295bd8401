// Huge pages for surfaces that live long: their memory was taken in pages of 4 KiB, which cost each puller
// time when it reads them first.
#pragma once

#include <memory>

#include <rgtp/event_loop.h>
#include <rgtp/observer.h>
#include <rgtp/store.h>

#include "shm/exposed_segment.h"

namespace rgtp::shm {

// Has a surface's memory made of them once it has been finished for a while, a piece a job, so that others
// have the workers too and a surface that is taken back is left alone. Loop's thread; destroying it ends
// that.
class HugePages {
 public:
  // Whether the segment has memory that could be.
  static bool may_help(const ExposedSegment& segment, Duration after);

  HugePages(std::shared_ptr<ExposedSegment> segment, std::shared_ptr<const Store> store, Duration after,
            EventLoop& loop, std::shared_ptr<Observer> observer);
  HugePages(const HugePages&) = delete;
  HugePages& operator=(const HugePages&) = delete;
  ~HugePages();

 private:
  struct Job;
  static void next(const std::shared_ptr<Job>& job);
  static void tell(const std::shared_ptr<Job>& job);
  void look(Duration after);

  const std::shared_ptr<Job> job_;
  std::unique_ptr<Timer> timer_;
};

}  // namespace rgtp::shm
