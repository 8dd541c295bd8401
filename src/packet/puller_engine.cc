#include "packet/puller_engine.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace rgtp::packet {

namespace {

using namespace std::chrono_literals;

// A cookie that came with REFUSE(retry) says nothing about its life: it is valid for an epoch at least.
constexpr Duration retry_cookie_lifetime = 60s;

std::optional<std::uint64_t> final_size_of(const ManifestAnswer& answer) {
  return answer.final_size_known ? std::optional(answer.final_size) : std::nullopt;
}

template <class Message>
std::optional<FinalSize> end_of(const Message& message) {
  return message.final_size_known ? std::optional(FinalSize(message.final_size, message.end_tag))
                                  : std::nullopt;
}

}  // namespace

PullerEngine::PullerEngine(TimePoint now, const Options& options, Path& path, Sink& sink)
    : options_(options),
      path_(path),
      sink_(sink),
      observer_(sink.observer()),
      endings_(now, options.idle_timeout),
      stall_(now),
      poller_(options.idle_timeout),
      writer_(options.pull_id, options.id, path, observer_),
      recovery_(path, observer_),
      picker_(reassembly_, availability_, sink),
      slice_length_(path, picker_, recovery_, observer_),
      asker_(path, picker_, reassembly_, slice_length_, recovery_, writer_, observer_) {}

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
    case Type::poll:
    case Type::advertise: break;
  }
  dropped(datagram);
}

void PullerEngine::on_manifest(TimePoint now, std::span<const std::byte> datagram) {
  const auto answer = parse_manifest_answer(datagram);
  if (!answer || !check_matches(datagram)) return dropped(datagram);
  const auto manifest = core::parse_manifest(answer->manifest);
  if (manifest && manifest->id != options_.id) return dropped(datagram);
  if (!recognizes(manifest, *answer)) return dropped(datagram);
  endings_.on_answered(now);
  greeter_.on_answered();
  const auto lifetime = std::chrono::milliseconds(answer->cookie_lifetime_ms);
  // One from the future would make all that is genuine look old.
  if (writer_.may_have_written(answer->timestamp) && greeted_.admit(answer->timestamp))
    path_.set_cookie(answer->cookie, now, std::min<Duration>(lifetime, 1h));
  if (!path_.rtt().has_sample()) {
    const Duration rtt = elapsed_since(answer->timestamp, now);
    if (rtt > Duration{} && rtt < options_.idle_timeout) path_.rtt().on_sample(rtt);
  }
  if (!manifest) return fail_with(manifest.error());
  if (state_ == State::greeting) return begin_fetching(now, *manifest, *answer);
  if (auto taken = availability_.on_manifest(answer->published, final_size_of(*answer)); !taken)
    return fail_with(std::move(taken).error());
  if (answer->final_size_known) end_tag_ = answer->end_tag;
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
  if (unrecognized_ >= max_unrecognized)
    return fail_with({Errc::corrupted,
                      "what answers there is not the surface that the locator names: somebody answers in its "
                      "place, or the locator is wrong"});
  if (answer.final_size_known) end_tag_ = answer.end_tag;
  if (!tell_final_size()) return;
  state_ = State::fetching;
  stall_.restart(now);
  slice_length_.begin(*manifest_);
  // Later HELLO than the one that was answered would make the round trip too short.
  const Duration took = elapsed_since(answer.timestamp, now);
  const TimePoint asked_at = took < options_.idle_timeout ? now - took : greeter_.sent_at();
  asker_.on_greeted(now, asked_at, greeter_, *manifest_, availability_);
}

// What cannot be the exposer's may have been changed on its way: it is asked for anew, and only what stays so
// is taken at its word.
bool PullerEngine::recognizes(const Result<Manifest>& manifest, const ManifestAnswer& answer) {
  const bool fits = manifest && answer.published <= manifest->chunk_count();
  if (state_ == State::fetching) return fits && believes_end_of(answer);
  if ((fits && sink_.recognizes({*manifest, end_of(answer), answer.tree_head})) ||
      ++unrecognized_ >= max_unrecognized)
    return true;
  greeter_.hurry();
  return false;
}

