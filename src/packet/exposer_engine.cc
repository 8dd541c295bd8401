#include "packet/exposer_engine.h"

#include <algorithm>
#include <cassert>

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

Refusal refusal_for(Errc code) {
  return code == Errc::source_changed ? Refusal::source_changed : Refusal::aborted;
}

}  // namespace

ExposerEngine::ExposerEngine(std::span<const std::byte, 32> cookie_secret, const Limits& limits)
    : limits_(limits), cookies_(cookie_secret), requests_(limits.waiting_answer_bytes) {}

Result<void> ExposerEngine::add(std::shared_ptr<const Store> store, std::shared_ptr<Observer> observer) {
  const SurfaceId id = store->manifest().id;
  if (!exposed_.try_emplace(id, Exposed{std::move(store), std::move(observer)}).second)
    return fail(Errc::already_exposed, "a surface of this id is being exposed here already");
  std::erase_if(withdrawn_, [&](const auto& entry) { return entry.first == id; });
  return {};
}

void ExposerEngine::withdraw(const SurfaceId& id) {
  const auto found = exposed_.find(id);
  if (found == exposed_.end()) return;
  const Store* store = found->second.store.get();
  requests_.drop(store);
  std::erase_if(blocked_, [&](const Request& request) { return request.store.get() == store; });
  std::erase_if(answers_, [&](const Answer& waiting) {
    const auto* const announcement = std::get_if<Announcement>(&waiting.message);
    return announcement != nullptr && announcement->store.get() == store;
  });
  withdrawn_.emplace_back(id,
                          store->state() == SurfaceState::aborted ? Refusal::aborted : Refusal::withdrawn);
  exposed_.erase(found);
  if (withdrawn_.size() > limits_.remembered_withdrawals) withdrawn_.pop_front();
}

void ExposerEngine::handle_datagram(TimePoint now, const Peer& peer, std::span<const std::byte> datagram) {
  const auto prefix = parse_prefix(datagram);
  if (!prefix) return;
  if (prefix->version != wire_version) {
    // A HELLO is understood in every version as far as its prefix goes.
    if (prefix->type == static_cast<std::uint8_t>(Type::hello) && datagram.size() >= hello_bytes)
      refuse(now, peer, Validated::no, {.pull_id = prefix->pull_id, .reason = Refusal::version});
    return;
  }
  if (prefix->type == static_cast<std::uint8_t>(Type::hello)) on_hello(now, peer, datagram);
  if (prefix->type == static_cast<std::uint8_t>(Type::pull)) on_pull(now, peer, datagram);
  if (prefix->type == static_cast<std::uint8_t>(Type::poll)) on_poll(now, peer, datagram);
}

const ExposerEngine::Exposed* ExposerEngine::find(TimePoint now, const Peer& peer, const SurfaceId& id,
                                                  std::uint64_t pull_id, std::uint32_t timestamp,
                                                  Validated validated) {
  const auto found = exposed_.find(id);
  if (found != exposed_.end()) return &found->second;
  const auto gone = std::find_if(withdrawn_.begin(), withdrawn_.end(),
                                 [&](const auto& entry) { return entry.first == id; });
  refuse(now, peer, validated,
         {.pull_id = pull_id,
          .timestamp = timestamp,
          .reason = gone != withdrawn_.end() ? gone->second : Refusal::unknown});
  return nullptr;
}

void ExposerEngine::on_hello(TimePoint now, const Peer& peer, std::span<const std::byte> datagram) {
  const auto hello = parse_hello(datagram);
  if (!hello) return;
  const bool valid = hello->cookie != Cookie{} && cookies_.is_valid(hello->cookie, peer.remote, now);
  if (!check_matches(datagram)) return;
  if (hello->version_min > wire_version || hello->version_max < wire_version)
    return refuse(now, peer, valid ? Validated::yes : Validated::no,
                  {.pull_id = hello->pull_id, .timestamp = hello->timestamp, .reason = Refusal::version});
  const Exposed* exposed =
      find(now, peer, hello->id, hello->pull_id, hello->timestamp, valid ? Validated::yes : Validated::no);
  if (exposed == nullptr) return;
  exposed->observer->on_event(event::DatagramReceived{static_cast<std::uint32_t>(datagram.size())});
  const Published published = published_of(*exposed->store);
  answer_hello(now, peer, *hello, *exposed, published);
  // The puller knows by MANIFEST whether anything follows, and what: of a surface that still grows it could
  // not tell.
  if (valid && hello->slices_wanted > 0 && published.is_all_of(exposed->store->manifest()))
    follow_hello(now, peer, *hello, *exposed, published);
}

