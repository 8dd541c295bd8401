// What the transport checks before it opens a socket on a loop.
#include <gtest/gtest.h>

#include <rgtp/pending.h>
#include <rgtp/transports.h>

#include "support/memory_sink.h"
#include "support/observers.h"
#include "support/surfaces.h"

namespace rgtp::packet {
namespace {

// A loop that watches nothing: `limit` is as far as anybody comes on it.
class FullLoop : public EventLoop {
 public:
  Result<void> post(std::function<void()> /*task*/) override { return fail(Errc::limit, "full"); }
  bool on_loop_thread() const override { return true; }
  TimePoint now() const override { return {}; }
  std::unique_ptr<Timer> timer(std::function<void()> /*fire*/) override { return nullptr; }
  Result<std::unique_ptr<Watch>> watch(int /*fd*/, std::function<void(Watch::Ready)> /*ready*/) override {
    return fail(Errc::limit, "full");
  }
  void offload(std::function<void()> /*work*/, std::function<void()> /*done*/) override {}
  std::shared_ptr<void> on_closing(std::function<void()> /*end*/) override { return nullptr; }
  Pending<void> close() override { std::abort(); }  // nobody does
  void* native() override { return nullptr; }
};

Errc expose_error(std::uint32_t mtu) {
  FullLoop loop;
  const auto store = test::published_store(test::manifest_of(0), {});
  const auto exposed =
      udp_transport({.mtu = mtu})->expose(store, Offer{}, loop, std::make_shared<test::NullObserver>());
  return exposed.error().code;
}

Errc pull_error(std::uint32_t mtu) {
  FullLoop loop;
  test::MemorySink sink;
  const Locator locator(Locator::Network{"127.0.0.1", 9, SurfaceId::random()});
  const auto pull = udp_transport({.mtu = mtu})->pull(locator, sink, loop);
  return pull.error().code;
}

TEST(UdpTransport, TakesAnMtuThatThereCanBe) {
  for (const std::uint32_t mtu : {0, 576, 1500, 9000}) {
    EXPECT_EQ(expose_error(mtu), Errc::limit) << mtu;
    EXPECT_EQ(pull_error(mtu), Errc::limit) << mtu;
  }
  for (const std::uint32_t mtu : {1U, 575U, 9001U, 0xffff'ffffU}) {
    EXPECT_EQ(expose_error(mtu), Errc::invalid_argument) << mtu;
    EXPECT_EQ(pull_error(mtu), Errc::invalid_argument) << mtu;
  }
}

TEST(UdpTransport, TakesAFixedRateOnlyWithTheRate) {
  FullLoop loop;
  test::MemorySink sink;
  const Locator locator(Locator::Network{"127.0.0.1", 9, SurfaceId::random()});
  for (const auto& [rate, expected] : {std::pair{0U, Errc::invalid_argument}, std::pair{1U, Errc::limit}}) {
    const auto transport = udp_transport({.congestion = Congestion::fixed, .fixed_rate = rate});
    EXPECT_EQ(transport->pull(locator, sink, loop).error().code, expected) << rate;
  }
}

}  // namespace
}  // namespace rgtp::packet
