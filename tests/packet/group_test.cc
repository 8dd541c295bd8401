// Over the loopback interface: nothing leaves this host.
#include <array>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rgtp/group.h>

#include "support/groups.h"
#include "support/ipv6.h"

namespace rgtp {
namespace {

using test::group_of_this_process;
using test::group_port;
using test::next_heard;

const Advertisement surface{
    .name = "model.bin", .size = 12'345, .host = "192.0.2.7", .port = 9000, .id = SurfaceId::random()};

TEST(Group, WhoJoinsHearsWhatIsSaid) {
  const std::string group = group_of_this_process(83);
  auto receiver = GroupReceiver::open(group);
  ASSERT_TRUE(receiver) << receiver.error().message();
  auto second = GroupReceiver::open(group);
  ASSERT_TRUE(second) << second.error().message();
  auto sender = GroupSender::open(group, "127.0.0.1:0");
  ASSERT_TRUE(sender) << sender.error().message();
  const auto sent = sender->send(surface);
  ASSERT_TRUE(sent) << sent.error().message();
  EXPECT_EQ(next_heard(*receiver), surface);
  EXPECT_EQ(next_heard(*second), surface);
  EXPECT_FALSE(receiver->receive());
}

TEST(Group, IsOfIpv6Too) {
  if (!test::has_ipv6()) GTEST_SKIP() << "this host has no IPv6";
  const std::string group = "[ff02::4752]:" + group_port();
  const auto receiver = GroupReceiver::open(group);
  EXPECT_TRUE(receiver) << receiver.error().message();
  auto sender = GroupSender::open(group, "[::1]:0");
  ASSERT_TRUE(sender) << sender.error().message();
  // The loopback interface routes no multicast.
  if (const auto sent = sender->send(surface); !sent) {
    EXPECT_EQ(sent.error().code, Errc::io_error);
  }
}

TEST(Group, WhatIsNoAdvertisementIsNotHeard) {
  const std::string group = group_of_this_process(84);
  auto receiver = GroupReceiver::open(group).value();
  const int stranger = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const in_addr loopback{htonl(INADDR_LOOPBACK)};
  ASSERT_EQ(::setsockopt(stranger, IPPROTO_IP, IP_MULTICAST_IF, &loopback, sizeof loopback), 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(group_port())));
  ::inet_pton(AF_INET, "239.255.71.84", &to.sin_addr);
  const std::array<std::byte, 600> zeros{};
  for (const std::size_t length : {std::size_t{0}, std::size_t{1}, std::size_t{60}, zeros.size()})
    ASSERT_EQ(::sendto(stranger, zeros.data(), length, 0, reinterpret_cast<sockaddr*>(&to), sizeof to),
              static_cast<ssize_t>(length));
  ::close(stranger);
  ASSERT_TRUE(GroupSender::open(group, "127.0.0.1:0").value().send(surface));
  EXPECT_EQ(next_heard(receiver), surface);
  EXPECT_FALSE(receiver.receive());
}

TEST(Group, WhatIsNoGroupIsRefused) {
  for (const char* const wrong :
       {"", "239.1.2.3", "239.1.2.3:0", "192.0.2.1:9", "[::1]:9", "group:9", "239.1.2.3:x"}) {
    EXPECT_EQ(GroupSender::open(wrong, "127.0.0.1:0").error().code, Errc::invalid_argument) << wrong;
    EXPECT_EQ(GroupReceiver::open(wrong).error().code, Errc::invalid_argument) << wrong;
  }
  auto sender = GroupSender::open(group_of_this_process(83), "127.0.0.1:0").value();
  Advertisement longer = surface;
  longer.host = std::string(254, 'h');
  EXPECT_EQ(sender.send(longer).error().code, Errc::invalid_argument);
}

TEST(Group, OnlyWhatIsOnANetworkIsAdvertisedAndItsIdWhereItIsToBe) {
  Manifest manifest = Manifest::make(1000, "name").value();
  const Locator network(Locator::Network{"host", 9, manifest.id});
  const auto without = advertisement_of(network, manifest, AdvertiseIds::no);
  ASSERT_TRUE(without);
  EXPECT_EQ(*without, (Advertisement{.name = "name", .size = 1000, .host = "host", .port = 9, .id = {}}));
  EXPECT_EQ(advertisement_of(network, manifest, AdvertiseIds::yes)->id, manifest.id);
  manifest.size_pending = true;
  EXPECT_FALSE(advertisement_of(network, manifest, AdvertiseIds::no)->size_known);
  EXPECT_FALSE(advertisement_of(Locator(Locator::ThisHost{manifest.id}), manifest, AdvertiseIds::yes));
}

}  // namespace
}  // namespace rgtp
