// Real sockets on loopback.
#include "packet/udp_socket.h"

#include <optional>

#include <gtest/gtest.h>
#include <poll.h>

#include "support/datagrams.h"
#include "support/ipv6.h"
#include "support/pattern.h"

namespace rgtp::packet {
namespace {

using Bytes = std::vector<std::byte>;

// What Received was, kept.
struct Kept {
  Peer peer;
  TimePoint arrived;
  Mark mark;
  Bytes bytes;
};

// Whether the kernel cuts and joins, or not: the same comes of it.
class UdpSocketTest : public testing::TestWithParam<Offload> {
 protected:
  static SocketOptions options() { return {.receive_buffer_bytes = 1 << 20, .offload = GetParam()}; }
  static UdpSocket bound(const std::string& ip, const SocketOptions& options = UdpSocketTest::options()) {
    auto socket = UdpSocket::bind(test::address_of(ip, 0), options);
    EXPECT_TRUE(socket) << ip;
    return std::move(*socket);
  }
  static UdpSocket connected(const std::string& ip, std::uint16_t port,
                             const SocketOptions& options = UdpSocketTest::options()) {
    auto socket = UdpSocket::connect(test::address_of(ip, port), options);
    EXPECT_TRUE(socket) << ip;
    return std::move(*socket);
  }
  // Until something can be read, or an error.
  static void wait_for(const UdpSocket& socket) {
    pollfd ready{.fd = socket.descriptor(), .events = POLLIN, .revents = 0};
    EXPECT_EQ(poll(&ready, 1, 5000), 1);
  }
  std::vector<Kept> receive(UdpSocket& socket, std::size_t count) {
    std::vector<Kept> received;
    while (received.size() < count) {
      wait_for(socket);
      if (HasFailure()) break;
      socket.receive(batch_, [&](const Received& one) {
        received.push_back({one.peer, one.arrived, one.mark, Bytes(one.bytes.begin(), one.bytes.end())});
      });
    }
    return received;
  }
  // Fills `train_` with `count` datagrams of `payload_bytes` each.
  void fill_train(const Peer& peer, std::size_t count, std::size_t payload_bytes) {
    train_.begin(peer, nullptr);
    for (std::size_t i = 0; i < count; ++i) {
      Train::Datagram& datagram = train_.add();
      datagram.header.fill(static_cast<std::byte>(i));
      const auto payload = train_.take_scratch(payload_bytes);
      test::fill_pattern(payload, 0, i);
      datagram.payload = payload;
    }
  }
  // A question to `asked`, and that the answer comes from there.
  void expect_answer_from(UdpSocket& server, const std::string& asked) {
    UdpSocket client = connected(asked, server.local_address().port);
    ASSERT_EQ(client.send(test::pattern(100)), IoStatus::done);
    const auto questions = receive(server, 1);
    ASSERT_EQ(questions.size(), 1U);
    EXPECT_EQ(questions[0].bytes, test::pattern(100));
    EXPECT_EQ(questions[0].peer.remote, client.local_address());
    EXPECT_EQ(questions[0].peer.local.ip, test::address_of(asked).ip);
    fill_train(questions[0].peer, 3, 200);
    std::size_t sent = 0;
    ASSERT_EQ(server.send(train_, sent), IoStatus::done);
    EXPECT_EQ(sent, 3U);
    // A connected socket takes answers from the address that it asked, and from no other.
    const auto answers = receive(client, 3);
    ASSERT_EQ(answers.size(), 3U);
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(answers[i].peer.remote, test::address_of(asked, server.local_address().port));
      Bytes expected(header_bytes, static_cast<std::byte>(i));
      const auto payload = test::pattern(200, i);
      expected.insert(expected.end(), payload.begin(), payload.end());
      EXPECT_EQ(answers[i].bytes, expected);
    }
  }

  ReceiveBatch batch_;
  Train train_;
};

TEST_P(UdpSocketTest, AnswersOverIpv4) {
  UdpSocket server = bound("127.0.0.1");
  EXPECT_EQ(server.ip_version(), IpVersion::v4);
  EXPECT_NE(server.local_address().port, 0);
  expect_answer_from(server, "127.0.0.1");
}

TEST_P(UdpSocketTest, AnswersOverIpv6) {
  if (!test::has_ipv6()) GTEST_SKIP() << "no IPv6 here";
  UdpSocket server = bound("::1");
  EXPECT_EQ(server.ip_version(), IpVersion::v6);
  expect_answer_from(server, "::1");
}

TEST_P(UdpSocketTest, AWildcardAnswersFromTheAddressThatWasAsked) {
  UdpSocket server = bound("0.0.0.0");
  expect_answer_from(server, "127.0.0.1");
  expect_answer_from(server, "127.0.0.2");
  expect_answer_from(server, "127.3.4.5");
}

TEST_P(UdpSocketTest, ADualStackSocketAnswersBothFromTheAddressThatWasAsked) {
  if (!test::has_ipv6()) GTEST_SKIP() << "no IPv6 here";
  UdpSocket server = bound("::");
  expect_answer_from(server, "127.0.0.1");
  expect_answer_from(server, "127.0.0.2");
  expect_answer_from(server, "::1");
}

TEST_P(UdpSocketTest, SendsAndReceivesTheLongestTrain) {
  UdpSocket server = bound("127.0.0.1");
  UdpSocket client = connected("127.0.0.1", server.local_address().port);
  ASSERT_EQ(client.send(test::pattern(1)), IoStatus::done);
  const auto question = receive(server, 1);
  ASSERT_EQ(question.size(), 1U);
  fill_train(question[0].peer, max_train_slices, 900);
  std::size_t sent = 0;
  ASSERT_EQ(server.send(train_, sent), IoStatus::done);
  const auto answers = receive(client, max_train_slices);
  ASSERT_EQ(answers.size(), max_train_slices);
  for (std::size_t i = 0; i < answers.size(); ++i) EXPECT_EQ(answers[i].bytes[0], static_cast<std::byte>(i));
}

TEST_P(UdpSocketTest, GoesOnWhereATrainWasInterrupted) {
  UdpSocket server = bound("127.0.0.1");
  UdpSocket client = connected("127.0.0.1", server.local_address().port);
  fill_train({client.local_address(), test::address_of("127.0.0.1")}, 5, 10);
  std::size_t sent = 3;
  ASSERT_EQ(server.send(train_, sent), IoStatus::done);
  EXPECT_EQ(sent, 5U);
  const auto answers = receive(client, 2);
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers[0].bytes[0], std::byte{3});
}

