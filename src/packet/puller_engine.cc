#include "packet/puller_engine.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace rgtp::packet {

namespace {

using namespace std::chrono_literals;

// What a HELLO to an exposer that is known already has follow: a small surface in one round trip.
constexpr std::uint32_t slices_to_follow = 16;
// A cookie that came with REFUSE(retry) says nothing about its life: it is valid for an epoch at least.
constexpr Duration retry_cookie_lifetime = 60s;
constexpr std::uint32_t probe_slices = 4;
constexpr std::uint32_t black_hole_probes = 4;

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
      recovery_(path, observer_),
      picker_(reassembly_, availability_, sink),
      last_useful_(now) {}

PullerEngine::~PullerEngine() = default;

void PullerEngine::fail_with(Error error) {
  state_ = State::finished;
  sink_.on_end(std::move(error));
}

void PullerEngine::dropped(std::span<const std::byte> datagram) {
  observer_.on_event(event::DatagramDropped{static_cast<std::uint32_t>(datagram.size())});
}

// Input.

void PullerEngine::handle_datagram(TimePoint now, std::span<const std::byte> datagram, Mark mark) {
  if (state_ == State::finished) return;
  received_.bytes += static_cast<std::uint32_t>(datagram.size());
  ++received_.datagrams;
  const auto prefix = parse_prefix(datagram);
  if (!prefix || prefix->version != wire_version || prefix->pull_id != options_.pull_id)
    return dropped(datagram);
  switch (static_cast<Type>(prefix->type)) {
    case Type::data: return on_data(now, datagram, mark);
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
  greeter_.on_answered();
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
  if (greeter_.slices_wanted() == 0) return;
  if (availability_.is_complete()) return log_followed_slices();
  // Nothing follows while a surface grows. An answer to another HELLO may have found it finished.
  recovery_.skip_asks(greeter_.slices_wanted());
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
void PullerEngine::log_followed_slices() {
  PullRequest followed;
  followed.slice_bytes = picker_.slice_bytes();
  runs_from_beginning(*manifest_, availability_.end().value, greeter_.slices_wanted(), followed);
  picked_.slices.clear();
  for (const Run& run : followed.asked())
    for (std::uint32_t slice = 0; slice < run.count; ++slice)
      picked_.slices.push_back({run.chunk, static_cast<std::uint16_t>(run.first + slice)});
  if (picked_.slices.empty()) return;
  recovery_.on_asked(greeter_.sent_at(), picked_.slices, followed.slice_bytes);
  // Where the pull wants the surface's beginning, these are the slices that it would have picked first.
  picker_.pick(followed.slices(), picked_);
  PullRequest wanted;
  Picker::to_runs(picked_.slices, wanted);
  if (!std::equal(wanted.asked().begin(), wanted.asked().end(), followed.asked().begin(),
                  followed.asked().end()))
    for (const SliceId& slice : picked_.slices) picker_.give_back(slice);
}

void PullerEngine::on_data(TimePoint now, std::span<const std::byte> datagram, Mark mark) {
  const auto data = parse_data(datagram);
  if (state_ != State::fetching || !data || !check_matches(datagram)) return dropped(datagram);
  const SliceId slice{data->chunk, data->slice};
  const auto payload = datagram.subspan(header_bytes);
  const bool was_asked_for =
      recovery_.on_data(now, *data, path_.ip_bytes(static_cast<std::uint16_t>(payload.size())), mark);
  if (picker_.is_probing(slice) && payload.size() == reassembly_.slice_bytes_of(slice.chunk)) {
    picker_.set_slice_bytes(slice_bytes_for(*manifest_, path_.slice_capacity()));
    picker_.on_probe_arrived(slice);
  }
  // Data is placed by its numbers, whatever the books say of the ask.
  const auto outcome = reassembly_.receive(slice, payload);
  if (outcome == Reassembly::Outcome::not_begun && !was_asked_for) return dropped(datagram);
  endings_.on_heard(now);
  const bool useful = outcome == Reassembly::Outcome::placed || outcome == Reassembly::Outcome::chunk_filled;
  observer_.on_event(event::SliceReceived{data->ask, slice.chunk, slice.slice, !useful});
  if (!useful) return;
  last_useful_ = now;
  endings_.on_data(now);
  if (outcome == Reassembly::Outcome::chunk_filled) on_chunk_filled(slice.chunk);
}

void PullerEngine::settle(TimePoint now) {
  if (received_.datagrams > 0) observer_.on_event(std::exchange(received_, event::DatagramReceived{0, 0}));
  for (const SliceId& slice : recovery_.settle(now)) picker_.give_back(slice);
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
      if (state_ == State::fetching) ask_from_scratch();
      return;
    case Refusal::slice_too_large:
      if (take_shorter_slices(refuse->value)) return;
      break;
    case Refusal::busy: return path_.on_busy(now);
    case Refusal::version:
      // Of a HELLO whose version was damaged on its way: what else it says nobody could check.
      if (refuse->version_min <= wire_version && wire_version <= refuse->version_max) return;
      break;
    default: break;
  }
  observer_.on_event(event::Refused{refusal_error(refuse->reason).code});
  endings_.on_refused(now, refuse->reason);
}

void PullerEngine::handle_unreachable(TimePoint now) {
  if (state_ == State::finished) return;
  endings_.on_unreachable(now);
  recovery_.limit_probe_interval(Endings::suspicion_interval);
}

void PullerEngine::handle_timeout(TimePoint now) {
  if (state_ == State::finished) return;
  if (state_ == State::fetching) {
    watch_idleness(now);
    settle(now);
    rebuild_if_stuck(now);
  }
  if (auto error = endings_.verdict(now, path_.rtt().smoothed())) fail_with(std::move(*error));
}

// Losses.

// Whatever the books say, the bitmap is the truth.
void PullerEngine::ask_from_scratch() {
  recovery_.give_up();
  picker_.rebuild();
}

TimePoint PullerEngine::stuck_at() const {
  return last_useful_ + std::max<Duration>(1s, 8 * path_.rtt().probe_timeout());
}

PullerEngine::WaitsFor PullerEngine::waits_for() {
  if (recovery_.outstanding() > 0 || picker_.has_more()) return WaitsFor::data;
  return lacks_announcements() ? WaitsFor::announcements : WaitsFor::nothing;
}

// While nothing is wanted nothing can be heard: silence counts from when there is something again. Polls are
// answered, though there may be no data for long.
void PullerEngine::watch_idleness(TimePoint now) {
  const WaitsFor before = std::exchange(waits_for_, waits_for());
  if (before != WaitsFor::data || waits_for_ != WaitsFor::data) last_useful_ = now;
  if (before == WaitsFor::nothing || waits_for_ == WaitsFor::nothing) endings_.on_idle(now);
}

// The last resort, on a clock of its own.
void PullerEngine::rebuild_if_stuck(TimePoint now) {
  if (now < stuck_at() || (recovery_.outstanding() == 0 && !picker_.has_more())) return;
  last_useful_ = now;
  suspect_black_hole(now);
  ask_from_scratch();
}

// Nothing gets through, however often it is asked for: perhaps because slices are longer than the path
// carries now. Chunks begun with such begin again with a length that every path has.
void PullerEngine::suspect_black_hole(TimePoint now) {
  if (path_.mtu() <= fallback_mtu) return;
  path_.on_black_hole(now);
  observer_.on_event(event::MtuChanged{path_.mtu()});
  cut_anew();
}

bool PullerEngine::take_shorter_slices(std::uint32_t longest) {
  const auto capacity = static_cast<std::uint16_t>(std::min<std::uint32_t>(longest, max_slice_bytes));
  path_.limit_slice_capacity(capacity);
  // Late refusals of longer slices than there are now mean nothing.
  return cut_anew() || picker_.slice_bytes() <= capacity;
}

bool PullerEngine::cut_anew() {
  if (state_ != State::fetching) return false;
  const std::uint16_t slice_bytes = slice_bytes_for(*manifest_, path_.slice_capacity());
  if (slice_bytes >= picker_.slice_bytes() && !picker_.has_longer_than(slice_bytes)) return false;
  recovery_.give_up();
  picker_.cut_anew(slice_bytes);
  return true;
}

// Output.

std::size_t PullerEngine::poll_transmit(TimePoint now, std::span<std::byte> out) {
  assert(out.size() >= max_transmit_bytes);
  if (state_ == State::finished) return 0;
  if (now >= next_hello()) return write_hello(now, out);
  if (state_ != State::fetching || path_.cookie(now) == Cookie{}) return 0;
  settle(now);
  if (recovery_.probe_is_due(now)) {
    if (const std::size_t size = write_probe(now, out); size > 0) return size;
  }
  if (now >= poller_.next() && lacks_announcements()) return write_poll(now, out);
  if (const std::size_t size = write_mtu_probe(now, out); size > 0) return size;
  return write_pull(now, out);
}

TimePoint PullerEngine::next_hello() const {
  const auto limit =
      endings_.is_suspicious() ? std::optional(Endings::suspicion_interval) : std::optional<Duration>();
  const TimePoint again = greeter_.again(limit);
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
  greeter_.on_sent(now, hello.slices_wanted);
  return finish_datagram(encode(hello, out), out);
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
  return finish_datagram(encode(poll, out), out);
}

std::size_t PullerEngine::write_pull(TimePoint now, std::span<std::byte> out) {
  const std::uint16_t slice_bytes = picker_.next_slice_bytes();
  if (slice_bytes == 0) {
    path_.on_limited();
    return 0;
  }
  const std::uint32_t most = path_.slices_allowed(now, slice_bytes);
  if (most == 0) return 0;
  picker_.pick(most, picked_);
  return write_picked(now, slice_bytes, out);
}

// Asks again for the last slices: their arrival shows whether all before them is lost.
std::size_t PullerEngine::write_probe(TimePoint now, std::span<std::byte> out) {
  recovery_.on_probe(now);
  if (recovery_.probes_in_a_row() >= black_hole_probes) suspect_black_hole(now);
  picked_.slices.clear();
  std::uint16_t slice_bytes = 0;
  recovery_.for_each_outstanding_from_latest([&](const SliceId& slice) {
    // A slice that may be longer than the path carries would show nothing.
    if (!reassembly_.is_missing(slice) || picker_.is_probing(slice)) return true;
    if (slice_bytes == 0) slice_bytes = reassembly_.slice_bytes_of(slice.chunk);
    if (slice_bytes == reassembly_.slice_bytes_of(slice.chunk)) picked_.slices.push_back(slice);
    return picked_.slices.size() < probe_slices;
  });
  if (picked_.slices.empty()) {
    ask_from_scratch();  // all that they asked for has come by other asks, or is cut anew
    return 0;
  }
  observer_.on_event(event::ProbeTimeout{recovery_.probes_in_a_row()});
  std::sort(picked_.slices.begin(), picked_.slices.end());
  picked_.slices.erase(std::unique(picked_.slices.begin(), picked_.slices.end()), picked_.slices.end());
  picked_.again = static_cast<std::uint32_t>(picked_.slices.size());
  return write_picked(now, slice_bytes, out);
}

// One slice that is longer than those which are known to arrive.
std::size_t PullerEngine::write_mtu_probe(TimePoint now, std::span<std::byte> out) {
  const auto capacity = path_.mtu_probe(now);
  if (!capacity) return 0;
  const std::uint16_t slice_bytes = slice_bytes_for(*manifest_, *capacity);
  if (slice_bytes <= picker_.slice_bytes() || path_.slices_allowed(now, slice_bytes) == 0) return 0;
  const auto slice = picker_.begin_probe(slice_bytes);
  if (!slice) return 0;
  path_.on_mtu_probe();
  picked_.slices.assign(1, *slice);
  picked_.again = 0;
  return write_picked(now, slice_bytes, out, AskedTrain::Purpose::mtu_probe);
}

std::size_t PullerEngine::write_picked(TimePoint now, std::uint16_t slice_bytes, std::span<std::byte> out,
                                       AskedTrain::Purpose purpose) {
  PullRequest request;
  request.pull_id = options_.pull_id;
  request.timestamp = encode_timestamp(now);
  request.first_ask = static_cast<std::uint32_t>(recovery_.next_ask());
  request.slice_bytes = slice_bytes;
  request.id = options_.id;
  request.cookie = asked_with_ = path_.cookie(now);
  Picker::to_runs(picked_.slices, request);
  const auto slices = static_cast<std::uint32_t>(picked_.slices.size());
  observer_.on_event(event::Asked{recovery_.next_ask(), slices, picked_.again});
  recovery_.on_asked(now, picked_.slices, slice_bytes, purpose);
  return finish_datagram(encode(request, out), out);
}

std::size_t PullerEngine::finish_datagram(std::size_t size, std::span<std::byte> out) {
  seal_datagram(out.first(size));
  observer_.on_event(event::DatagramSent{static_cast<std::uint32_t>(size)});
  return size;
}

TimePoint PullerEngine::poll_timeout(TimePoint now) {
  if (state_ == State::finished) return TimePoint::max();
  if (state_ == State::fetching) {
    settle(now);
    watch_idleness(now);
  }
  TimePoint next = std::min(endings_.deadline(path_.rtt().smoothed()), next_hello());
  // Without a cookie nothing can be asked for: the next HELLO brings one.
  if (state_ != State::fetching || path_.cookie(now) == Cookie{}) return next;
  if (const auto loss = recovery_.deadline()) next = std::min(next, *loss);
  if (lacks_announcements()) next = std::min(next, std::max(now, poller_.next()));
  const std::uint16_t slice_bytes = picker_.next_slice_bytes();
  const bool more = slice_bytes != 0;
  if (more && path_.window_is_open(slice_bytes)) next = std::min(next, std::max(now, path_.next_ask()));
  if (more || recovery_.outstanding() > 0) next = std::min(next, stuck_at());
  return next;
}

}  // namespace rgtp::packet
