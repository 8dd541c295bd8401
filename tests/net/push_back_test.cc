// An exposer over a link that takes no more for a while. To be run in a network namespace whose loopback is
// such a link: there the kernel keeps what was sent in the socket's send buffer until the link takes it.
#include <atomic>
#include <cstdlib>
#include <iostream>
#include <map>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>

#include "core/descriptor.h"
#include "packet/udp_exposer.h"
#include "support/datagrams.h"
#include "support/loop_thread.h"
#include "support/observers.h"
#include "support/pattern.h"

namespace rgtp::packet {
namespace {

using namespace std::chrono_literals;

constexpr std::uint16_t slice_bytes = 1400;
constexpr std::uint16_t slices_in_train = 40;

// Counts the trains that an exposer has taken out of its line, to send them.
class TrainCounter : public Observer {
 public:
  void on_event(const Event& event) override {
    if (const auto* const sent = std::get_if<event::DatagramSent>(&event)) datagrams_ += sent->datagrams;
  }
  std::uint32_t trains() const { return datagrams_ / slices_in_train; }

 private:
  std::atomic<std::uint32_t> datagrams_ = 0;
};

// Every socket that this thread opens from now on is in that namespace; threads that run already stay.
void enter(const std::string& space) {
  const core::Descriptor there(open(("/run/netns/" + space).c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_EQ(setns(there.get(), CLONE_NEWNET), 0) << space;
}

// A puller that asks, and waits for what comes.
class Asker {
 public:
  Asker(const Address& exposer, const SurfaceId& id)
      : socket_(UdpSocket::connect(exposer, {.receive_buffer_bytes = 4 << 20}).value()), id_(id) {}

  void greet() {
    ASSERT_EQ(socket_.send(test::datagram_of(Hello{.slice_capacity = slice_bytes, .id = id_})),
              IoStatus::done);
    while (cookie_ == Cookie{} && receive()) continue;
  }
  // For the beginning of the next chunk.
  void ask() {
    PullRequest pull{.first_ask = asked_ * slices_in_train,
                     .slice_bytes = slice_bytes,
                     .run_count = 1,
                     .id = id_,
                     .cookie = cookie_};
    pull.runs[0] = {ChunkIndex{asked_++}, 0, slices_in_train};
    ASSERT_EQ(socket_.send(test::datagram_of(pull)), IoStatus::done);
  }
  std::uint32_t asked() const { return asked_; }
  // False where nothing comes for a second.
  bool receive() {
    pollfd ready{.fd = socket_.descriptor(), .events = POLLIN, .revents = 0};
    if (poll(&ready, 1, 1000) != 1) return false;
    socket_.receive(batch_, [&](const Received& received) {
      if (const auto manifest = parse_manifest_answer(received.bytes)) cookie_ = manifest->cookie;
      if (const auto data = parse_data(received.bytes)) ++slices_[data->chunk];
    });
    return true;
  }
  // How many trains came whole.
  std::size_t trains() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(slices_, [](const auto& chunk) { return chunk.second == slices_in_train; }));
  }

 private:
  UdpSocket socket_;
  SurfaceId id_;
  ReceiveBatch batch_;
  Cookie cookie_{};
  std::uint32_t asked_ = 0;  // trains
  std::map<ChunkIndex, std::uint32_t> slices_;
};

// Whether the exposer gets to all that was asked for, before the link can have taken much of what was sent.
bool gets_to(const TrainCounter& counter, std::uint32_t trains) {
  for (int i = 0; i < 20 && counter.trains() < trains; ++i) std::this_thread::sleep_for(1ms);
  return counter.trains() >= trains;
}

TEST(UdpExposer, GoesOnSendingAsSoonAsTheSocketTakesMore) {
  constexpr std::uint32_t chunks = 50;
  constexpr std::uint32_t chunk_bytes = 65'536;
  constexpr std::uint64_t size = std::uint64_t{chunks} * chunk_bytes;
  const auto store = test::published_store(test::manifest_of(size, chunk_bytes), test::pattern(size));
  const char* const space = std::getenv("RGTP_ASKING_NAMESPACE");
  ASSERT_NE(space, nullptr);
  const test::LoopThread loop;
  ReceiveBatch batch;
  const auto counter = std::make_shared<TrainCounter>();
  std::shared_ptr<UdpExposer> exposer = loop.run([&] {
    auto opened = UdpExposer::open({.bind = "10.77.0.1:0"}, *loop, batch).value();
    EXPECT_TRUE(opened->add(store, counter));
    return opened;
  });
  enter(space);
  Asker asker(test::address_of("10.77.0.1", exposer->port()), store->manifest().id);
  asker.greet();
  do {
    ASSERT_LT(asker.asked(), chunks - 2) << "this link does not push back";
    asker.ask();
    asker.ask();
  } while (gets_to(*counter, asker.asked()));
  // Nobody wakes it up any more but the socket: the train at which it was interrupted goes out. What waited
  // behind that for too long is dropped.
  while (asker.trains() < asker.asked() && asker.receive()) continue;
  std::cout << "of " << asker.asked() << " trains " << counter->trains() << " were sent, " << asker.trains()
            << " came\n";
  EXPECT_GT(counter->trains(), 2U);
  EXPECT_EQ(asker.trains(), counter->trains());
  loop.run([&] { exposer.reset(); });
}

}  // namespace
}  // namespace rgtp::packet