TEST_P(UdpSocketTest, TakesTheLongestDatagramAndNoneThatIsLonger) {
  UdpSocket server = bound("127.0.0.1");
  UdpSocket client = connected("127.0.0.1", server.local_address().port);
  ASSERT_EQ(client.send(test::pattern(max_datagram_bytes + 1)), IoStatus::done);
  ASSERT_EQ(client.send(test::pattern(max_datagram_bytes)), IoStatus::done);
  ASSERT_EQ(client.send(Bytes{}), IoStatus::done);
  const auto received = receive(server, 2);
  ASSERT_EQ(received.size(), 2U);
  EXPECT_EQ(received[0].bytes, test::pattern(max_datagram_bytes));
  EXPECT_TRUE(received[1].bytes.empty());
}

TEST_P(UdpSocketTest, ReceivesNothingWhereThereIsNothing) {
  UdpSocket server = bound("127.0.0.1");
  EXPECT_EQ(server.receive(batch_, [](const Received&) { ADD_FAILURE(); }), IoStatus::would_block);
}

TEST_P(UdpSocketTest, SaysThatNobodyListens) {
  std::uint16_t closed = 0;
  {
    const UdpSocket server = bound("127.0.0.1");
    closed = server.local_address().port;
  }
  UdpSocket client = connected("127.0.0.1", closed);
  ASSERT_EQ(client.send(test::pattern(10)), IoStatus::done);
  wait_for(client);
  EXPECT_EQ(client.receive(batch_, [](const Received&) { ADD_FAILURE(); }), IoStatus::refused);
}

TEST_P(UdpSocketTest, SaysThatADatagramIsTooLarge) {
  UdpSocket server = bound("127.0.0.1");
  UdpSocket client = connected("127.0.0.1", server.local_address().port);
  EXPECT_EQ(client.send(Bytes(65'530)), IoStatus::too_large);
}

TEST_P(UdpSocketTest, AConnectedSocketHearsOnlyItsPeer) {
  UdpSocket server = bound("127.0.0.1");
  UdpSocket stranger = bound("127.0.0.1");
  UdpSocket client = connected("127.0.0.1", server.local_address().port);
  std::size_t sent = 0;
  fill_train({client.local_address(), {}}, 1, 10);
  ASSERT_EQ(stranger.send(train_, sent), IoStatus::done);
  sent = 0;
  ASSERT_EQ(server.send(train_, sent), IoStatus::done);
  const auto received = receive(client, 1);
  ASSERT_EQ(received.size(), 1U);
  EXPECT_EQ(received[0].peer.remote, server.local_address());
  EXPECT_EQ(client.receive(batch_, [](const Received&) { ADD_FAILURE(); }), IoStatus::would_block);
}

TEST_P(UdpSocketTest, KnowsWhatLoopbackCarriesAndWhatItWasGranted) {
  UdpSocket server = bound("127.0.0.1");
  UdpSocket client = connected("127.0.0.1", server.local_address().port);
  EXPECT_GE(client.path_mtu(), 16'384U);
  EXPECT_EQ(server.path_mtu(), fallback_mtu);  // not connected: no path
  EXPECT_GE(client.receive_buffer(), 65'536U);
}

TEST_P(UdpSocketTest, SaysWhyItCannotBind) {
  const UdpSocket first = bound("127.0.0.1");
  const auto taken = UdpSocket::bind(first.local_address(), options());
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, Errc::address_in_use);
  const auto foreign = UdpSocket::bind(test::address_of("192.0.2.1", 0), options());
  ASSERT_FALSE(foreign);
  EXPECT_EQ(foreign.error().code, Errc::invalid_argument);
  EXPECT_NE(foreign.error().text.find("192.0.2.1"), std::string::npos);
}

TEST_P(UdpSocketTest, MovesWithItsDescriptor) {
  UdpSocket socket = bound("127.0.0.1");
  const int fd = socket.descriptor();
  UdpSocket other = std::move(socket);
  EXPECT_EQ(other.descriptor(), fd);
  other = bound("127.0.0.1");
  EXPECT_GE(other.descriptor(), 0);
  // What is left is closed. NOLINTNEXTLINE(bugprone-use-after-move, clang-analyzer-cplusplus.Move)
  EXPECT_EQ(socket.descriptor(), -1);
}

INSTANTIATE_TEST_SUITE_P(Over, UdpSocketTest, testing::Values(Offload::automatic, Offload::off),
                         [](const auto& parameter) {
                           return parameter.param == Offload::off ? "singly" : "offload";
                         });

}  // namespace
}  // namespace rgtp::packet
