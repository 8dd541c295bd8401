#include "packet/outbox.h"

#include <vector>

#include <gtest/gtest.h>
#include <poll.h>

#include "support/datagrams.h"

namespace rgtp::packet {
namespace {

// Over loopback, where an ICMP message has arrived by the time that poll() tells of it.
class OutboxTest : public testing::Test {
 protected:
  static UdpSocket listen(std::uint16_t port) {
    return UdpSocket::bind(test::address_of("127.0.0.1", port), {}).value();
  }
  void add(std::uint8_t value) {
    outbox_.next()[0] = std::byte{value};
    outbox_.add(1);
  }
  std::vector<IoStatus> flush(UdpSocket& socket) {
    std::vector<IoStatus> troubles;
    outbox_.flush(socket, [&](IoStatus status) { troubles.push_back(status); });
    EXPECT_TRUE(outbox_.empty());
    return troubles;
  }
  // The first byte of each.
  std::vector<int> received(UdpSocket& socket) {
    std::vector<int> values;
    pollfd ready{.fd = socket.descriptor(), .events = POLLIN, .revents = 0};
    while (poll(&ready, 1, 50) == 1)
      socket.receive(batch_,
                     [&](const Received& one) { values.push_back(std::to_integer<int>(one.bytes[0])); });
    return values;
  }
  // Sends where nobody listens, until the socket knows.
  void hear_a_refusal(UdpSocket& socket) {
    add(0);
    EXPECT_TRUE(flush(socket).empty());
    pollfd error{.fd = socket.descriptor(), .events = 0, .revents = 0};
    ASSERT_EQ(poll(&error, 1, 5000), 1);
  }

  Outbox outbox_;
  ReceiveBatch batch_;
};

TEST_F(OutboxTest, SendsAllThatItHolds) {
  UdpSocket server = listen(0);
  UdpSocket client = UdpSocket::connect(server.local_address(), {}).value();
  for (std::uint8_t i = 1; i <= Outbox::capacity; ++i) add(i);
  EXPECT_TRUE(outbox_.is_full());
  EXPECT_TRUE(flush(client).empty());
  EXPECT_EQ(received(server).size(), Outbox::capacity);
}

TEST_F(OutboxTest, AnErrorFromBeforeIsToldAndStopsNothing) {
  std::optional<UdpSocket> server = listen(0);
  const Address address = server->local_address();
  UdpSocket client = UdpSocket::connect(address, {}).value();
  server.reset();
  hear_a_refusal(client);
  server = listen(address.port);
  for (std::uint8_t i = 1; i <= 3; ++i) add(i);
  EXPECT_EQ(flush(client), std::vector{IoStatus::refused});
  EXPECT_EQ(received(*server), (std::vector{1, 2, 3}));
}

TEST_F(OutboxTest, IsEmptyAlsoWhereNobodyListens) {
  UdpSocket client = UdpSocket::connect(listen(0).local_address(), {}).value();
  for (std::uint8_t i = 1; i <= 3; ++i) add(i);
  for (const IoStatus trouble : flush(client)) EXPECT_EQ(trouble, IoStatus::refused);
}

}  // namespace
}  // namespace rgtp::packet
