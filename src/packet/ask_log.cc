#include "packet/ask_log.h"

#include <algorithm>
#include <cassert>

namespace rgtp::packet {

std::uint64_t AskLog::widen(std::uint32_t ask, std::uint64_t next) {
  const auto distance = static_cast<std::int32_t>(ask - static_cast<std::uint32_t>(next));
  return next + static_cast<std::uint64_t>(static_cast<std::int64_t>(distance));
}

void AskLog::begin_train(const DeliveryRate::Snapshot& asked) {
  forget_old();
  trains_.push_back(asked);
  train_is_empty_ = true;
}

void AskLog::add(SliceId slice) {
  assert(!trains_.empty());
  const auto train = first_train_ + static_cast<std::uint32_t>(trains_.size()) - 1;
  asks_.push_back({slice, State::outstanding, train_is_empty_, train});
  train_is_empty_ = false;
  ++outstanding_;
}

std::optional<AskLog::Arrival> AskLog::on_arrival(std::uint64_t ask) {
  if (ask < first_ || ask >= next_ask()) return std::nullopt;
  Ask& entry = asks_[ask - first_];
  const Arrival arrival{entry.slice, entry.state, entry.first_of_train, trains_[entry.train - first_train_]};
  if (entry.state == State::outstanding) --outstanding_;
  entry.state = State::arrived;
  return arrival;
}

SliceId AskLog::set_lost(std::uint64_t ask) {
  Ask& entry = asks_[ask - first_];
  assert(entry.state == State::outstanding);
  entry.state = State::lost;
  --outstanding_;
  return entry.slice;
}

std::optional<std::uint64_t> AskLog::next_outstanding(std::uint64_t from) const {
  for (std::uint64_t ask = std::max(from, first_); ask < next_ask(); ++ask)
    if (asks_[ask - first_].state == State::outstanding) return ask;
  return std::nullopt;
}

std::optional<std::uint64_t> AskLog::lowest_outstanding() {
  const auto lowest = next_outstanding(lowest_);
  lowest_ = lowest.value_or(next_ask());
  return lowest;
}

TimePoint AskLog::asked_at(std::uint64_t ask) const {
  return trains_[asks_[ask - first_].train - first_train_].asked_at;
}

void AskLog::forget_old() {
  while (asks_.size() > remembered && asks_.front().state != State::outstanding) {
    asks_.pop_front();
    ++first_;
  }
  const std::uint32_t oldest =
      asks_.empty() ? first_train_ + static_cast<std::uint32_t>(trains_.size()) : asks_.front().train;
  while (first_train_ != oldest) {
    trains_.pop_front();
    ++first_train_;
  }
}

}  // namespace rgtp::packet