void ExposerEngine::answer_hello(TimePoint now, const Peer& peer, const Hello& hello, const Exposed& exposed,
                                 const Published& published) {
  ManifestAnswer message;
  message.pull_id = hello.pull_id;
  message.timestamp = hello.timestamp;
  message.final_size_known = published.final_size.has_value();
  message.final_size = published.final_size.value_or(0);
  message.cookie = cookies_.make(peer.remote, now);
  message.cookie_lifetime_ms =
      static_cast<std::uint32_t>(CookieJar::lifetime(now) / std::chrono::milliseconds(1));
  message.published = published.chunks;
  core::encode_manifest(exposed.store->manifest(), message.manifest);
  answer({peer, now, exposed.observer, message});
}

void ExposerEngine::follow_hello(TimePoint now, const Peer& peer, const Hello& hello, const Exposed& exposed,
                                 const Published& published) {
  const Manifest& manifest = exposed.store->manifest();
  const std::uint16_t capacity = std::min(hello.slice_capacity, limits_.slice_capacity);
  Request request{
      .peer = peer, .arrived = now, .pull = {}, .store = exposed.store, .observer = exposed.observer};
  request.pull.pull_id = hello.pull_id;
  request.pull.timestamp = hello.timestamp;
  request.pull.first_ask = hello.first_ask;
  request.pull.slice_bytes = slice_bytes_for(manifest, capacity);
  runs_from_beginning(manifest, published.end_of(manifest), hello.slices_wanted, request.pull);
  if (request.pull.run_count > 0) enqueue(std::move(request));
}

template <class Message>
const ExposerEngine::Exposed* ExposerEngine::admit(TimePoint now, const Peer& peer, const Message& message,
                                                   std::span<const std::byte> datagram) {
  const bool valid = cookies_.is_valid(message.cookie, peer.remote, now);
  if (!check_matches(datagram)) return nullptr;
  if (!valid) {
    refuse(now, peer, Validated::no,
           {.pull_id = message.pull_id,
            .timestamp = message.timestamp,
            .reason = Refusal::retry,
            .cookie = cookies_.make(peer.remote, now)});
    return nullptr;
  }
  const Exposed* exposed = find(now, peer, message.id, message.pull_id, message.timestamp, Validated::yes);
  if (exposed != nullptr)
    exposed->observer->on_event(event::DatagramReceived{static_cast<std::uint32_t>(datagram.size())});
  return exposed;
}

void ExposerEngine::on_poll(TimePoint now, const Peer& peer, std::span<const std::byte> datagram) {
  const auto poll = parse_poll(datagram);
  if (!poll) return;
  const Exposed* exposed = admit(now, peer, *poll, datagram);
  if (exposed == nullptr) return;
  if (poll->words.end() > core::bitmap_words(exposed->store->manifest().chunk_count())) {
    exposed->observer->on_event(event::DatagramDropped{static_cast<std::uint32_t>(datagram.size())});
    return;
  }
  if (announce_base_bytes + poll->words.count * word_bytes > header_bytes + limits_.slice_capacity)
    return refuse(now, peer, Validated::yes,
                  {.pull_id = poll->pull_id,
                   .timestamp = poll->timestamp,
                   .reason = Refusal::slice_too_large,
                   .value = limits_.slice_capacity});
  announce(now, peer, *exposed,
           {exposed->store, poll->pull_id, poll->timestamp, poll->published, poll->words});
}

void ExposerEngine::announce(TimePoint now, const Peer& peer, const Exposed& exposed,
                             Announcement announcement) {
  // Nothing more will come of it: whoever waits is told so.
  const SurfaceState state = exposed.store->state();
  if (state == SurfaceState::aborted || state == SurfaceState::withdrawn)
    return refuse(now, peer, Validated::yes,
                  {.pull_id = announcement.pull_id,
                   .timestamp = announcement.timestamp,
                   .reason = state == SurfaceState::aborted ? Refusal::aborted : Refusal::withdrawn});
  answer({peer, now, exposed.observer, std::move(announcement)});
}

