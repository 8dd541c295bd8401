#include "link/link_model.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "link/congestion_mark.h"

namespace rgtp::bench {

namespace {

Duration time_to_send(std::size_t bytes, double bits_per_s) {
  return Duration(std::llround(static_cast<double>(bytes) * 8e9 / bits_per_s));
}

std::uint64_t bytes_sent_in(Duration time, double bits_per_s) {
  return static_cast<std::uint64_t>(std::llround(static_cast<double>(time.count()) * bits_per_s / 8e9));
}

}  // namespace

LinkModel::LinkModel(const LinkOptions& options, std::uint64_t seed)
    : options_(options),
      losses_(options.loss, options.mean_loss_run, seed * 4),
      delays_(seed * 4 + 1),
      order_(seed * 4 + 2),
      copies_(seed * 4 + 3) {}

void LinkModel::push(TimePoint now, std::span<const std::byte> packet) {
  ++counters_.packets_in;
  counters_.bytes_in += packet.size();
  if (losses_.lose_next()) {
    ++counters_.lost;
    return;
  }
  const Queued queued = enqueue(now, packet.size());
  if (queued == Queued::no_room) {
    ++counters_.dropped;
    return;
  }
  send(packet, queued);
  if (copies_.happens(options_.duplicate)) {
    ++counters_.duplicated;
    send(packet, queued);
  }
}

LinkModel::Queued LinkModel::enqueue(TimePoint now, std::size_t bytes) {
  free_at_ = std::max(free_at_, now);
  if (options_.rate_bits_per_s <= 0) return Queued::plain;
  const std::uint64_t waiting = bytes_sent_in(free_at_ - now, options_.rate_bits_per_s);
  if (waiting + bytes > options_.queue_bytes) return Queued::no_room;
  counters_.longest_queue_bytes = std::max<std::uint64_t>(counters_.longest_queue_bytes, waiting + bytes);
  free_at_ += time_to_send(bytes, options_.rate_bits_per_s);
  const bool mark = options_.mark_above_bytes > 0 && waiting > options_.mark_above_bytes;
  return mark ? Queued::marked : Queued::plain;
}

void LinkModel::send(std::span<const std::byte> packet, Queued queued) {
  Bytes bytes = copy(packet);
  if (queued == Queued::marked && mark_congestion(bytes)) ++counters_.marked;
  TimePoint due = free_at_ + options_.delay;
  if (options_.jitter.count() > 0)
    due += Duration(std::llround(delays_.uniform() * static_cast<double>(options_.jitter.count())));
  if (order_.happens(options_.reorder)) {
    ++counters_.held_back;
    held_back_.emplace(Turn(due + options_.held_back, next_number_++), std::move(bytes));
    return;
  }
  last_due_ = std::max(due, last_due_);
  in_order_.push_back({Turn(last_due_, next_number_++), std::move(bytes)});
}

LinkModel::Bytes LinkModel::copy(std::span<const std::byte> packet) {
  Bytes bytes;
  if (!spare_.empty()) {
    bytes = std::move(spare_.back());
    spare_.pop_back();
  }
  bytes.assign(packet.begin(), packet.end());
  return bytes;
}

bool LinkModel::held_back_is_next() const {
  if (held_back_.empty()) return false;
  return in_order_.empty() || held_back_.begin()->first < in_order_.front().turn;
}

std::optional<TimePoint> LinkModel::next_due() const {
  if (held_back_is_next()) return held_back_.begin()->first.first;
  if (in_order_.empty()) return std::nullopt;
  return in_order_.front().turn.first;
}

std::optional<LinkModel::Delivery> LinkModel::pop(TimePoint now) {
  const std::optional<TimePoint> due = next_due();
  if (!due || *due > now) return std::nullopt;
  spare_.push_back(std::move(delivered_));
  if (held_back_is_next()) {
    delivered_ = std::move(held_back_.extract(held_back_.begin()).mapped());
  } else {
    delivered_ = std::move(in_order_.front().packet);
    in_order_.pop_front();
  }
  ++counters_.packets_out;
  counters_.bytes_out += delivered_.size();
  return Delivery{*due, delivered_};
}

}  // namespace rgtp::bench