template <class Message>
bool PullerEngine::believes_end_of(const Message& message) const {
  const auto end = end_of(message);
  if (!end || availability_.final_size() == end->bytes) return true;
  // One that contradicts what was authentic cannot be.
  if (!manifest_->size_pending) return end->bytes == manifest_->size;
  return sink_.recognizes({*manifest_, end});
}

bool PullerEngine::tell_final_size() {
  if (final_size_told_ || !manifest_->size_pending || !availability_.final_size()) return true;
  final_size_told_ = true;
  if (auto cut = sink_.on_final_size({*availability_.final_size(), end_tag_}); !cut) {
    state_ = State::finished;
    return false;
  }
  reassembly_.finish_from(availability_.end());
  return true;
}

void PullerEngine::on_announce(TimePoint now, std::span<const std::byte> datagram) {
  const auto announce = parse_announce(datagram);
  if (state_ != State::fetching || !announce || !check_matches(datagram) || !believes_end_of(*announce))
    return dropped(datagram);
  const auto news = availability_.on_announce(*announce);
  if (!news) return fail_with(news.error());
  if (*news == Availability::News::ignored) return dropped(datagram);
  endings_.on_answered(now);
  if (announce->final_size_known) end_tag_ = announce->end_tag;
  poller_.on_announce(now, *news, announce->words,
                      announce->subscribed ? Poller::Tells::unasked : Poller::Tells::asked,
                      path_.rtt().smoothed());
  tell_final_size();
}

void PullerEngine::on_data(TimePoint now, std::span<const std::byte> datagram, Mark mark) {
  const auto data = parse_data(datagram);
  if (state_ != State::fetching || !data || !check_matches(datagram)) return dropped(datagram);
  const SliceId slice{data->chunk, data->slice};
  const auto payload = datagram.subspan(header_bytes);
  const bool was_asked_for =
      recovery_.on_data(now, *data, path_.ip_bytes(static_cast<std::uint16_t>(payload.size())), mark);
  if (picker_.is_probing(slice) && payload.size() == reassembly_.slice_bytes_of(slice.chunk))
    slice_length_.on_probe_arrived(slice);
  // Data is placed by its numbers, whatever the books say of the ask.
  const auto outcome = reassembly_.receive(slice, payload);
  if (outcome == Reassembly::Outcome::not_begun && !was_asked_for) return dropped(datagram);
  endings_.on_heard(now);
  const bool useful = outcome == Reassembly::Outcome::placed || outcome == Reassembly::Outcome::chunk_filled;
  observer_.on_event(event::SliceReceived{data->ask, slice.chunk, slice.slice, !useful});
  if (!useful) return;
  stall_.restart(now);
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
      if (refuse->cookie == writer_.asked_with()) return;  // to a request before that one
      if (!writer_.may_have_written(refuse->timestamp) || !retried_.admit(refuse->timestamp)) return;
      // Another pull of this path may have been told first.
      if (refuse->cookie != path_.cookie(now)) path_.set_cookie(refuse->cookie, now, retry_cookie_lifetime);
      if (state_ == State::fetching) asker_.ask_from_scratch();
      return;
    case Refusal::slice_too_large:
      if (slice_length_.limit(refuse->value)) return;
      break;
    case Refusal::busy: return recovery_.on_busy(now, refuse->timestamp);
    case Refusal::version:
      // Of a HELLO whose version was damaged on its way: what else it says nobody could check.
      if (refuse->version_min <= wire_version && wire_version <= refuse->version_max) return;
      break;
    default: break;
  }
  observer_.on_event(event::Refused{refusal_error(refuse->reason).code});
  // Whoever has the surface says so before the silence is long enough.
  if (endings_.on_refused(now, refuse->reason)) greeter_.hurry();
}

