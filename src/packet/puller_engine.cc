#include "packet/puller_engine.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace rgtp::packet {

namespace {

using namespace std::chrono_literals;

constexpr Duration first_hello_interval = 200ms;
constexpr Duration max_hello_interval = 1s;
// What a HELLO to an exposer that is known already has follow: a small surface in one round trip.
constexpr std::uint32_t slices_to_follow = 16;
// A cookie that came with REFUSE(retry) says nothing about its life: it is valid for an epoch at least.
constexpr Duration retry_cookie_lifetime = 60s;
constexpr std::uint32_t probe_slices = 4;
constexpr std::uint32_t black_hole_probes = 3;

std::optional<std::uint64_t> final_size_of(const ManifestAnswer& answer) {
  return answer.final_size_known ? std::optional(answer.final_size) : std::nullopt;
}

}  // namespace

PullerEngine::PullerEngine(TimePoint now, const Options& options, Path& path, Sink& sink)
    : options_(options),
      path_(path),
      sink_(sink),
      observer_(sink.observer()),
      endings_(now, options.idle_timeout),
      picker_(reassembly_, availability_, sink),
      last_useful_(now) {}

PullerEngine::~PullerEngine() {
  path_.on_abandoned(std::uint64_t{asks_.outstanding()} * path_.ip_bytes(picker_.slice_bytes()));
}

void PullerEngine::fail_with(Error error) {
  state_ = State::finished;
  sink_.on_end(std::move(error));
}

void PullerEngine::dropped(std::span<const std::byte> datagram) {
  observer_.on_event(event::DatagramDropped{static_cast<std::uint32_t>(datagram.size())});
}

// Input.

void PullerEngine::handle_datagram(TimePoint now, std::span<const std::byte> datagram) {
  if (state_ == State::finished) return;
  observer_.on_event(event::DatagramReceived{static_cast<std::uint32_t>(datagram.size())});
  const auto prefix = parse_prefix(datagram);
  if (!prefix || prefix->version != wire_version || prefix->pull_id != options_.pull_id)
    return dropped(datagram);
  switch (static_cast<Type>(prefix->type)) {
    case Type::data: return on_data(now, datagram);
    case Type::manifest: return on_manifest(now, datagram);
    case Type::announce: return on_announce(now, datagram);
    case Type::refuse: return on_refuse(now, datagram);
    case Type::hello:
    case Type::pull:
    case Type::poll: break;
  }
  dropped(datagram);
}

void PullerEngine::on_manifest(TimePoint now, std::span<const std::byte> datagram) {
  const auto answer = parse_manifest_answer(datagram);
  if (!answer || !check_matches(datagram)) return dropped(datagram);
  const auto manifest = core::parse_manifest(answer->manifest);
  if (manifest && manifest->id != options_.id) return dropped(datagram);
  endings_.on_heard(now);
  hellos_unanswered_ = 0;
  const auto lifetime = std::chrono::milliseconds(answer->cookie_lifetime_ms);
  path_.set_cookie(answer->cookie, now, std::min<Duration>(lifetime, 1h));
  if (!path_.rtt().has_sample()) {
    const Duration rtt = elapsed_since(answer->timestamp, now);
    if (rtt > Duration{} && rtt < options_.idle_timeout) path_.rtt().on_sample(rtt);
  }
  // What cannot be used ends the pull: the check says that it came as it was sent.
  if (!manifest) return state_ == State::greeting ? fail_with(manifest.error()) : void();
  if (state_ == State::greeting) return begin_fetching(now, *manifest, *answer);
  if (auto taken = availability_.on_manifest(answer->published, final_size_of(*answer)); !taken)
    return fail_with(std::move(taken).error());
  tell_final_size();
}

