#include "packet/udp_socket_fixture.h"
#include "support/ipv6.h"

namespace rgtp::packet {
namespace {

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

// The receiver's kernel joins or not, whatever the sender's did.
TEST_P(UdpSocketTest, TrainsArriveAsTheDatagramsThatTheyAre) {
  struct Shape {
    std::size_t count, payload_bytes, last_payload_bytes;
  };
  for (const Shape& shape : {Shape{64, 480, 480}, Shape{7, 8160, 8160}, Shape{45, 1426 - 32, 1426 - 32},
                             Shape{2, 1000, 999}, Shape{9, 700, 1}, Shape{1, 8968, 8968}, Shape{5, 1200, 0}})
    for (const Offload receiver : {Offload::automatic, Offload::off}) {
      UdpSocket server = bound("127.0.0.1");
      UdpSocket client = connected("127.0.0.1", server.local_address().port,
                                   {.receive_buffer_bytes = 1 << 20, .offload = receiver});
      fill_train({client.local_address(), {}}, shape.count, shape.payload_bytes);
      train_.last().payload = train_.last().payload.first(shape.last_payload_bytes);
      std::size_t sent = 0;
      ASSERT_EQ(server.send(train_, sent), IoStatus::done);
      EXPECT_EQ(sent, shape.count);
      expect_train(receive(client, shape.count));
      EXPECT_TRUE(server.sends_whole_trains() || GetParam() == Offload::off);
    }
}

TEST_P(UdpSocketTest, SendsDatagramsOfDifferentLengthsToo) {
  UdpSocket server = bound("127.0.0.1");
  UdpSocket client = connected("127.0.0.1", server.local_address().port);
  fill_train({client.local_address(), {}}, 3, 100);
  Train::Datagram& longer = train_.add();
  longer.header.fill(std::byte{3});
  longer.payload = train_.take_scratch(500);
  std::size_t sent = 0;
  ASSERT_EQ(server.send(train_, sent), IoStatus::done);
  expect_train(receive(client, 4));
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

INSTANTIATE_TEST_SUITE_P(Over, UdpSocketTest, all_offloads, name_of_offload);

}  // namespace
}  // namespace rgtp::packet
