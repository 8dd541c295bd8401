// Pulls over a real socket whose receive buffer is as small as the kernel grants one.
#include <array>
#include <future>
#include <memory>

#include <gtest/gtest.h>
#include <poll.h>

#include <rgtp/puller.h>
#include <rgtp/transports.h>

#include "packet/exposer_engine.h"
#include "packet/udp_socket.h"
#include "support/datagrams.h"
#include "support/observers.h"
#include "support/pattern.h"

namespace rgtp::packet {
namespace {

using namespace std::chrono_literals;

// Plays the exposer, on the thread of the test, so that the test can send the puller more than it has room
// for.
class UdpPathDrops : public testing::Test {
 protected:
  using Bytes = std::vector<std::byte>;
  static constexpr int flood_datagrams = 64;

  void expose(std::size_t size) {
    surface_ = test::pattern(size);
    const auto store = test::published_store(test::manifest_of(size), surface_);
    id_ = store->manifest().id;
    ASSERT_TRUE(engine_.add(store, std::make_shared<test::NullObserver>()));
  }
  Pull pull(std::uint32_t mtu) {
    const UdpOptions options{.mtu = mtu, .receive_buffer_bytes = 1, .offload = Offload::off};
    Puller puller = Puller::open({.loop = loop_, .transports = {udp_transport(options)}}).value();
    return puller.pull(Locator(Locator::Network{"127.0.0.1", socket_.local_address().port, id_}));
  }
  // Takes what the puller sent, or what it sends within 10 ms.
  void take() {
    pollfd ready{.fd = socket_.descriptor(), .events = POLLIN, .revents = 0};
    poll(&ready, 1, 10);
    socket_.receive(batch_, [&](const Received& received) {
      peer_ = received.peer;
      pull_id_ = parse_prefix(received.bytes)->pull_id;
      engine_.handle_datagram(received.arrived, received.peer, received.bytes);
    });
  }
  void answer() {
    while (engine_.poll_transmit(loop_->now(), train_)) send_train();
  }
  void send_train() {
    std::size_t sent = 0;
    EXPECT_EQ(socket_.send(train_, sent), IoStatus::done);
  }
  // Sends the puller what it did not ask for, and answers what it did, all while it does not listen: there is
  // room for the first few alone.
  void flood_and_answer() {
    const auto held = std::make_shared<std::promise<void>>();
    std::promise<void> flooded;
    ASSERT_TRUE(loop_->post([held, until = flooded.get_future().share()] {
      held->set_value();
      until.wait();
    }));
    held->get_future().wait();
    for (int i = 0; i < flood_datagrams; ++i) {
      train_.begin(*peer_, nullptr);
      Train::Datagram& junk = train_.add();
      encode(Data{.pull_id = pull_id_}, junk.header);
      junk.payload = junk_;
      send_train();
    }
    flooded_ += flood_datagrams;
    answer();
    flooded.set_value();
  }
  // Until the pull is done: floods before every so many answers. Gives up after a time.
  void serve(Pull& pull, int answers_between_floods) {
    const auto end = std::make_shared<std::promise<Result<View>>>();
    auto ended = end->get_future();
    (void)pull.complete().then([end](Result<View> view) { end->set_value(std::move(view)); });
    const auto patience = std::chrono::steady_clock::now() + 20s;
    for (int i = 1; ended.wait_for(0s) != std::future_status::ready; ++i) {
      ASSERT_LT(std::chrono::steady_clock::now(), patience);
      take();
      if (!peer_) continue;
      if (i % answers_between_floods == 0)
        flood_and_answer();
      else
        answer();
    }
    const auto view = ended.get();
    ASSERT_TRUE(view) << view.error().message();
    EXPECT_TRUE(std::ranges::equal(view->bytes(), surface_));
  }

  const std::shared_ptr<EventLoop> loop_ = EventLoop::spawn().value();
  UdpSocket socket_ = UdpSocket::bind(test::address_of("127.0.0.1", 0), {}).value();
  ReceiveBatch batch_;
  ExposerEngine engine_{std::array<std::byte, 32>{}, {}};
  Train train_;
  Bytes surface_;
  SurfaceId id_;
  std::optional<Peer> peer_;
  std::uint64_t pull_id_ = 0;
  const Bytes junk_ = test::pattern(500);
  std::uint64_t flooded_ = 0;  // datagrams
};

TEST_F(UdpPathDrops, TellsHowManyDatagramsItsSocketHadNoRoomFor) {
  expose(300);
  Pull pulling = pull(576);
  while (!peer_) take();
  flood_and_answer();
  EXPECT_EQ(pulling.stats().socket_drops, 0U);  // the kernel tells with what it takes next
  // There is one slice, so that no DATA are among what is dropped.
  serve(pulling, 1'000'000);
  const Stats stats = pulling.stats();
  EXPECT_GT(stats.datagrams_dropped, 0U);  // for some there was room
  EXPECT_GT(stats.socket_drops, flood_datagrams / 2);
  EXPECT_EQ(stats.socket_drops + stats.datagrams_dropped, flood_datagrams + 1);  // and the first MANIFEST
}

TEST_F(UdpPathDrops, ASocketThatHasNoRoomForMuchOfWhatComesLosesNoByte) {
  expose(100'000);
  Pull pulling = pull(576);
  serve(pulling, 10);
  const Stats stats = pulling.stats();
  EXPECT_GT(flooded_, 5U * flood_datagrams);
  EXPECT_GT(stats.socket_drops, flooded_ / 2);
  EXPECT_LE(stats.socket_drops, flooded_ + stats.slices_asked);
}

// More than half of the buffer is one packet of these.
TEST_F(UdpPathDrops, AsksForSomethingHoweverSmallItsBufferIs) {
  expose(20'000);
  for (const std::uint32_t mtu : {0U, 1500U, 9000U}) {
    Pull pulling = pull(mtu);
    serve(pulling, 1'000'000);
    // After a second of nothing it would try shorter packets.
    EXPECT_LT(pulling.stats().time_to_first_chunk, 800ms) << mtu;
  }
}

}  // namespace
}  // namespace rgtp::packet