void PullerEngine::begin_fetching(TimePoint now, const Manifest& manifest, const ManifestAnswer& answer) {
  manifest_ = manifest;
  observer_.on_event(event::ManifestReceived{manifest.size, manifest.chunk_count()});
  if (auto taken = sink_.on_manifest(manifest); !taken) {
    state_ = State::finished;
    return;
  }
  if (auto taken = availability_.begin(manifest, answer.published, final_size_of(answer)); !taken)
    return fail_with(std::move(taken).error());
  if (!tell_final_size()) return;
  state_ = State::fetching;
  last_useful_ = now;
  picker_.begin(*manifest_, slice_bytes_for(manifest, path_.slice_capacity()));
  if (slices_followed_ == 0) return;
  if (availability_.is_complete()) return log_followed_slices(now);
  // Nothing follows while a surface grows. An answer to another HELLO may have found it finished.
  asks_.skip(slices_followed_);
}

bool PullerEngine::tell_final_size() {
  if (final_size_told_ || !manifest_->size_pending || !availability_.final_size()) return true;
  final_size_told_ = true;
  if (auto cut = sink_.on_final_size(*availability_.final_size()); !cut) {
    state_ = State::finished;
    return false;
  }
  reassembly_.finish_from(availability_.end());
  return true;
}

void PullerEngine::on_announce(TimePoint now, std::span<const std::byte> datagram) {
  const auto announce = parse_announce(datagram);
  if (state_ != State::fetching || !announce || !check_matches(datagram)) return dropped(datagram);
  endings_.on_heard(now);
  const auto news = availability_.on_announce(*announce);
  if (!news) return fail_with(news.error());
  if (*news == Availability::News::ignored) return dropped(datagram);
  poller_.on_announce(*news, path_.rtt().smoothed());
  tell_final_size();
}

// The HELLO asked for the surface's first slices under ask numbers from 0 on; now it is known which they are.
void PullerEngine::log_followed_slices(TimePoint now) {
  PullRequest followed;
  followed.slice_bytes = picker_.slice_bytes();
  runs_from_beginning(*manifest_, availability_.end().value, slices_followed_, followed);
  const std::uint32_t count = followed.slices();
  if (count == 0) return;
  asks_.begin_train(path_.on_ask(*hello_sent_, std::uint64_t{count} * path_.ip_bytes(followed.slice_bytes)));
  for (const Run& run : followed.asked())
    for (std::uint32_t slice = 0; slice < run.count; ++slice)
      asks_.add({run.chunk, static_cast<std::uint16_t>(run.first + slice)});
  losses_.on_ask(now);
  // Where the pull wants the surface's beginning, these are the slices that it would have picked first.
  picker_.pick(count, picked_);
  PullRequest wanted;
  Picker::to_runs(picked_.slices, wanted);
  if (!std::equal(wanted.asked().begin(), wanted.asked().end(), followed.asked().begin(),
                  followed.asked().end()))
    for (const SliceId& slice : picked_.slices) picker_.give_back(slice);
}

void PullerEngine::on_data(TimePoint now, std::span<const std::byte> datagram) {
  const auto data = parse_data(datagram);
  if (state_ != State::fetching || !data || datagram.size() != header_bytes + picker_.slice_bytes() ||
      !check_matches(datagram))
    return dropped(datagram);
  endings_.on_heard(now);
  settle_ask(now, *data, path_.ip_bytes(picker_.slice_bytes()));
  // Data is placed by its numbers, whatever the books say of the ask.
  const SliceId slice{data->chunk, data->slice};
  const auto outcome = reassembly_.receive(slice, datagram.subspan(header_bytes));
  const bool useful = outcome == Reassembly::Outcome::placed || outcome == Reassembly::Outcome::chunk_filled;
  observer_.on_event(event::SliceReceived{data->ask, slice.chunk, slice.slice, !useful});
  if (useful) {
    data_came_ = true;
    last_useful_ = now;
    endings_.on_data(now);
  }
  if (outcome == Reassembly::Outcome::chunk_filled) on_chunk_filled(slice.chunk);
  detect_losses(now);
}

