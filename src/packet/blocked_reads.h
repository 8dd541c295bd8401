// Requests whose bytes are not in memory: they wait for a disk, while others are served.
#pragma once

#include <deque>
#include <optional>

#include "packet/request.h"

namespace rgtp::packet {

// One that is being read for. Calling read_ahead() on a worker thread brings its bytes to memory.
struct BlockedRead {
  Request request;
  void read_ahead() const;
};

class BlockedReads {
 public:
  explicit BlockedReads(std::size_t max_requests) : max_requests_(max_requests) {}

  // Whether one more may wait, those counted that are being read for.
  bool has_room() const { return waiting_.size() + reading_ < max_requests_; }
  // There is room.
  void push(Request request) { waiting_.push_back(std::move(request)); }
  std::optional<BlockedRead> poll();
  // One that poll() gave is done with.
  void done();
  void drop(const Store* store);

 private:
  const std::size_t max_requests_;
  std::deque<Request> waiting_;
  std::size_t reading_ = 0;
};

}  // namespace rgtp::packet
