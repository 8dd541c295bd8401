#include "packet/exposer_engine.h"

#include <algorithm>

#include "core/bitmap.h"
#include "packet/slicing.h"

namespace rgtp::packet {

namespace {

using Validated = RefusalBudget::Validated;

bool runs_exist(const Manifest& manifest, const PullRequest& pull) {
  const auto exists = [&](const Run& run) {
    return run.chunk.value < manifest.chunk_count() &&
           std::uint32_t{run.first} + run.count <= slices_of(manifest, run.chunk, pull.slice_bytes);
  };
  return std::all_of(pull.asked().begin(), pull.asked().end(), exists);
}

}  // namespace

ExposerEngine::ExposerEngine(std::span<const std::byte, 32> cookie_secret, const Limits& limits)
    : slice_capacity_(limits.slice_capacity),
      cookies_(cookie_secret),
      surfaces_(limits.remembered_withdrawals),
      subscriptions_(limits.subscriptions),
      output_(limits) {}

void ExposerEngine::withdraw(const SurfaceId& id) {
  const auto store = surfaces_.withdraw(id);
  if (store == nullptr) return;
  output_.drop(store.get());
  subscriptions_.on_end(store.get(), surfaces_.why_not(id));
}

void ExposerEngine::handle_growth(const SurfaceId& id) {
  if (const Exposed* const exposed = surfaces_.find(id)) subscriptions_.on_growth(exposed->store.get());
}

bool ExposerEngine::poll_transmit(TimePoint now, Train& train) {
  // One at a time, so that the answers that wait stay few; and every other one where there is data to send.
  if (std::exchange(told_last_, false) && output_.poll_transmit(now, train)) return true;
  while (auto news = subscriptions_.poll(now)) {
    told_last_ = true;
    tell(now, std::move(*news));
    if (output_.poll_transmit(now, train)) return true;
  }
  return output_.poll_transmit(now, train);
}

void ExposerEngine::tell(TimePoint now, Subscriptions::News news) {
  const Refuse echo = echo_of(news.announcement);
  if (news.end)
    output_.refuse(now, news.peer, Validated::yes, refusal(echo, *news.end));
  else if (output_.may_answer(now, news.peer, echo))
    announce(now, news.peer, news.observer, std::move(news.announcement));
}

void ExposerEngine::handle_datagram(TimePoint arrived, const Peer& peer,
                                    std::span<const std::byte> datagram) {
  const auto prefix = parse_prefix(datagram);
  if (!prefix) return;
  if (prefix->version != wire_version) {
    // A HELLO is understood in every version as far as its prefix goes.
    if (prefix->type == static_cast<std::uint8_t>(Type::hello) && datagram.size() >= hello_bytes)
      output_.refuse(arrived, peer, Validated::no, {.pull_id = prefix->pull_id, .reason = Refusal::version});
    return;
  }
  if (prefix->type == static_cast<std::uint8_t>(Type::hello)) on_hello(arrived, peer, datagram);
  if (prefix->type == static_cast<std::uint8_t>(Type::pull)) on_pull(arrived, peer, datagram);
  if (prefix->type == static_cast<std::uint8_t>(Type::poll)) on_poll(arrived, peer, datagram);
}

const Exposed* ExposerEngine::find(TimePoint arrived, const Peer& peer, const SurfaceId& id,
                                   const Refuse& echo, Validated validated) {
  const Exposed* const exposed = surfaces_.find(id);
  if (exposed == nullptr) output_.refuse(arrived, peer, validated, refusal(echo, surfaces_.why_not(id)));
  return exposed;
}

void ExposerEngine::on_hello(TimePoint arrived, const Peer& peer, std::span<const std::byte> datagram) {
  const auto hello = parse_hello(datagram);
  if (!hello) return;
  const bool valid = hello->cookie != Cookie{} && cookies_.is_valid(hello->cookie, peer.remote, arrived);
  if (!check_matches(datagram)) return;
  const Validated validated = valid ? Validated::yes : Validated::no;
  const Refuse echo = echo_of(*hello);
  if (hello->version_min > wire_version || hello->version_max < wire_version)
    return output_.refuse(arrived, peer, validated, refusal(echo, Refusal::version));
  const Exposed* exposed = find(arrived, peer, hello->id, echo, validated);
  if (exposed == nullptr) return;
  exposed->observer->on_event(event::DatagramReceived{static_cast<std::uint32_t>(datagram.size())});
  if (!valid && !output_.may_greet(arrived, peer)) return;
  const Published published = published_of(*exposed->store);
  answer_hello(arrived, peer, *hello, *exposed, published);
  // The puller knows by MANIFEST whether anything follows, and what: of a surface that still grows it could
  // not tell.
  if (valid && hello->slices_wanted > 0 && published.is_all_of(exposed->store->manifest()))
    follow_hello(arrived, peer, *hello, *exposed, published);
}

void ExposerEngine::answer_hello(TimePoint arrived, const Peer& peer, const Hello& hello,
                                 const Exposed& exposed, const Published& published) {
  ManifestAnswer message;
  message.pull_id = hello.pull_id;
  message.timestamp = hello.timestamp;
  message.final_size_known = published.final_size.has_value();
  message.final_size = published.final_size.value_or(0);
  message.end_tag = published.end_tag;
  message.cookie = cookies_.make(peer.remote, arrived);
  message.cookie_lifetime_ms =
      static_cast<std::uint32_t>(CookieJar::lifetime(arrived) / std::chrono::milliseconds(1));
  message.published = published.chunks;
  core::encode_manifest(exposed.store->manifest(), message.manifest);
  message.tree_head = exposed.store->tree_head();
  output_.answer({peer, arrived, exposed.observer, message});
}

void ExposerEngine::follow_hello(TimePoint arrived, const Peer& peer, const Hello& hello,
                                 const Exposed& exposed, const Published& published) {
  const Manifest& manifest = exposed.store->manifest();
  const std::uint16_t capacity = std::min(hello.slice_capacity, slice_capacity_);
  Request request{.peer = peer,
                  .arrived = arrived,
                  .waiting_since = arrived,
                  .pull = {},
                  .store = exposed.store,
                  .observer = exposed.observer};
  request.pull.pull_id = hello.pull_id;
  request.pull.timestamp = hello.timestamp;
  request.pull.first_ask = hello.first_ask;
  request.pull.slice_bytes = slice_bytes_for(manifest, capacity);
  runs_from_beginning(manifest, published.end_of(manifest), hello.slices_wanted, request.pull);
  if (request.pull.run_count > 0) (void)output_.enqueue(std::move(request));
}

template <class Message>
const Exposed* ExposerEngine::admit(TimePoint arrived, const Peer& peer, const Message& message,
                                    std::span<const std::byte> datagram) {
  const bool valid = cookies_.is_valid(message.cookie, peer.remote, arrived);
  if (!check_matches(datagram)) return nullptr;
  const Refuse echo = echo_of(message);
  if (!valid) {
    Refuse retry = refusal(echo, Refusal::retry);
    retry.cookie = cookies_.make(peer.remote, arrived);
    output_.refuse(arrived, peer, Validated::no, retry);
    return nullptr;
  }
  const Exposed* exposed = find(arrived, peer, message.id, echo, Validated::yes);
  if (exposed != nullptr)
    exposed->observer->on_event(event::DatagramReceived{static_cast<std::uint32_t>(datagram.size())});
  return exposed;
}

void ExposerEngine::on_poll(TimePoint arrived, const Peer& peer, std::span<const std::byte> datagram) {
  const auto poll = parse_poll(datagram);
  if (!poll) return;
  const Exposed* exposed = admit(arrived, peer, *poll, datagram);
  if (exposed == nullptr) return;
  if (poll->words.end() > core::bitmap_words(exposed->store->manifest().chunk_count())) {
    exposed->observer->on_event(event::DatagramDropped{static_cast<std::uint32_t>(datagram.size())});
    return;
  }
  if (announce_base_bytes + poll->words.count * word_bytes > header_bytes + slice_capacity_)
    return output_.refuse(arrived, peer, Validated::yes,
                          refusal(echo_of(*poll), Refusal::slice_too_large, slice_capacity_));
  if (!output_.may_answer(arrived, peer, echo_of(*poll))) return;
  Announcement answer{exposed->store, poll->pull_id, poll->timestamp, poll->published, poll->words};
  if (exposed->store->state() == SurfaceState::growing)
    answer.subscribed = subscriptions_.renew(arrived, peer, exposed->observer, answer,
                                             std::chrono::microseconds(poll->rtt_us));
  announce(arrived, peer, exposed->observer, std::move(answer));
}

void ExposerEngine::announce(TimePoint arrived, const Peer& peer, const std::shared_ptr<Observer>& observer,
                             Announcement announcement) {
  // Nothing more will come of it: whoever waits is told so.
  const SurfaceState state = announcement.store->state();
  if (state == SurfaceState::aborted || state == SurfaceState::withdrawn)
    return output_.refuse(arrived, peer, Validated::yes,
                          refusal(echo_of(announcement),
                                  state == SurfaceState::aborted ? Refusal::aborted : Refusal::withdrawn));
  output_.answer({peer, arrived, observer, std::move(announcement)});
}

// Whoever asks for chunks that are not published yet believes what is not so: the words from the first of
// them on, as many as a datagram of the DATA's length has room for.
void ExposerEngine::announce_unpublished(TimePoint arrived, const Peer& peer, const Exposed& exposed,
                                         const PullRequest& pull) {
  const Store& store = *exposed.store;
  const auto asked = pull.asked();
  const auto run =
      std::find_if(asked.begin(), asked.end(), [&](const Run& one) { return !store.has(one.chunk); });
  if (run == asked.end()) return;
  const std::uint32_t first = run->chunk.value / word_chunks;
  const auto left = static_cast<std::uint32_t>(core::bitmap_words(store.manifest().chunk_count())) - first;
  const std::uint32_t count = std::min(left, announce_words_in(header_bytes + pull.slice_bytes));
  announce(arrived, peer, exposed.observer,
           {exposed.store,
            pull.pull_id,
            pull.timestamp,
            0,
            {static_cast<std::uint16_t>(first), static_cast<std::uint16_t>(count)}});
}

void ExposerEngine::on_pull(TimePoint arrived, const Peer& peer, std::span<const std::byte> datagram) {
  const auto pull = parse_pull(datagram);
  if (!pull) return;
  const Exposed* exposed = admit(arrived, peer, *pull, datagram);
  if (exposed == nullptr) return;
  const Manifest& manifest = exposed->store->manifest();
  if (pull->slice_bytes > slice_capacity_)
    return output_.refuse(arrived, peer, Validated::yes,
                          refusal(echo_of(*pull), Refusal::slice_too_large, slice_capacity_));
  if (!is_valid_slice_bytes(manifest, pull->slice_bytes) || !runs_exist(manifest, *pull)) {
    exposed->observer->on_event(event::DatagramDropped{static_cast<std::uint32_t>(datagram.size())});
    return;
  }
  if (auto unchanged = exposed->store->check_unchanged(ReadMode::cached_only); !unchanged)
    return output_.refuse(arrived, peer, Validated::yes,
                          refusal(echo_of(*pull), refusal_for(unchanged.error().code)));
  if (output_.enqueue(Request{.peer = peer,
                              .arrived = arrived,
                              .waiting_since = arrived,
                              .pull = *pull,
                              .store = exposed->store,
                              .observer = exposed->observer}))
    announce_unpublished(arrived, peer, *exposed, *pull);
}

void ExposerEngine::handle_too_large(TimePoint now, const Train& train) {
  if (train.datagrams().empty()) return;
  const Train::Datagram& first = train.datagrams().front();
  std::vector<std::byte> datagram(first.header.begin(), first.header.end());
  datagram.insert(datagram.end(), first.payload.begin(), first.payload.end());
  Refuse message{.reason = Refusal::slice_too_large};
  if (const auto data = parse_data(datagram)) {
    message.pull_id = data->pull_id;
    message.timestamp = data->timestamp;
  } else if (const auto announced = parse_announce(datagram)) {
    message.pull_id = announced->pull_id;
    message.timestamp = announced->timestamp;
  } else {
    return;  // other answers cannot be made shorter
  }
  // How long a slice may be is not known: shorter by a quarter every time, down to the least that may be
  // asked for. Below that is said only where the least was too long.
  const std::size_t failed = first.payload.size();
  const std::size_t least = failed > min_slice_bytes ? min_slice_bytes : 0;
  message.value = std::min<std::uint32_t>(fallback_slice_capacity,
                                          static_cast<std::uint32_t>(std::max(failed * 3 / 4, least)));
  output_.refuse(now, train.peer(), Validated::yes, message);
}

void ExposerEngine::handle_read_done(TimePoint now, BlockedRead read) {
  const bool exposed = surfaces_.holds(*read.request.store);
  output_.handle_read_done(now, std::move(read),
                           exposed ? ExposerOutput::Wanted::yes : ExposerOutput::Wanted::no);
}

}  // namespace rgtp::packet
