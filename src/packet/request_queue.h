// The requests that wait at an exposer for their turn: one bounded list, first come, first served.
//
// 60 bytes of request stand for 64 KB of answers, so whatever waits here is a queue that the network does not
// show: its bound is in bytes of answers, not in requests.
#pragma once

#include <deque>
#include <memory>
#include <optional>

#include <rgtp/observer.h>
#include <rgtp/store.h>

#include "packet/address.h"
#include "packet/wire.h"

namespace rgtp::packet {

// One PULL on its way to become one train.
struct Request {
  Peer peer;
  TimePoint arrived;
  PullRequest pull;
  std::shared_ptr<const Store> store;
  std::shared_ptr<Observer> observer;

  // Of the answer, roughly.
  std::size_t answer_bytes() const { return std::size_t{pull.slices()} * (pull.slice_bytes + header_bytes); }
};

class RequestQueue {
 public:
  explicit RequestQueue(std::size_t max_answer_bytes) : max_answer_bytes_(max_answer_bytes) {}

  // False, and nothing done, where the list is full. One request always fits into an empty list.
  [[nodiscard]] bool push(Request request);
  std::optional<Request> pop();
  // Drops what is asked of a surface that is no longer exposed.
  void drop(const Store* store);
  bool empty() const { return waiting_.empty(); }
  std::size_t answer_bytes() const { return answer_bytes_; }

 private:
  const std::size_t max_answer_bytes_;
  std::size_t answer_bytes_ = 0;
  std::deque<Request> waiting_;
};

}  // namespace rgtp::packet