void PullerEngine::handle_new_socket() {
  if (state_ == State::fetching) asker_.ask_from_scratch();
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

StallWatch::WaitsFor PullerEngine::waits_for() {
  if (recovery_.outstanding() > 0 || picker_.has_more()) return StallWatch::WaitsFor::data;
  const bool lacks_announcements = availability_.next_missing(sink_.wanted()).has_value();
  return lacks_announcements ? StallWatch::WaitsFor::announcements : StallWatch::WaitsFor::nothing;
}

void PullerEngine::watch_idleness(TimePoint now) {
  if (stall_.on_look(now, waits_for()) == StallWatch::Silence::expected) endings_.on_idle(now);
}

// The last resort, on a clock of its own.
void PullerEngine::rebuild_if_stuck(TimePoint now) {
  if (now < stall_.stuck_at(path_.rtt().probe_timeout()) || waits_for() != StallWatch::WaitsFor::data) return;
  stall_.restart(now);
  slice_length_.on_black_hole(now);
  asker_.ask_from_scratch();
}

// Output.

std::size_t PullerEngine::poll_transmit(TimePoint now, std::span<std::byte> out) {
  assert(out.size() >= max_transmit_bytes);
  const std::size_t size = write_next(now, out);
  if (size == 0) writer_.tell_sent();
  return size;
}

std::size_t PullerEngine::write_next(TimePoint now, std::span<std::byte> out) {
  if (state_ == State::finished) return 0;
  if (now >= next_hello()) return write_hello(now, out);
  if (state_ != State::fetching || path_.cookie(now) == Cookie{}) return 0;
  settle(now);
  if (recovery_.probe_is_due(now)) {
    if (const std::size_t size = write_probe(now, out); size > 0) return size;
  }
  if (const std::size_t size = asker_.finish_probe(now, out); size > 0) return size;
  if (now >= next_poll()) return write_poll(now, out);
  return asker_.ask(now, out);
}

TimePoint PullerEngine::next_hello() const {
  const auto limit =
      endings_.is_suspicious() ? std::optional(Endings::suspicion_interval) : std::optional<Duration>();
  const TimePoint again = greeter_.again(limit);
  if (greeter_.hurries()) return again;
  return state_ == State::greeting ? again : std::max(again, path_.cookie_renewal());
}

std::size_t PullerEngine::write_hello(TimePoint now, std::span<std::byte> out) {
  greeter_.on_sent(now);
  const bool some_follow =
      state_ == State::greeting && path_.cookie(now) != Cookie{} && sink_.takes_beginning();
  if (!some_follow) return writer_.write_hello(now, 0, path_.slice_capacity(), out);
  if (greeter_.slices_wanted() == 0) greeter_.want(path_.slices_to_follow(), path_.slice_capacity());
  return writer_.write_hello(now, greeter_.slices_wanted(), greeter_.slice_capacity(), out);
}

std::size_t PullerEngine::write_poll(TimePoint now, std::span<std::byte> out) {
  const WordRange words =
      poller_.poll(now, path_.rtt().smoothed(), availability_, sink_.wanted(), writer_.most_words());
  return writer_.write_poll(now, availability_.published(), words, out);
}

std::size_t PullerEngine::write_probe(TimePoint now, std::span<std::byte> out) {
  recovery_.on_probe(now);
  if (stall_.is_black_hole(now, recovery_.probes_in_a_row())) slice_length_.on_black_hole(now);
  return asker_.probe(now, out);
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
  next = std::min(next, std::max(now, next_poll()));
  const std::uint16_t slice_bytes = picker_.next_slice_bytes();
  const bool more = slice_bytes != 0;
  if (more && path_.window_is_open(slice_bytes)) next = std::min(next, std::max(now, path_.next_ask()));
  if (more || recovery_.outstanding() > 0)
    next = std::min(next, stall_.stuck_at(path_.rtt().probe_timeout()));
  return next;
}

}  // namespace rgtp::packet
