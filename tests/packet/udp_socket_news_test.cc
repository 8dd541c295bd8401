// What the kernel tells beside datagrams, and what it refuses to do.
#include <thread>

#include <netinet/in.h>

#include "packet/udp_socket_fixture.h"
#include "support/ipv6.h"

namespace rgtp::packet {
namespace {

class UdpSocketNewsTest : public UdpSocketTest {
 protected:
  static void set(const UdpSocket& socket, int level, int name, int value) {
    ASSERT_EQ(setsockopt(socket.descriptor(), level, name, &value, sizeof value), 0);
  }
  static int get(const UdpSocket& socket, int level, int name) {
    int value = -1;
    socklen_t length = sizeof value;
    EXPECT_EQ(getsockopt(socket.descriptor(), level, name, &value, &length), 0);
    return value;
  }
  // Whether a train from a server there arrives unmarked, and marked where its socket is made to mark.
  void expect_marks(const std::string& bound_to, const std::string& asked, int level, int name) {
    UdpSocket server = bound(bound_to);
    UdpSocket client = connected(asked, server.local_address().port);
    for (const Mark mark : {Mark::none, Mark::congestion}) {
      if (mark == Mark::congestion) set(server, level, name, ecn_congestion);
      fill_train({client.local_address(), test::address_of(asked)}, 3, 500);
      std::size_t sent = 0;
      ASSERT_EQ(server.send(train_, sent), IoStatus::done);
      for (const Kept& received : receive(client, 3)) EXPECT_EQ(received.mark, mark);
    }
  }
};

TEST_P(UdpSocketNewsTest, ABoundSocketSaysThatItUnderstandsMarks) {
  EXPECT_EQ(get(bound("127.0.0.1"), IPPROTO_IP, IP_TOS), ecn_capable);
  if (!test::has_ipv6()) GTEST_SKIP() << "no IPv6 here";
  const UdpSocket dual = bound("::");
  EXPECT_EQ(get(dual, IPPROTO_IP, IP_TOS), ecn_capable);
  EXPECT_EQ(get(dual, IPPROTO_IPV6, IPV6_TCLASS), ecn_capable);
}

TEST_P(UdpSocketNewsTest, TellsWhichDatagramsAreMarked) {
  expect_marks("127.0.0.1", "127.0.0.1", IPPROTO_IP, IP_TOS);
  if (!test::has_ipv6()) GTEST_SKIP() << "no IPv6 here";
  expect_marks("::1", "::1", IPPROTO_IPV6, IPV6_TCLASS);
  expect_marks("::", "127.0.0.2", IPPROTO_IP, IP_TOS);
}

TEST_P(UdpSocketNewsTest, TellsWhenADatagramArrivedAndNotWhenItWasRead) {
  using namespace std::chrono_literals;
  UdpSocket server = bound("127.0.0.1");
  UdpSocket client = connected("127.0.0.1", server.local_address().port);
  const TimePoint before = std::chrono::steady_clock::now();
  ASSERT_EQ(client.send(test::pattern(10)), IoStatus::done);
  const TimePoint after = std::chrono::steady_clock::now();
  std::this_thread::sleep_for(30ms);
  const auto received = receive(server, 1);
  ASSERT_EQ(received.size(), 1U);
  // The two clocks are read one after the other.
  EXPECT_GE(received[0].arrived, before - 5ms);
  EXPECT_LE(received[0].arrived, after + 5ms);
}

TEST_P(UdpSocketNewsTest, CountsWhatItHadNoRoomFor) {
  UdpSocket server = bound("127.0.0.1");
  UdpSocket client = connected("127.0.0.1", server.local_address().port,
                               {.receive_buffer_bytes = 1, .offload = Offload::off});
  const Peer peer{client.local_address(), {}};
  const auto drain = [&] {
    std::size_t count = 0;
    while (client.receive(batch_, [&](const Received&) { ++count; }) == IoStatus::done) continue;
    return count;
  };
  std::size_t sent = 0;
  fill_train(peer, max_train_slices, 900);
  ASSERT_EQ(server.send(train_, sent), IoStatus::done);
  const std::size_t taken = drain();
  EXPECT_GT(taken, 0U);
  EXPECT_LT(taken, max_train_slices);
  EXPECT_EQ(client.drops_since_last(), 0U);  // the next datagram tells
  sent = 0;
  fill_train(peer, 1, 900);
  ASSERT_EQ(server.send(train_, sent), IoStatus::done);
  EXPECT_EQ(drain(), 1U);
  EXPECT_EQ(client.drops_since_last(), max_train_slices - taken);
  EXPECT_EQ(client.drops_since_last(), 0U);
}

// The kernel cuts nothing that is to go without a checksum.
class UdpSocketRefusalTest : public UdpSocketNewsTest {
 protected:
  void SetUp() override {
    server_.emplace(bound("127.0.0.1"));
    client_.emplace(connected("127.0.0.1", server_->local_address().port));
  }
  void refuse_to_cut(bool refuse) { set(*server_, SOL_SOCKET, SO_NO_CHECK, refuse ? 1 : 0); }
  void expect_train_arrives() {
    fill_train({client_->local_address(), {}}, 10, 1000);
    std::size_t sent = 0;
    ASSERT_EQ(server_->send(train_, sent), IoStatus::done);
    EXPECT_EQ(sent, 10U);
    expect_train(receive(*client_, 10));
  }

  std::optional<UdpSocket> server_;
  std::optional<UdpSocket> client_;
};

TEST_P(UdpSocketRefusalTest, ATrainThatTheKernelDoesNotCutGoesSingly) {
  refuse_to_cut(true);
  expect_train_arrives();
  EXPECT_EQ(server_->sends_whole_trains(), GetParam() == Offload::automatic);
}

TEST_P(UdpSocketRefusalTest, ThreeRefusalsInARowAreEnough) {
  refuse_to_cut(true);
  for (int i = 0; i < 3; ++i) expect_train_arrives();
  EXPECT_FALSE(server_->sends_whole_trains());
  refuse_to_cut(false);
  expect_train_arrives();
  EXPECT_FALSE(server_->sends_whole_trains());
}

TEST_P(UdpSocketRefusalTest, ASendThatWorksForgivesTheRefusalsBefore) {
  for (int i = 0; i < 3; ++i) {
    refuse_to_cut(true);
    expect_train_arrives();
    expect_train_arrives();
    refuse_to_cut(false);
    expect_train_arrives();
  }
  EXPECT_EQ(server_->sends_whole_trains(), GetParam() == Offload::automatic);
}

TEST_P(UdpSocketRefusalTest, DatagramsThatAreTooLargeAreNoRefusalToCut) {
  const Bytes long_payload(65'500);
  for (int i = 0; i < 4; ++i) {
    train_.begin({client_->local_address(), {}}, nullptr);
    train_.add().payload = long_payload;
    train_.add().payload = long_payload;
    std::size_t sent = 0;
    ASSERT_EQ(server_->send(train_, sent), IoStatus::too_large);
    EXPECT_EQ(sent, 0U);
  }
  expect_train_arrives();
  EXPECT_EQ(server_->sends_whole_trains(), GetParam() == Offload::automatic);
}

INSTANTIATE_TEST_SUITE_P(Over, UdpSocketNewsTest, all_offloads, name_of_offload);
INSTANTIATE_TEST_SUITE_P(Over, UdpSocketRefusalTest, all_offloads, name_of_offload);

}  // namespace
}  // namespace rgtp::packet