// Whoever asks for chunks that are not published yet believes what is not so: the words from the first of
// them on, as many as a datagram of the DATA's length has room for.
void ExposerEngine::announce_unpublished(TimePoint now, const Peer& peer, const Exposed& exposed,
                                         const PullRequest& pull) {
  const Store& store = *exposed.store;
  const auto asked = pull.asked();
  const auto run =
      std::find_if(asked.begin(), asked.end(), [&](const Run& one) { return !store.has(one.chunk); });
  if (run == asked.end()) return;
  const std::uint32_t first = run->chunk.value / word_chunks;
  const auto left = static_cast<std::uint32_t>(core::bitmap_words(store.manifest().chunk_count())) - first;
  const std::uint32_t count = std::min(left, announce_words_in(header_bytes + pull.slice_bytes));
  announce(now, peer, exposed,
           {exposed.store,
            pull.pull_id,
            pull.timestamp,
            0,
            {static_cast<std::uint16_t>(first), static_cast<std::uint16_t>(count)}});
}

void ExposerEngine::on_pull(TimePoint now, const Peer& peer, std::span<const std::byte> datagram) {
  const auto pull = parse_pull(datagram);
  if (!pull) return;
  const Exposed* exposed = admit(now, peer, *pull, datagram);
  if (exposed == nullptr) return;
  const Refuse echo{.pull_id = pull->pull_id, .timestamp = pull->timestamp};
  const Manifest& manifest = exposed->store->manifest();
  if (pull->slice_bytes > limits_.slice_capacity) {
    Refuse too_large = echo;
    too_large.reason = Refusal::slice_too_large;
    too_large.value = limits_.slice_capacity;
    return refuse(now, peer, Validated::yes, too_large);
  }
  if (!is_valid_slice_bytes(manifest, pull->slice_bytes) || !runs_exist(manifest, *pull)) {
    exposed->observer->on_event(event::DatagramDropped{static_cast<std::uint32_t>(datagram.size())});
    return;
  }
  if (auto unchanged = exposed->store->check_unchanged(); !unchanged) {
    Refuse changed = echo;
    changed.reason = refusal_for(unchanged.error().code);
    return refuse(now, peer, Validated::yes, changed);
  }
  announce_unpublished(now, peer, *exposed, *pull);
  enqueue(Request{
      .peer = peer, .arrived = now, .pull = *pull, .store = exposed->store, .observer = exposed->observer});
}

void ExposerEngine::enqueue(Request request) {
  const auto observer = request.observer;
  const std::uint32_t slices = request.pull.slices();
  observer->on_event(event::RequestReceived{slices});
  if (!requests_.push(std::move(request))) observer->on_event(event::RequestOverflow{slices});
}

void ExposerEngine::block(Request request) {
  if (blocked_.size() + reading_ < limits_.blocked_requests) return blocked_.push_back(std::move(request));
  request.observer->on_event(event::RequestOverflow{request.pull.slices()});
}

void ExposerEngine::refuse(TimePoint now, const Peer& peer, Validated validated, Refuse message) {
  if (refusals_.take(peer.remote, validated, now)) answer({peer, now, nullptr, message});
}

void ExposerEngine::answer(Answer answer) {
  if (answers_.size() < limits_.waiting_answers) answers_.push_back(std::move(answer));
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
  refuse(now, train.peer(), Validated::yes, message);
}

bool ExposerEngine::poll_transmit(TimePoint now, Train& train) {
  if (!answers_.empty()) {
    fill_answer(now, train);
    return true;
  }
  while (auto request = requests_.pop()) {
    switch (fill(now, *request, train)) {
      case Filled::yes:
        for (const auto& datagram : train.datagrams())
          request->observer->on_event(event::DatagramSent{static_cast<std::uint32_t>(datagram.size())});
        return true;
      case Filled::blocked: block(std::move(*request)); break;
      case Filled::failed:
        if (!answers_.empty()) return poll_transmit(now, train);  // it was refused
        break;
    }
  }
  train.clear();
  return false;
}

