// A puller's side of brokered surfaces: asks the exposer for a surface's memory, and waits for the answer on
// the loop.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include <rgtp/event_loop.h>
#include <rgtp/log.h>

#include "shm/opened_segment.h"

namespace rgtp::shm {

// Loop's thread. Destroying it gives the request up.
class BrokerRequest {
 public:
  // From asking to the answer, waiting for one's turn included.
  static constexpr Duration patience = std::chrono::seconds(3);

  // Errors: denied (by the exposer, or because it is not trusted, which the log is told), unknown_surface,
  // exposer_gone, timed_out, and OpenedSegment::take()'s.
  using Done = std::function<void(Result<std::shared_ptr<OpenedSegment>>)>;

  // Begins; `done` is called later, once. It may not destroy the request.
  BrokerRequest(const std::filesystem::path& directory, const SurfaceId& id, const Trust& trust, Log log,
                EventLoop& loop, Done done);
  BrokerRequest(const BrokerRequest&) = delete;
  BrokerRequest& operator=(const BrokerRequest&) = delete;

 private:
  void step();
  void ask();
  void retry();
  void hear();
  void refuse(Error error);
  void finish(Result<std::shared_ptr<OpenedSegment>> result);

  const std::filesystem::path directory_;
  const SurfaceId id_;
  const Trust trust_;
  const Log log_;
  EventLoop& loop_;
  const TimePoint end_;
  Done done_;
  Descriptor socket_;
  uid_t exposer_ = 0;
  std::unique_ptr<Watch> watch_;
  std::unique_ptr<Timer> timer_;
};

}  // namespace rgtp::shm
