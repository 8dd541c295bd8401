// Whatever datagrams come to an exposer: it does not crash, strangers never get more bytes than they sent,
// and DATA are the surface's bytes.
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
    const auto bytes = test::pattern(surface_bytes);
    add(test::unpublished_store(manifest(0, surface_bytes), bytes), 0, 3);
    add(std::make_shared<core::SurfaceStore>(manifest(1, surface_bytes), file_), 0, 3);
    add(test::unpublished_store(manifest(2, surface_bytes), bytes), 1, 2);
    stores_[3] = test::published_store(manifest(3, 0), {});
    for (const auto& store : stores_) REQUIRE(engine_.add(store, observer_));
  }

  void step(fuzz::Input& input) {
    const std::uint8_t command = input.byte();
    switch (command % 12) {
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
    hello.id = numbered_id(input.byte() % 5);
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
    pull.id = numbered_id(input.byte() % 5);
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

  void transmit() {
    while (engine_.poll_transmit(now_, train_)) {
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
    }
  }
  void require_datagram(const Train::Datagram& sent) {
    std::vector<std::byte> whole(sent.header.begin(), sent.header.end());
    whole.insert(whole.end(), sent.payload.begin(), sent.payload.end());
    REQUIRE(whole.size() <= max_datagram_bytes);
    REQUIRE(check_matches(whole));
    const auto data = parse_data(whole);
    REQUIRE(data || parse_manifest_answer(whole) || parse_refuse(whole));
    if (!data) return;
    // Every surface has the same bytes, so any of them tells what is right.
    REQUIRE(data->chunk.value < 3);
    const auto length = static_cast<std::uint16_t>(sent.payload.size());
    REQUIRE(data->slice < slices_of(stores_[0]->manifest(), data->chunk, length));
    const auto right = test::slice_of(*stores_[0], data->chunk, data->slice, length);
    REQUIRE(std::ranges::equal(sent.payload, right));
  }

  void read(fuzz::Input& input) {
    if (reading_) return finish_read();
    reading_ = engine_.poll_read();
    if (reading_ && input.byte() % 2 == 0) finish_read();
  }
  void finish_read() {
    reading_->read_ahead();
    engine_.handle_read_done(std::move(*reading_));
    reading_.reset();
    transmit();
  }
  // For good or, with the high bit, to be exposed again at once.
  void withdraw(std::uint8_t what) {
    const unsigned number = what % 3;
    engine_.withdraw(numbered_id(number));
    if ((what & 0x80) != 0) (void)engine_.add(stores_[number], observer_);
  }

  std::shared_ptr<test::NullObserver> observer_ = std::make_shared<test::NullObserver>();
  std::shared_ptr<test::FakeFileRegion> file_ =
      std::make_shared<test::FakeFileRegion>(test::pattern(surface_bytes));
  std::array<std::shared_ptr<core::SurfaceStore>, 4> stores_;
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
