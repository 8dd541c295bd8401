#include "packet/request_queue.h"

#include <cassert>

namespace rgtp::packet {

namespace {

std::int64_t charge_of(const Request& request) { return static_cast<std::int64_t>(request.charge()); }

}  // namespace

std::int64_t RequestQueue::Prefix::last_start() const { return end() - charge_of(waiting.rbegin()->second); }

void RequestQueue::push(Request request, std::vector<Request>& displaced) {
  const std::size_t bytes = request.charge();
  const Address puller = request.peer.remote;
  while (!empty() && (bytes_ + bytes > max_bytes_ || size_ >= max_requests))
    if (!displace_for(puller, displaced)) return displaced.push_back(std::move(request));
  // Debts count among those who wait side by side: where nobody does they are forgotten.
  if (empty()) now_ = served_;

  Prefix& prefix = prefix_of(puller);
  const std::int64_t start = start_of(&prefix, puller);
  puller_debts_.set(puller_key(puller), start + static_cast<std::int64_t>(bytes));
  prefix.waiting.emplace_hint(prefix.waiting.end(), Turn{start, next_number_++}, std::move(request));
  prefix.bytes += bytes;
  bytes_ += bytes;
  ++size_;
  reorder(prefix);
}

bool RequestQueue::displace_for(const Address& puller, std::vector<Request>& displaced) {
  const std::uint64_t key = prefix_key(puller);
  const auto found = prefixes_.find(key);
  Prefix* const own = found != prefixes_.end() ? &found->second : nullptr;
  const std::int64_t end = own != nullptr ? own->end() : std::max(now_, prefix_debts_.until(key));
  const auto& [latest, whose] = *by_last_start_.rbegin();
  Prefix* victim = own;
  if (latest.start > end)
    victim = whose;
  else if (own == nullptr || own->waiting.rbegin()->first.start <= start_of(own, puller))
    return false;
  const auto last = std::prev(victim->waiting.end());
  waive(last->first, last->second);
  displaced.push_back(take(*victim, last));
  reorder(*victim);
  return true;
}

std::int64_t RequestQueue::start_of(const Prefix* own, const Address& puller) const {
  return std::max(own->now, puller_debts_.until(puller_key(puller)));
}

RequestQueue::Prefix& RequestQueue::prefix_of(const Address& puller) {
  const std::uint64_t key = prefix_key(puller);
  if (const auto found = prefixes_.find(key); found != prefixes_.end()) return found->second;
  return prefixes_
      .emplace(key, Prefix{.key = key,
                           .number = next_number_++,
                           .start = std::max(now_, prefix_debts_.until(key)),
                           .now = served_,
                           .waiting = Requests(&pool_)})
      .first->second;
}

const Request* RequestQueue::next() const {
  return empty() ? nullptr : &by_start_.begin()->second->waiting.begin()->second;
}

Request RequestQueue::serve() {
  assert(!empty());
  Prefix& prefix = *by_start_.begin()->second;
  const auto first = prefix.waiting.begin();
  const std::int64_t charge = charge_of(first->second);
  now_ = std::max(now_, prefix.start);
  prefix.now = std::max(prefix.now, first->first.start);
  prefix.start += charge;
  served_ += charge;
  Request request = take(prefix, first);
  reorder(prefix);
  return request;
}

Request RequestQueue::discard() {
  assert(!empty());
  Prefix& prefix = *by_start_.begin()->second;
  const auto first = prefix.waiting.begin();
  waive(first->first, first->second);
  Request request = take(prefix, first);
  reorder(prefix);
  return request;
}

void RequestQueue::drop(const Store* store) {
  for (auto prefix = prefixes_.begin(); prefix != prefixes_.end();) {
    auto& waiting = prefix->second.waiting;
    for (auto at = waiting.begin(); at != waiting.end();) {
      const auto one = at++;
      if (one->second.store.get() != store) continue;
      waive(one->first, one->second);
      (void)take(prefix->second, one);
    }
    reorder((prefix++)->second);
  }
}

Request RequestQueue::take(Prefix& prefix, Requests::iterator at) {
  Request request = std::move(at->second);
  prefix.waiting.erase(at);
  prefix.bytes -= request.charge();
  bytes_ -= request.charge();
  --size_;
  return request;
}

void RequestQueue::waive(const Turn& turn, const Request& request) {
  const std::uint64_t key = puller_key(request.peer.remote);
  if (puller_debts_.until(key) == turn.start + charge_of(request)) puller_debts_.set(key, turn.start);
}

void RequestQueue::reorder(Prefix& prefix) {
  if (!prefix.waiting.empty()) {
    move(by_start_, prefix.in_by_start, {prefix.start, prefix.number}, prefix);
    move(by_last_start_, prefix.in_by_last_start, {prefix.last_start(), prefix.number}, prefix);
    return;
  }
  prefix_debts_.set(prefix.key, prefix.start);
  by_start_.erase(prefix.in_by_start);
  by_last_start_.erase(prefix.in_by_last_start);
  prefixes_.erase(prefix.key);
}

void RequestQueue::move(Order& order, Turn& at, const Turn& to, Prefix& prefix) {
  if (at == to) return;
  if (auto node = order.extract(at)) {
    node.key() = to;
    order.insert(std::move(node));
  } else {
    order.emplace(to, &prefix);
  }
  at = to;
}

}  // namespace rgtp::packet
