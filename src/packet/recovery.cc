#include "packet/recovery.h"

#include <algorithm>
#include <utility>

namespace rgtp::packet {

using namespace std::chrono_literals;

void Recovery::on_asked(TimePoint now, std::span<const SliceId> slices, std::uint16_t slice_bytes,
                        AskedTrain::Purpose purpose) {
  tell_arrivals();
  AskedTrain train = path_.on_ask(now, static_cast<std::uint32_t>(slices.size()), slice_bytes);
  train.purpose = purpose;
  asks_.begin_train(train);
  for (const SliceId& slice : slices) asks_.add(slice);
  losses_.on_ask(now);
}

bool Recovery::on_data(TimePoint now, const Data& data, std::uint32_t ip_bytes, Mark mark) {
  const std::uint64_t ask = asks_.widen(data.ask);
  if (!asks_.was_for(ask, {data.chunk, data.slice}, ip_bytes)) return false;
  const auto arrival = asks_.on_arrival(ask);
  if (arrival->before == AskLog::State::arrived) return true;
  AskedTrain& train = arrival->train;
  if (arrival->before != AskLog::State::outstanding) path_.on_expected_again(train.ip_bytes);
  if (arrival->before == AskLog::State::lost) on_late(now, ask, train);
  // It came, so it was asked for: what is missing of it was lost on its way back.
  if (train.unreported > 0) report(now, train);
  losses_.on_arrival(now, ask, *arrival, path_.rtt());
  if (train.purpose == AskedTrain::Purpose::mtu_probe && arrival->before == AskLog::State::outstanding) {
    path_.on_mtu_probe_arrived(now, train.ip_bytes);
    observer_.on_event(event::MtuChanged{path_.mtu()});
  }
  if (arriving_ != &train) tell_arrivals();
  arriving_ = &train;
  arrival_.now = now;
  ++arrival_.slices;
  arrival_.marked += mark == Mark::congestion ? 1 : 0;
  // Later slices of a train also waited for the first ones to pass.
  if (ask != train.first_ask) return true;
  arrival_.service_delay = decode_service_delay(data.service_delay);
  arrival_.rtt = std::max<Duration>(now - train.asked.asked_at - arrival_.service_delay, 1us);
  return true;
}

void Recovery::on_late(TimePoint now, std::uint64_t ask, AskedTrain& train) {
  observer_.on_event(event::LossWasSpurious{ask});
  if (train.purpose == AskedTrain::Purpose::mtu_probe) return;
  if (train.unreported > 0)
    --train.unreported;
  else if (train.told != AskedTrain::Told::nothing)
    path_.report_spurious_loss(now, train);
}

void Recovery::tell_arrivals() {
  if (arriving_ == nullptr) return;
  AskedTrain& train = *std::exchange(arriving_, nullptr);
  const Path::Arrival arrival = std::exchange(arrival_, {});
  path_.on_arrival(train, arrival);
  if (arrival.marked > 0) observer_.on_event(event::CongestionMarked{arrival.marked});
  if (arrival.rtt == Duration{}) return;
  observer_.on_event(event::RttMeasured{arrival.rtt, arrival.service_delay});
  observer_.on_event(event::RateChanged{path_.controller().estimated_rate(), path_.window_bytes()});
}

// Several trains may have been asked for at once: one of them is meant.
void Recovery::on_busy(TimePoint now, std::uint32_t timestamp) {
  const bool is_news = busy_.admit(timestamp);
  const AskedTrain* dropped = nullptr;
  for (auto ask = asks_.lowest_outstanding(); ask; ask = asks_.next_outstanding(*ask + 1)) {
    const AskedTrain& train = asks_.train(*ask);
    if (dropped == nullptr && train.arrived == 0 && encode_timestamp(train.asked.asked_at) == timestamp)
      dropped = &train;
    if (&train != dropped) continue;
    dropped_.push_back(asks_.slice(*ask));
    AskedTrain& lost = asks_.set_lost(*ask);
    lost.unreported = 0;
    path_.on_abandoned(lost.ip_bytes);
    if (lost.purpose == AskedTrain::Purpose::mtu_probe) path_.on_mtu_probe_abandoned();
  }
  // Requests are not dropped in the order in which they came; but one that is not waited for any more was
  // heard of before, or was asked for again.
  if (is_news || dropped != nullptr) path_.on_busy(now);
  if (dropped != nullptr) observer_.on_event(event::RequestLost{dropped->slices});
}

std::span<const SliceId> Recovery::settle(TimePoint now) {
  tell_arrivals();
  lost_slices_.assign(dropped_.begin(), dropped_.end());
  dropped_.clear();
  detect(now);
  return lost_slices_;
}

void Recovery::detect(TimePoint now) {
  lost_.clear();
  losses_.detect(now, path_.rtt(), path_.ns_per_byte(), asks_, lost_);
  for (std::size_t i = 0; i < lost_.size();) {
    AskedTrain* train = nullptr;
    // Lost asks come in order, so a train's are together.
    do {
      lost_slices_.push_back(asks_.slice(lost_[i]));
      train = &asks_.set_lost(lost_[i]);
      ++train->unreported;
      path_.on_abandoned(train->ip_bytes);
      ++i;
    } while (i < lost_.size() && &asks_.train(lost_[i]) == train);
    // What is lost of a train that may yet be missing whole is told once that is known.
    if (!may_be_lost_request(*train) || train->is_settled()) report(now, *train);
  }
}

void Recovery::report(TimePoint now, AskedTrain& train) {
  const std::uint32_t slices = std::exchange(train.unreported, 0);
  if (slices == 0) return;
  if (train.purpose == AskedTrain::Purpose::mtu_probe)
    return path_.exposer_keeps_up() ? path_.on_mtu_probe_lost(now) : path_.on_mtu_probe_abandoned();
  if (!may_be_lost_request(train) || (path_.exposer_keeps_up() && path_.queue_is_seen())) {
    train.told = AskedTrain::Told::slices;
    path_.report_loss(now, train, slices);
    return observer_.on_event(event::SlicesLost{slices});
  }
  if (path_.exposer_keeps_up()) {
    train.told = AskedTrain::Told::request;
    path_.report_loss(now, train, slices);
  } else {
    path_.on_busy(now);
  }
  observer_.on_event(event::RequestLost{slices});
}

void Recovery::give_up() {
  tell_arrivals();
  dropped_.clear();
  path_.on_abandoned(asks_.outstanding_bytes());
  while (const auto ask = asks_.lowest_outstanding()) {
    if (asks_.train(*ask).purpose == AskedTrain::Purpose::mtu_probe) path_.on_mtu_probe_abandoned();
    asks_.give_up(*ask);
  }
}

}  // namespace rgtp::packet