void PullerEngine::settle_ask(TimePoint now, const Data& data, std::uint32_t bytes) {
  const std::uint64_t ask = asks_.widen(data.ask);
  const auto arrival = asks_.on_arrival(ask);
  if (!arrival || arrival->before == AskLog::State::arrived) return;
  if (arrival->before == AskLog::State::lost) {
    path_.on_loss_was_spurious(now, bytes);
    observer_.on_event(event::LossWasSpurious{ask});
  }
  losses_.on_arrival(ask, arrival->before);
  Duration rtt{};
  const Duration service = decode_service_delay(data.service_delay);
  // Later slices of a train also waited for the first ones to pass.
  if (arrival->first_of_train) rtt = std::max<Duration>(now - arrival->asked.asked_at - service, 1us);
  path_.on_arrival(now, arrival->asked, bytes, rtt, service);
  if (!arrival->first_of_train) return;
  observer_.on_event(event::RttMeasured{rtt});
  observer_.on_event(event::RateChanged{path_.controller().estimated_rate(), path_.window_bytes()});
}

void PullerEngine::on_chunk_filled(ChunkIndex chunk) {
  if (sink_.on_chunk(chunk) == ChunkVerdict::good) return reassembly_.finish(chunk);
  if (reassembly_.start_over(chunk) >= max_chunk_failures)
    return fail_with(
        {Errc::corrupted, "chunk " + std::to_string(chunk.value) +
                              " failed verification again and again: the exposer's copy is damaged, or "
                              "its file was changed without a trace"});
  for (const SliceId& slice : reassembly_.missing_of(chunk)) picker_.give_back(slice);
}

void PullerEngine::on_refuse(TimePoint now, std::span<const std::byte> datagram) {
  const auto refuse = parse_refuse(datagram);
  if (!refuse || !check_matches(datagram)) return dropped(datagram);
  endings_.on_heard(now);
  switch (refuse->reason) {
    case Refusal::retry:
      if (refuse->cookie == asked_with_) return;  // to a request before that one
      // Another pull of this path may have been told first.
      if (refuse->cookie != path_.cookie(now)) path_.set_cookie(refuse->cookie, now, retry_cookie_lifetime);
      if (state_ == State::fetching) {
        give_up_outstanding();
        picker_.rebuild();
      }
      return;
    case Refusal::slice_too_large:
      if (take_shorter_slices(refuse->value)) return;
      break;
    case Refusal::busy: return;
    default: break;
  }
  observer_.on_event(event::Refused{refusal_error(refuse->reason).code});
  endings_.on_refused(now, refuse->reason);
}

void PullerEngine::handle_unreachable(TimePoint now) {
  if (state_ == State::finished) return;
  endings_.on_unreachable(now);
  losses_.limit_interval(Endings::suspicion_interval);
}

void PullerEngine::handle_timeout(TimePoint now) {
  if (state_ == State::finished) return;
  if (state_ == State::fetching) {
    watch_idleness(now);
    detect_losses(now);
    rebuild_if_stuck(now);
  }
  if (auto error = endings_.verdict(now, path_.rtt().smoothed())) fail_with(std::move(*error));
}

// Losses.

void PullerEngine::detect_losses(TimePoint now) {
  lost_.clear();
  losses_.detect(now, path_.rtt(), asks_, lost_);
  if (lost_.empty()) return;
  for (const std::uint64_t ask : lost_) picker_.give_back(asks_.slice(ask));
  path_.on_lost(now, lost_.size() * path_.ip_bytes(picker_.slice_bytes()));
  observer_.on_event(event::SlicesLost{static_cast<std::uint32_t>(lost_.size())});
}

void PullerEngine::give_up_outstanding() {
  path_.on_abandoned(std::uint64_t{asks_.outstanding()} * path_.ip_bytes(picker_.slice_bytes()));
  while (const auto ask = asks_.lowest_outstanding()) asks_.set_lost(*ask);
}

TimePoint PullerEngine::stuck_at() const {
  return last_useful_ + std::max<Duration>(1s, 8 * path_.rtt().probe_timeout());
}

PullerEngine::WaitsFor PullerEngine::waits_for() {
  if (asks_.outstanding() > 0 || picker_.has_more()) return WaitsFor::data;
  return lacks_announcements() ? WaitsFor::announcements : WaitsFor::nothing;
}

