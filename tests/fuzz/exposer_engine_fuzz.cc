// Whatever datagrams come to an exposer: it does not crash, strangers never get more bytes than they sent,
// DATA are the surface's bytes, and ANNOUNCE tells what is published.
#include <algorithm>
#include <map>

#include "fuzz/input.h"
#include "fuzz/require.h"
#include "packet/exposer_engine.h"
#include "packet/slicing.h"
#include "support/datagrams.h"
#include "support/observers.h"
#include "support/pattern.h"
#include "support/regions.h"

namespace {

using namespace rgtp;
using namespace rgtp::packet;

constexpr std::array<std::byte, 32> secret{};
constexpr std::size_t surface_bytes = 3 * 4096 - 100;

SurfaceId numbered_id(unsigned number) {
  SurfaceId id;
  id.bytes[0] = static_cast<std::byte>(number);
  return id;
}

class Exposer {
 public:
  Exposer() : engine_(secret, limits()) {
    // Surface 0 is in memory, 1 in a file, of 2 only the second chunk is published, 3 is empty; 4 is unknown.
    // 5 grows up to a hundred chunks, of which it has its first bytes.
    const auto bytes = test::pattern(surface_bytes);
    add(test::unpublished_store(manifest(0, surface_bytes), bytes), 0, 3);
    add(std::make_shared<core::SurfaceStore>(manifest(1, surface_bytes), file_), 0, 3);
    add(test::unpublished_store(manifest(2, surface_bytes), bytes), 1, 2);
    stores_[3] = test::published_store(manifest(3, 0), {});
    stores_[4] = growing_store();
    for (const auto& store : stores_) REQUIRE(engine_.add(store, observer_));
  }

