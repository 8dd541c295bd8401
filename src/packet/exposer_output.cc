#include "packet/exposer_output.h"

#include <algorithm>

#include "packet/train_filler.h"

namespace rgtp::packet {

namespace {

using Validated = RefusalBudget::Validated;

// For pullers that were told to wait: what is longer is no use to them.
constexpr Duration longest_wait = std::chrono::seconds(1);
// What was not sent of the total rate for so long is sent behind it.
constexpr Duration longest_catch_up = std::chrono::milliseconds(2);

// What the total rate makes wait is not old before a full list, of the least that it may hold, is served
// whole.
Duration request_age_of(const ExposerLimits& limits) {
  if (limits.total_bytes_per_second == 0) return limits.request_age;
  const auto list_takes = Duration(static_cast<std::int64_t>(limits.waiting_answer_bytes * 1'000'000'000U /
                                                             limits.total_bytes_per_second));
  return std::max(limits.request_age, 2 * list_takes);
}

}  // namespace

Refusal refusal_for(Errc code) {
  return code == Errc::source_changed ? Refusal::source_changed : Refusal::aborted;
}

ExposerOutput::ExposerOutput(const ExposerLimits& limits)
    : limits_(limits),
      request_age_(request_age_of(limits)),
      prefix_limit_(limits.prefix_bytes_per_second),
      answers_(limits.waiting_answers),
      requests_(limits.waiting_answer_bytes),
      blocked_(limits.blocked_requests) {}

void ExposerOutput::drop(const Store* store) {
  requests_.drop(store);
  blocked_.drop(store);
  answers_.drop(store);
}

bool ExposerOutput::may_answer(TimePoint now, const Peer& peer, const Refuse& echo) {
  const Duration wait = prefix_limit_.wait(peer.remote, now);
  if (wait > Duration{}) refuse_busy(now, peer, echo, wait);
  return wait == Duration{};
}

bool ExposerOutput::enqueue(Request request) {
  const TimePoint now = request.arrived;
  const std::uint32_t slices = request.pull.slices();
  request.observer->on_event(event::RequestReceived{slices});
  if (!may_answer(now, request.peer, echo_of(request.pull))) {
    request.observer->on_event(event::RequestOverflow{slices});
    return false;
  }
  push(now, std::move(request));
  return true;
}

void ExposerOutput::push(TimePoint now, Request request) {
  requests_.set_bound(std::clamp(output_.bytes_in(limits_.waiting_time), limits_.waiting_answer_bytes,
                                 std::max(limits_.waiting_answer_bytes, limits_.most_waiting_answer_bytes)));
  requests_.push(std::move(request), displaced_);
  for (const Request& displaced : displaced_) busy(now, displaced);
  displaced_.clear();
}

void ExposerOutput::refuse(TimePoint now, const Peer& peer, Validated validated, const Refuse& message) {
  if (refusals_.take(peer.remote, validated, now)) answers_.push({peer, now, nullptr, message});
}

void ExposerOutput::busy(TimePoint now, const Request& request) {
  request.observer->on_event(event::RequestOverflow{request.pull.slices()});
  refuse_busy(now, request.peer, echo_of(request.pull), output_.time_for(requests_.bytes()));
}

void ExposerOutput::refuse_busy(TimePoint now, const Peer& peer, const Refuse& echo, Duration wait) {
  if (!refusals_.take_busy(peer.remote, now)) return;
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(std::min(wait, longest_wait)).count();
  answers_.push({peer, now, nullptr,
                 refusal(echo, Refusal::busy, static_cast<std::uint32_t>(std::max<std::int64_t>(ms, 1)))});
}

bool ExposerOutput::poll_transmit(TimePoint now, Train& train) {
  output_.on_turn(now, backlog());
  // Answers go first, for they are short, but in turns with data: whoever sends HELLO from anywhere draws
  // them, and a flood of those is not to keep from their data all who pull.
  const bool data_has_its_turn = answers_.empty() || answered_last_;
  if (data_has_its_turn && now >= may_send_at_ && fill_next(now, train)) {
    answered_last_ = false;
    pace(now, train.bytes());
    count(now, train);
    return true;
  }
  // It may be that the only outcome of looking for a train is somebody to be told so.
  if (!answers_.empty()) {
    answered_last_ = true;
    answers_.pop(now, train);
    count(now, train);
    return true;
  }
  train.clear();
  return false;
}

bool ExposerOutput::fill_next(TimePoint now, Train& train) {
  while (const Request* next = requests_.next()) {
    if (output_.waited(next->waiting_since, now) > request_age_) {
      busy(now, requests_.discard());
      continue;
    }
    const auto filled = fill_train(*next, now, train);
    if (filled == Filled::yes) {
      const Request served = requests_.serve();
      const auto datagrams = static_cast<std::uint32_t>(train.datagrams().size());
      served.observer->on_event(event::DatagramSent{static_cast<std::uint32_t>(train.bytes()), datagrams});
      return true;
    }
    Request request = requests_.discard();
    if (!filled) {
      refuse(now, request.peer, Validated::yes,
             refusal(echo_of(request.pull), refusal_for(filled.error().code)));
    } else if (*filled == Filled::blocked) {
      if (blocked_.has_room())
        blocked_.push(std::move(request));
      else
        busy(now, request);
    }
  }
  return false;
}

void ExposerOutput::count(TimePoint now, const Train& train) {
  const std::size_t bytes = train.bytes();
  output_.on_train(bytes, backlog());
  prefix_limit_.count(train.peer().remote, bytes, now);
}

void ExposerOutput::pace(TimePoint now, std::size_t bytes) {
  if (limits_.total_bytes_per_second == 0) return;
  const auto takes =
      Duration(static_cast<std::int64_t>(bytes * 1'000'000'000U / limits_.total_bytes_per_second));
  may_send_at_ = std::max(may_send_at_, now - longest_catch_up) + takes;
}

OutputRate::Backlog ExposerOutput::backlog() const {
  return requests_.empty() ? OutputRate::Backlog::none : OutputRate::Backlog::some;
}

void ExposerOutput::handle_read_done(TimePoint now, BlockedRead read, Wanted wanted) {
  blocked_.done();
  if (wanted == Wanted::no) return;
  read.request.waiting_since = now;
  push(now, std::move(read.request));
}

}  // namespace rgtp::packet