// While nothing is wanted nothing can be heard: silence counts from when there is something again. Polls are
// answered, though there may be no data for long.
void PullerEngine::watch_idleness(TimePoint now) {
  const WaitsFor before = std::exchange(waits_for_, waits_for());
  if (before != WaitsFor::data || waits_for_ != WaitsFor::data) last_useful_ = now;
  if (before == WaitsFor::nothing || waits_for_ == WaitsFor::nothing) endings_.on_idle(now);
}

// The last resort, on a clock of its own: whatever the books say, the bitmap is the truth.
void PullerEngine::rebuild_if_stuck(TimePoint now) {
  if (now < stuck_at() || (asks_.outstanding() == 0 && !picker_.has_more())) return;
  last_useful_ = now;
  give_up_outstanding();
  picker_.rebuild();
}

// Slices of this length never got through, however often they were asked for: take a length that every path
// has.
void PullerEngine::detect_black_hole() {
  if (data_came_ || losses_.probes_in_a_row() < black_hole_probes) return;
  cut_anew(fallback_slice_capacity);
}

bool PullerEngine::take_shorter_slices(std::uint32_t longest) {
  const auto capacity = static_cast<std::uint16_t>(std::min<std::uint32_t>(longest, max_slice_bytes));
  // Late refusals of longer slices than there are now mean nothing.
  return cut_anew(capacity) || picker_.slice_bytes() <= capacity;
}

bool PullerEngine::cut_anew(std::uint16_t capacity) {
  path_.reduce_slice_capacity(capacity);
  if (state_ != State::fetching) return false;
  const std::uint16_t slice_bytes = slice_bytes_for(*manifest_, path_.slice_capacity());
  if (slice_bytes >= picker_.slice_bytes()) return false;
  give_up_outstanding();
  picker_.cut_anew(slice_bytes);
  return true;
}

// Output.

std::size_t PullerEngine::poll_transmit(TimePoint now, std::span<std::byte> out) {
  assert(out.size() >= max_transmit_bytes);
  if (state_ == State::finished) return 0;
  if (now >= next_hello()) return write_hello(now, out);
  if (state_ != State::fetching || path_.cookie(now) == Cookie{}) return 0;
  if (losses_.probe_is_due(now, path_.answer_time(), asks_)) {
    if (const std::size_t size = write_probe(now, out); size > 0) return size;
  }
  if (now >= poller_.next() && lacks_announcements()) return write_poll(now, out);
  return write_pull(now, out);
}

TimePoint PullerEngine::next_hello() const {
  const std::uint32_t doublings = std::min(std::max(hellos_unanswered_, 1U) - 1, 8U);
  const Duration backoff = first_hello_interval * (std::int64_t{1} << doublings);
  const Duration interval =
      std::min(backoff, endings_.is_suspicious() ? Endings::suspicion_interval : max_hello_interval);
  const TimePoint again = hello_sent_ ? *hello_sent_ + interval : TimePoint::min();
  return state_ == State::greeting ? again : std::max(again, path_.cookie_renewal());
}

std::size_t PullerEngine::write_hello(TimePoint now, std::span<std::byte> out) {
  Hello hello;
  hello.pull_id = options_.pull_id;
  hello.timestamp = encode_timestamp(now);
  hello.slice_capacity = path_.slice_capacity();
  hello.id = options_.id;
  hello.cookie = path_.cookie(now);
  if (state_ == State::greeting && hello.cookie != Cookie{}) hello.slices_wanted = slices_to_follow;
  slices_followed_ = hello.slices_wanted;
  hello_sent_ = now;
  ++hellos_unanswered_;
  const std::size_t size = encode(hello, out);
  seal_datagram(out.first(size));
  observer_.on_event(event::DatagramSent{static_cast<std::uint32_t>(size)});
  return size;
}