  void step(fuzz::Input& input) {
    const std::uint8_t command = input.byte();
    switch (command % 18) {
      case 15: return flood(input);
      case 16: return transmit_some(input);
      case 17: now_ += std::chrono::microseconds(input.word() % 10'000); return;
      case 12: return send_poll(input);
      case 13: return grow(input);
      case 14: return grow_to_end(input);
      case 0: return send_raw(input);
      case 1:
      case 2: return send_hello(input);
      case 3:
      case 4:
      case 5: return send_pull(input);
      case 6: now_ += std::chrono::milliseconds(input.word()); return;
      case 7: return transmit();
      case 8:
      case 9: return read(input);
      case 10: return file_->evict();
      default: return withdraw(input.byte());
    }
  }
  // Whatever is still to be done.
  void finish() {
    transmit();
    while (reading_ || (reading_ = engine_.poll_read())) finish_read();
    transmit();
    REQUIRE(!engine_.has_work());
  }

 private:
  struct Account {
    std::size_t received = 0;
    std::size_t sent = 0;
    bool had_cookie = false;
  };

  static ExposerLimits limits() {
    return {.waiting_answer_bytes = 64 * 1024,
            .prefix_bytes_per_second = 10'000'000,
            .blocked_requests = 2,
            .waiting_answers = 8,
            .remembered_withdrawals = 1,
            .slice_capacity = 4000};
  }
  static Manifest manifest(unsigned number, std::size_t size) {
    Manifest manifest = test::manifest_of(size);
    manifest.id = numbered_id(number);
    return manifest;
  }
  static constexpr std::uint32_t growing_chunks = 100;
  static std::shared_ptr<core::SurfaceStore> growing_store() {
    Manifest growing = test::manifest_of(growing_chunks * 4096 - 7);
    growing.id = numbered_id(5);
    growing.size_pending = true;
    auto region = core::HeapRegion::make(growing.stored_bytes()).value();
    const auto bytes = test::pattern(3 * 4096);
    std::ranges::copy(bytes, region->writable().begin());
    return std::make_shared<core::SurfaceStore>(growing, std::move(region));
  }
  void grow(fuzz::Input& input) {
    core::SurfaceStore& store = *stores_[4];
    const std::uint32_t chunk = input.byte() % growing_chunks;
    const auto size = store.final_size();
    if (size && chunk >= Manifest::chunks_in(*size, 4096)) return;
    if (!store.has(ChunkIndex{chunk})) test::publish(store, ChunkIndex{chunk});
    engine_.handle_growth(numbered_id(5));
  }
  // Of chunks that are published it cuts none off.
  void grow_to_end(fuzz::Input& input) {
    core::SurfaceStore& store = *stores_[4];
    const std::uint8_t what = input.byte();
    if (what >= 250) {
      store.end(what % 2 == 0 ? SurfaceState::aborted : SurfaceState::finished);
      return engine_.handle_growth(numbered_id(5));
    }
    std::uint64_t size = what * 1500U;
    for (std::uint32_t chunk = 0; chunk < growing_chunks; ++chunk)
      if (store.has(ChunkIndex{chunk})) size = std::max<std::uint64_t>(size, chunk * 4096U + 1);
    if (!store.final_size()) store.set_final_size(std::min<std::uint64_t>(size, store.manifest().size));
  }
  // With these chunks published.
  void add(std::shared_ptr<core::SurfaceStore> store, std::uint32_t first, std::uint32_t end) {
    const auto bytes = test::pattern(surface_bytes);
    for (std::uint32_t chunk = first; chunk < end; ++chunk)
      store->publish(
          ChunkIndex{chunk},
          core::chunk_tag(ChunkIndex{chunk}, test::chunk_of(store->manifest(), ChunkIndex{chunk}, bytes)));
    const auto number = std::to_integer<std::size_t>(store->manifest().id.bytes[0]);
    stores_[number] = std::move(store);
  }

  Peer peer(fuzz::Input& input) {
    const std::uint8_t number = input.byte() % 4;
    return test::peer_of(number % 2 == 0 ? "198.51.100.7" : "2001:db8::7", number);
  }
  Cookie cookie(const Peer& from, std::uint8_t flags) {
    if ((flags & 1) == 0) return test::cookie_of(flags);
    // One that was given out up to three epochs ago.
    const TimePoint made = now_ - CookieJar::epoch_length * (flags >> 6);
    account(from).had_cookie = true;
    return CookieJar(secret).make(from.remote, made);
  }
  Account& account(const Peer& of) { return accounts_[of.remote.port]; }

  void deliver(const Peer& from, std::span<const std::byte> datagram) {
    account(from).received += datagram.size();
    engine_.handle_datagram(now_, from, datagram);
  }
  void send_raw(fuzz::Input& input) {
    const Peer from = peer(input);
    const std::uint8_t flags = input.byte();
    const auto bytes = input.bytes(input.word() % (max_datagram_bytes + 10));
    std::vector<std::byte> datagram(bytes.begin(), bytes.end());
    if ((flags & 1) != 0 && datagram.size() >= header_bytes) {
      datagram[0] = std::byte{wire_magic & 0xff};
      datagram[1] = std::byte{wire_magic >> 8};
      if ((flags & 2) != 0) datagram[2] = std::byte{wire_version};
      if ((flags & 4) != 0) datagram.resize(hello_bytes);
      if ((flags & 8) != 0 && datagram.size() >= 64) {
        const Cookie valid = cookie(from, 1);
        std::copy(valid.begin(), valid.end(), datagram.begin() + 48);
      }
      seal_datagram(datagram);
    }
    deliver(from, datagram);
  }
  void send_hello(fuzz::Input& input) {
    const Peer from = peer(input);
    Hello hello;
    hello.pull_id = input.byte();
    hello.id = numbered_id(input.byte() % 6);
    hello.cookie = cookie(from, input.byte());
    hello.slice_capacity = input.word();
    hello.slices_wanted = input.word();
    hello.first_ask = input.word() * 65537U;
    const std::uint8_t versions = input.byte();
    hello.version_min = versions % 3;
    hello.version_max = versions % 5;
    deliver(from, test::datagram_of(hello));
  }
  void send_pull(fuzz::Input& input) {
    const Peer from = peer(input);
    PullRequest pull;
    pull.pull_id = input.byte();
    pull.id = numbered_id(input.byte() % 6);
    pull.cookie = cookie(from, input.byte());
    pull.slice_bytes = input.word();
    pull.first_ask = input.word() * 65537U;
    pull.run_count = input.byte() % (max_runs + 1);
    for (std::size_t i = 0; i < pull.run_count; ++i) {
      const std::uint8_t small = input.byte();
      pull.runs[i] = {ChunkIndex{small % 4U}, static_cast<std::uint16_t>(small / 4 % 8),
                      static_cast<std::uint16_t>(small / 32)};
      if (small == 255) pull.runs[i] = {ChunkIndex{input.word() * 65537U}, input.word(), input.word()};
    }
    deliver(from, test::datagram_of(pull));
  }

  void send_poll(fuzz::Input& input) {
    const Peer from = peer(input);
    Poll poll;
    poll.pull_id = input.byte();
    poll.id = numbered_id(input.byte() % 6);
    poll.cookie = cookie(from, input.byte());
    poll.published = input.byte();
    const std::uint8_t words = input.byte();
    poll.words = {static_cast<std::uint16_t>(words % 3), static_cast<std::uint16_t>(words / 3 % 4)};
    if (words == 255) poll.words = {input.word(), input.word()};
    deliver(from, test::datagram_of(poll));
  }

  // More requests with a cookie than the list holds, of many ports and networks.
  void flood(fuzz::Input& input) {
    const std::uint8_t shape = input.byte();
    PullRequest pull;
    pull.slice_bytes = 1000;
    pull.run_count = 1;
    pull.id = numbered_id(shape % 2);
    for (unsigned i = 0; i < 16U + shape % 64; ++i) {
      const unsigned network = shape >= 128 ? i % 5 : 0;
      const Peer from = test::peer_of("10.0." + std::to_string(network) + ".1",
                                      static_cast<std::uint16_t>(100 + i * (shape % 7)));
      pull.pull_id = i;
      pull.runs[0] = {ChunkIndex{i % 2}, 0, static_cast<std::uint16_t>(1 + (i * shape) % 5)};
      pull.cookie = cookie(from, 1);
      deliver(from, test::datagram_of(pull));
    }
  }

  // A socket that takes a few trains.
  void transmit_some(fuzz::Input& input) {
    const unsigned trains = input.byte() % 8U;
    for (unsigned i = 0; i < trains && transmit_one(); ++i) now_ += std::chrono::microseconds(input.byte());
  }
  void transmit() {
    while (transmit_one()) continue;
  }
  bool transmit_one() {
    if (!engine_.poll_transmit(now_, train_)) return false;
    Account& to = account(train_.peer());
    REQUIRE(!train_.datagrams().empty() && train_.datagrams().size() <= max_train_slices);
    std::size_t length = 0;
    for (const Train::Datagram& datagram : train_.datagrams()) {
      length += datagram.size();
      require_datagram(datagram);
    }
    REQUIRE(length <= max_train_bytes);
    to.sent += length;
    REQUIRE(to.had_cookie || to.sent <= to.received);
    if (to.sent % 7 == 0) engine_.handle_too_large(now_, train_);
    return true;
  }
  void require_datagram(const Train::Datagram& sent) {
    std::vector<std::byte> whole(sent.header.begin(), sent.header.end());
    whole.insert(whole.end(), sent.payload.begin(), sent.payload.end());
    REQUIRE(whole.size() <= max_datagram_bytes);
    REQUIRE(check_matches(whole));
    const auto data = parse_data(whole);
    const auto announce = parse_announce(whole);
    REQUIRE(data || announce || parse_manifest_answer(whole) || parse_refuse(whole));
    if (announce) require_announce(*announce);
    if (!data) return;
    // The others have the bytes of the first one.
    REQUIRE(is_slice_of(*stores_[0], *data, sent.payload) || is_slice_of(*stores_[4], *data, sent.payload));
  }
  static bool is_slice_of(const Store& store, const Data& data, std::span<const std::byte> payload) {
    const auto length = static_cast<std::uint16_t>(payload.size());
    return data.chunk.value < store.manifest().chunk_count() && store.has(data.chunk) &&
           data.slice < slices_of(store.manifest(), data.chunk, length) &&
           std::ranges::equal(payload, test::slice_of(store, data.chunk, data.slice, length));
  }

  // The surface that grows is the only one of two words.
  void require_announce(const Announce& announce) {
    std::uint32_t shown = 0;
    for (const std::uint64_t word : announce.bits()) shown += static_cast<std::uint32_t>(std::popcount(word));
    REQUIRE(shown == announce.published_to || announce.words != (WordRange{0, 2}));
    REQUIRE(shown <= announce.published_to);
    REQUIRE(announce.published_to <= growing_chunks && announce.words.end() <= 2);
    if (!announce.final_size_known || announce.words.end() < 2) return;
    for (std::uint32_t bit = 0; bit < 64; ++bit)
      REQUIRE((announce.bits().back() >> bit & 1) == 0 ||
              64 + bit < Manifest::chunks_in(announce.final_size, 4096));
  }

  void read(fuzz::Input& input) {
    if (reading_) return finish_read();
    reading_ = engine_.poll_read();
    if (reading_ && input.byte() % 2 == 0) finish_read();
  }
  void finish_read() {
    reading_->read_ahead();
    engine_.handle_read_done(now_, std::move(*reading_));
    reading_.reset();
    transmit();
  }
  // For good or, with the high bit, to be exposed again at once.
  void withdraw(std::uint8_t what) {
    const unsigned number = what % 4;
    const auto& store = stores_[number < 3 ? number : 4];
    engine_.withdraw(store->manifest().id);
    if ((what & 0x80) != 0) (void)engine_.add(store, observer_);
  }

  std::shared_ptr<test::NullObserver> observer_ = std::make_shared<test::NullObserver>();
  std::shared_ptr<test::FakeFileRegion> file_ =
      std::make_shared<test::FakeFileRegion>(test::pattern(surface_bytes));
  std::array<std::shared_ptr<core::SurfaceStore>, 5> stores_;
  TimePoint now_ = test::start_time;
  ExposerEngine engine_;
  Train train_;
  std::optional<ExposerEngine::BlockedRead> reading_;
  std::map<std::uint16_t, Account> accounts_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  Exposer exposer;
  for (int steps = 0; steps < 200 && !input.empty(); ++steps) exposer.step(input);
  exposer.finish();
  return 0;
}
