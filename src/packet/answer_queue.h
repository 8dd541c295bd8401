// The short answers of an exposer that wait to be sent: MANIFEST, ANNOUNCE and REFUSE. They are bounded in
// number, and first come is first served: none is longer than a datagram.
#pragma once

#include <deque>
#include <memory>
#include <variant>

#include <rgtp/observer.h>

#include "packet/announcement.h"
#include "packet/train.h"

namespace rgtp::packet {

struct Answer {
  Peer peer;
  TimePoint asked;
  std::shared_ptr<Observer> observer;  // null for REFUSE
  std::variant<ManifestAnswer, Announcement, Refuse> message;
};

class AnswerQueue {
 public:
  explicit AnswerQueue(std::size_t max_answers) : max_answers_(max_answers) {}

  // Dropped where there is no room: it is asked for again.
  void push(Answer answer);
  bool empty() const { return waiting_.empty(); }
  // Fills a train with the next one, which there is.
  void pop(TimePoint now, Train& train);
  // Drops what would be read from a surface that is no longer exposed.
  void drop(const Store* store);

 private:
  const std::size_t max_answers_;
  std::deque<Answer> waiting_;
};

}  // namespace rgtp::packet
