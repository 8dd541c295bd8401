// Real sockets on loopback, with and without the kernel's help.
#pragma once

#include <optional>
#include <vector>

#include <gtest/gtest.h>
#include <poll.h>

#include "packet/udp_socket.h"
#include "support/datagrams.h"
#include "support/pattern.h"

namespace rgtp::packet {

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
  void expect_train(const std::vector<Kept>& received) const {
    ASSERT_EQ(received.size(), train_.datagrams().size());
    for (std::size_t i = 0; i < received.size(); ++i) {
      const Train::Datagram& datagram = train_.datagrams()[i];
      Bytes expected(datagram.header.begin(), datagram.header.end());
      expected.insert(expected.end(), datagram.payload.begin(), datagram.payload.end());
      EXPECT_EQ(received[i].bytes, expected) << "datagram " << i;
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
    for (const Kept& answer : answers)
      EXPECT_EQ(answer.peer.remote, test::address_of(asked, server.local_address().port));
    expect_train(answers);
  }

  ReceiveBatch batch_;
  Train train_;
};

inline const auto all_offloads = testing::Values(Offload::automatic, Offload::off);
inline std::string name_of_offload(const testing::TestParamInfo<Offload>& parameter) {
  return parameter.param == Offload::off ? "singly" : "offload";
}

}  // namespace rgtp::packet
