#include "packet/ask_log.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace rgtp::packet {

std::uint64_t AskLog::widen(std::uint32_t ask, std::uint64_t next) {
  const auto distance = static_cast<std::int32_t>(ask - static_cast<std::uint32_t>(next));
  return next + static_cast<std::uint64_t>(static_cast<std::int64_t>(distance));
}

void AskLog::begin_train(const AskedTrain& train) {
  forget_old();
  trains_.push_back(train);
  trains_.back().first_ask = next_ask();
}

void AskLog::add(SliceId slice) {
  assert(!trains_.empty());
  const auto train = first_train_ + static_cast<std::uint32_t>(trains_.size()) - 1;
  asks_.push_back({slice, State::outstanding, train});
  ++trains_.back().slices;
  ++outstanding_;
  outstanding_bytes_ += trains_.back().ip_bytes;
}

bool AskLog::was_for(std::uint64_t ask, const SliceId& slice, std::uint32_t ip_bytes) const {
  if (ask < first_ || ask >= next_ask()) return false;
  return this->slice(ask) == slice && train(ask).ip_bytes == ip_bytes;
}

std::optional<AskLog::Arrival> AskLog::on_arrival(std::uint64_t ask) {
  if (ask < first_ || ask >= next_ask()) return std::nullopt;
  Ask& entry = asks_[ask - first_];
  AskedTrain& train = train_of(entry);
  const State before = std::exchange(entry.state, State::arrived);
  if (before == State::outstanding) {
    --outstanding_;
    outstanding_bytes_ -= train.ip_bytes;
  }
  if (before == State::lost || before == State::given_up) --train.lost;
  if (before != State::arrived) ++train.arrived;
  return Arrival{entry.slice, before, train};
}

AskedTrain& AskLog::end_wait(std::uint64_t ask, State state) {
  Ask& entry = asks_[ask - first_];
  assert(entry.state == State::outstanding);
  entry.state = state;
  AskedTrain& train = train_of(entry);
  ++train.lost;
  --outstanding_;
  outstanding_bytes_ -= train.ip_bytes;
  return train;
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