void ExposerEngine::fill_answer(TimePoint now, Train& train) {
  Answer next = std::move(answers_.front());
  answers_.pop_front();
  if (auto* const manifest = std::get_if<ManifestAnswer>(&next.message))
    manifest->service_delay = encode_service_delay(now - next.asked);
  std::array<std::byte, max_announce_bytes> bytes;
  static_assert(manifest_datagram_bytes <= max_announce_bytes && refuse_bytes <= max_announce_bytes);
  std::size_t size = 0;
  if (const auto* const announcement = std::get_if<Announcement>(&next.message))
    size = encode(announcement->read(encode_service_delay(now - next.asked)), bytes);
  else if (const auto* const manifest = std::get_if<ManifestAnswer>(&next.message))
    size = encode(*manifest, bytes);
  else
    size = encode(std::get<Refuse>(next.message), bytes);
  seal_datagram(std::span(bytes).first(size));
  train.begin(next.peer, nullptr);
  Train::Datagram& datagram = train.add();
  std::copy_n(bytes.begin(), header_bytes, datagram.header.begin());
  const auto payload = train.take_scratch(size - header_bytes);
  std::copy_n(bytes.begin() + header_bytes, payload.size(), payload.begin());
  datagram.payload = payload;
  if (next.observer != nullptr)
    next.observer->on_event(event::DatagramSent{static_cast<std::uint32_t>(size)});
}

ExposerEngine::Filled ExposerEngine::fill(TimePoint now, Request& request, Train& train) {
  train.begin(request.peer, request.store);
  const Store& store = *request.store;
  const std::uint16_t slice_bytes = request.pull.slice_bytes;
  const auto memory = store.mapped();
  Data data{
      .pull_id = request.pull.pull_id, .ask = request.pull.first_ask, .timestamp = request.pull.timestamp};
  data.service_delay = encode_service_delay(now - request.arrived);
  for (const Run& run : request.pull.asked()) {
    if (!store.has(run.chunk)) {
      data.ask += run.count;
      continue;
    }
    // Whole slices of the chunk's bytes are sent from where they are; the rest is put together beside it.
    const std::uint32_t whole_slices =
        memory.empty() ? 0 : store.manifest().length_of(run.chunk) / slice_bytes;
    for (std::uint32_t slice = run.first; slice < std::uint32_t{run.first} + run.count;) {
      const std::uint32_t offset = slice * slice_bytes;
      std::span<const std::byte> payloads;
      std::uint32_t count = run.first + run.count - slice;
      if (slice < whole_slices) {
        count = std::min(count, whole_slices - slice);
        payloads =
            memory.subspan(store.manifest().offset_of(run.chunk) + offset, std::size_t{count} * slice_bytes);
      } else {
        const auto scratch = train.take_scratch(std::size_t{count} * slice_bytes);
        const auto read = store.read(run.chunk, offset, scratch, ReadMode::cached_only);
        if (!read) {
          refuse(now, request.peer, Validated::yes,
                 {.pull_id = data.pull_id,
                  .timestamp = data.timestamp,
                  .reason = refusal_for(read.error().code)});
          return Filled::failed;
        }
        if (*read == ReadStatus::would_block) return Filled::blocked;
        payloads = scratch;
      }
      for (std::uint32_t i = 0; i < count; ++i, ++slice, ++data.ask) {
        data.chunk = run.chunk;
        data.slice = static_cast<std::uint16_t>(slice);
        Train::Datagram& datagram = train.add();
        datagram.payload = payloads.subspan(std::size_t{i} * slice_bytes, slice_bytes);
        encode(data, datagram.header);
        seal_datagram(datagram.header, datagram.payload);
      }
    }
  }
  return train.datagrams().empty() ? Filled::failed : Filled::yes;
}

std::optional<ExposerEngine::BlockedRead> ExposerEngine::poll_read() {
  if (blocked_.empty()) return std::nullopt;
  BlockedRead read{std::move(blocked_.front())};
  blocked_.pop_front();
  ++reading_;
  return read;
}

void ExposerEngine::BlockedRead::read_ahead() const {
  // What is read is thrown away: the page cache keeps it for the train. An error shows itself there again.
  std::vector<std::byte> bytes;
  for (const Run& run : request.pull.asked()) {
    bytes.resize(std::size_t{run.count} * request.pull.slice_bytes);
    (void)request.store->read(run.chunk, std::uint32_t{run.first} * request.pull.slice_bytes, bytes,
                              ReadMode::may_block);
  }
}

void ExposerEngine::handle_read_done(BlockedRead read) {
  assert(reading_ > 0);
  --reading_;
  const auto exposed = exposed_.find(read.request.store->manifest().id);
  if (exposed == exposed_.end() || exposed->second.store != read.request.store) return;
  const auto observer = read.request.observer;
  const std::uint32_t slices = read.request.pull.slices();
  if (!requests_.push(std::move(read.request))) observer->on_event(event::RequestOverflow{slices});
}

}  // namespace rgtp::packet