std::size_t PullerEngine::write_poll(TimePoint now, std::span<std::byte> out) {
  // No longer than the DATA that the path carries, and than what every path does: nothing would tell that
  // the answers are too long.
  const std::size_t longest = header_bytes + std::min(path_.slice_capacity(), fallback_slice_capacity);
  const Duration rtt = path_.rtt().smoothed();
  Poll poll;
  poll.pull_id = options_.pull_id;
  poll.timestamp = encode_timestamp(now);
  poll.published = availability_.published();
  poll.words = poller_.poll(now, rtt, availability_, sink_.wanted(),
                            static_cast<std::uint16_t>(announce_words_in(longest)));
  if (path_.rtt().has_sample()) poll.rtt_us = static_cast<std::uint32_t>(rtt / 1us);
  poll.id = options_.id;
  poll.cookie = path_.cookie(now);
  const std::size_t size = encode(poll, out);
  seal_datagram(out.first(size));
  observer_.on_event(event::DatagramSent{static_cast<std::uint32_t>(size)});
  return size;
}

std::size_t PullerEngine::write_pull(TimePoint now, std::span<std::byte> out) {
  const std::uint32_t most = path_.slices_allowed(now, picker_.slice_bytes());
  if (most == 0) return 0;
  picker_.pick(most, picked_);
  if (picked_.slices.empty()) {
    path_.on_limited();
    return 0;
  }
  return write_picked(now, out);
}

// Asks again for the last slices: their arrival shows whether all before them is lost.
std::size_t PullerEngine::write_probe(TimePoint now, std::span<std::byte> out) {
  losses_.on_probe(now);
  picked_.slices.clear();
  asks_.for_each_outstanding_from_latest([&](std::uint64_t ask) {
    if (reassembly_.is_missing(asks_.slice(ask))) picked_.slices.push_back(asks_.slice(ask));
    return picked_.slices.size() < probe_slices;
  });
  if (picked_.slices.empty()) {
    give_up_outstanding();  // all that they asked for has come by other asks
    return 0;
  }
  observer_.on_event(event::ProbeTimeout{losses_.probes_in_a_row()});
  detect_black_hole();
  if (asks_.outstanding() == 0) return 0;  // cut anew
  std::sort(picked_.slices.begin(), picked_.slices.end());
  picked_.slices.erase(std::unique(picked_.slices.begin(), picked_.slices.end()), picked_.slices.end());
  picked_.again = static_cast<std::uint32_t>(picked_.slices.size());
  return write_picked(now, out);
}

std::size_t PullerEngine::write_picked(TimePoint now, std::span<std::byte> out) {
  PullRequest request;
  request.pull_id = options_.pull_id;
  request.timestamp = encode_timestamp(now);
  request.first_ask = static_cast<std::uint32_t>(asks_.next_ask());
  request.slice_bytes = picker_.slice_bytes();
  request.id = options_.id;
  request.cookie = asked_with_ = path_.cookie(now);
  Picker::to_runs(picked_.slices, request);
  const auto slices = static_cast<std::uint32_t>(picked_.slices.size());
  observer_.on_event(event::Asked{asks_.next_ask(), slices, picked_.again});
  asks_.begin_train(path_.on_ask(now, std::uint64_t{slices} * path_.ip_bytes(request.slice_bytes)));
  for (const SliceId& slice : picked_.slices) asks_.add(slice);
  losses_.on_ask(now);
  const std::size_t size = encode(request, out);
  seal_datagram(out.first(size));
  observer_.on_event(event::DatagramSent{static_cast<std::uint32_t>(size)});
  return size;
}

TimePoint PullerEngine::poll_timeout(TimePoint now) {
  if (state_ == State::finished) return TimePoint::max();
  if (state_ == State::fetching) watch_idleness(now);
  TimePoint next = std::min(endings_.deadline(path_.rtt().smoothed()), next_hello());
  // Without a cookie nothing can be asked for: the next HELLO brings one.
  if (state_ != State::fetching || path_.cookie(now) == Cookie{}) return next;
  if (const auto loss = losses_.deadline(path_.answer_time(), asks_)) next = std::min(next, *loss);
  if (lacks_announcements()) next = std::min(next, std::max(now, poller_.next()));
  const bool more = picker_.has_more();
  if (more && path_.window_is_open(picker_.slice_bytes()))
    next = std::min(next, std::max(now, path_.next_ask()));
  if (more || asks_.outstanding() > 0) next = std::min(next, stuck_at());
  return next;
}

}  // namespace rgtp::packet
