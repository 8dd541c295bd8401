// All that an exposer is to send, in its turn: short answers first, then trains of DATA for the requests that
// wait, those aside whose bytes a disk has. Whatever is not served for want of room, time or budget is
// refused here as busy.
//
// A request is dropped where it has waited for longer than `request_age` of the time in which the exposer was
// at work on what waits. A request that came while the process had no processor is not old by that.
#pragma once

#include <optional>
#include <vector>

#include "packet/answer_queue.h"
#include "packet/blocked_reads.h"
#include "packet/exposer_limits.h"
#include "packet/output_rate.h"
#include "packet/prefix_limit.h"
#include "packet/refusal_budget.h"
#include "packet/request_queue.h"
#include "packet/train.h"

namespace rgtp::packet {

// A REFUSE's fields that repeat those of what it answers.
template <class Message>
Refuse echo_of(const Message& message) {
  return {.pull_id = message.pull_id, .timestamp = message.timestamp};
}

inline Refuse refusal(Refuse echo, Refusal reason, std::uint32_t value = 0) {
  echo.reason = reason;
  echo.value = value;
  return echo;
}

// Why DATA that a store fails to give do not come.
Refusal refusal_for(Errc code);

class ExposerOutput {
 public:
  explicit ExposerOutput(const ExposerLimits& limits);

  // Whether the peer's prefix has bytes left; else the peer is told for how long it is to wait.
  [[nodiscard]] bool may_answer(TimePoint now, const Peer& peer, const Refuse& echo);
  void answer(Answer answer) { answers_.push(std::move(answer)); }
  // Whether a MANIFEST may go to an address without a valid cookie.
  [[nodiscard]] bool may_greet(TimePoint now, const Peer& peer) {
    return refusals_.take_greeting(peer.remote, now);
  }
  // Within the budget of REFUSEs.
  void refuse(TimePoint now, const Peer& peer, RefusalBudget::Validated validated, const Refuse& message);
  // Puts the request in line, or refuses it or others in its stead. False where may_answer() is.
  bool enqueue(Request request);
  // As ExposerEngine's.
  [[nodiscard]] bool poll_transmit(TimePoint now, Train& train);
  std::optional<BlockedRead> poll_read() { return blocked_.poll(); }
  enum class Wanted { no, yes };  // whether its store is still exposed
  void handle_read_done(TimePoint now, BlockedRead read, Wanted wanted);
  // Drops what has to do with a surface that is no longer exposed.
  void drop(const Store* store);
  // When there may be something to send that the total rate holds back; TimePoint::max() for never.
  TimePoint next() const { return requests_.empty() ? TimePoint::max() : may_send_at_; }
  bool has_work() const { return !answers_.empty() || !requests_.empty(); }

 private:
  void push(TimePoint now, Request request);
  // Whether a train was filled.
  bool fill_next(TimePoint now, Train& train);
  void count(TimePoint now, const Train& train);
  // DATA that was sent: when the total rate allows for more.
  void pace(TimePoint now, std::size_t bytes);
  OutputRate::Backlog backlog() const;
  // Tells the puller of a request that is not served, not too often, when to ask again.
  void busy(TimePoint now, const Request& request);
  void refuse_busy(TimePoint now, const Peer& peer, const Refuse& echo, Duration wait);

  const ExposerLimits limits_;
  const Duration request_age_;
  RefusalBudget refusals_;
  PrefixLimit prefix_limit_;
  AnswerQueue answers_;
  bool answered_last_ = false;  // in the last poll_transmit()
  RequestQueue requests_;
  std::vector<Request> displaced_;  // by one push; empty else
  BlockedReads blocked_;
  OutputRate output_;
  TimePoint may_send_at_{};
};

}  // namespace rgtp::packet
