// Sends made-up datagrams whose source is whoever they say, until COUNT are sent or it is told to end:
//
//     forge_packets send KIND[,KIND...] FROM TO PER_SECOND COUNT ID [COOKIE]
//     forge_packets cookie FROM TO ID
//     forge_packets hold ADDRESS:PORT
//
// FROM is ADDRESS[/LENGTH]:PORT[-PORT], of which each packet takes one by chance; TO is ADDRESS:PORT. A rate
// of 0 is as fast as it can, a count of 0 for ever. `send` prints how many packets and bytes of IP they were.
// `cookie` asks an exposer, honestly, and prints what it gave. `hold` has a socket there that nobody reads.
// Numeric IPv4 addresses; needs root, for a raw socket.
#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <thread>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "forged_packets.h"

namespace rgtp::test {

namespace {

using Clock = std::chrono::steady_clock;

// Different ones in turn: enough that no cache knows them, and few enough to be made in a moment.
constexpr std::size_t packets_made = 8192;
constexpr std::size_t most_at_once = 64;
constexpr auto longest_catch_up = std::chrono::milliseconds(2);

volatile std::sig_atomic_t told_to_end = 0;

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "forge_packets: %s\n", what);
  std::exit(2);
}

struct Sent {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
};

Sources sources_of(const std::string& text) {
  Sources sources;
  const auto colon = text.find(':');
  if (colon == std::string::npos) fail("expected ADDRESS[/LENGTH]:PORT[-PORT]");
  const auto slash = std::min(text.find('/'), colon);
  if (inet_pton(AF_INET, text.substr(0, slash).c_str(), &sources.first) != 1) fail("no IPv4 address");
  if (slash != colon) sources.length = static_cast<unsigned>(std::atoi(text.c_str() + slash + 1));
  const auto dash = text.find('-', colon);
  sources.first_port = sources.last_port = static_cast<std::uint16_t>(std::atoi(text.c_str() + colon + 1));
  if (dash != std::string::npos)
    sources.last_port = static_cast<std::uint16_t>(std::atoi(text.c_str() + dash + 1));
  if (sources.length > 32 || sources.last_port < sources.first_port) fail("such a range is none");
  return sources;
}

sockaddr_in address_of(const std::string& text) {
  const Sources one = sources_of(text);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr = one.first;
  address.sin_port = htons(one.first_port);
  return address;
}

SurfaceId id_of(const std::string& text) {
  const auto id = SurfaceId::from_hex(text);
  if (!id) fail("no surface id");
  return *id;
}

packet::Cookie cookie_of(const std::string& text) {
  // It has the length of an id, and looks like one.
  static_assert(sizeof(packet::Cookie) == sizeof(SurfaceId));
  return id_of(text).bytes;
}

std::vector<Packet> make_packets(const Aim& aim, const std::string& kinds) {
  std::vector<std::string> names;
  for (std::size_t at = 0; at <= kinds.size();) {
    const auto comma = std::min(kinds.find(',', at), kinds.size());
    names.push_back(kinds.substr(at, comma - at));
    at = comma + 1;
  }
  const auto known = PacketForge::kinds();
  for (const std::string& name : names)
    if (std::ranges::find(known, name) == known.end()) fail(("there is no kind " + name).c_str());
  PacketForge forge(aim);
  std::vector<Packet> packets;
  for (std::size_t i = 0; i < packets_made; ++i) packets.push_back(forge.make(names[i % names.size()]));
  return packets;
}

// Raw, and its packets bring their own IP headers.
int raw_socket() {
  const int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
  if (fd >= 0) return fd;
  std::perror("forge_packets");
  std::exit(1);
}

// One call's worth, from packet number `begin` on. How many went.
std::size_t send_some(int fd, const std::vector<Packet>& packets, const sockaddr_in& to, std::uint64_t begin,
                      std::size_t count) {
  std::array<mmsghdr, most_at_once> messages{};
  std::array<iovec, most_at_once> vectors;
  sockaddr_in where = to;
  where.sin_port = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const Packet& packet = packets[(begin + i) % packets.size()];
    vectors[i] = {const_cast<std::byte*>(packet.data()), packet.size()};
    messages[i].msg_hdr.msg_name = &where;
    messages[i].msg_hdr.msg_namelen = sizeof where;
    messages[i].msg_hdr.msg_iov = &vectors[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  const int sent = sendmmsg(fd, messages.data(), static_cast<unsigned>(count), 0);
  return sent > 0 ? static_cast<std::size_t>(sent) : 0;
}

Sent send_all(const std::vector<Packet>& packets, const sockaddr_in& to, std::uint64_t per_second,
              std::uint64_t count) {
  const int fd = raw_socket();
  Sent sent;
  auto next = Clock::now();
  while (told_to_end == 0 && (count == 0 || sent.packets < count)) {
    std::size_t some = most_at_once;
    if (count != 0) some = static_cast<std::size_t>(std::min<std::uint64_t>(some, count - sent.packets));
    const std::size_t went = send_some(fd, packets, to, sent.packets, some);
    for (std::size_t i = 0; i < went; ++i) sent.bytes += packets[(sent.packets + i) % packets.size()].size();
    sent.packets += went;
    if (per_second == 0) continue;
    next += std::chrono::nanoseconds(1'000'000'000 * went / per_second);
    // What the machine kept it from for longer is not made up for: it would be a burst of another rate.
    next = std::max(next, Clock::now() - longest_catch_up);
    std::this_thread::sleep_until(next);
  }
  close(fd);
  return sent;
}

int udp_socket(const std::string& own) {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = address_of(own);
  if (fd < 0 || bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    std::perror("forge_packets");
    std::exit(1);
  }
  return fd;
}

// What an exposer gives whoever asks from this address.
int print_cookie(const std::string& own, const std::string& exposer, const SurfaceId& id) {
  const int fd = udp_socket(own);
  const sockaddr_in to = address_of(exposer);
  const timeval patience{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  std::array<std::byte, packet::max_datagram_bytes> datagram;
  for (int tries = 0; tries < 5; ++tries) {
    const std::size_t length = packet::encode(packet::Hello{.slice_capacity = 1440, .id = id}, datagram);
    packet::seal_datagram(std::span(datagram).first(length));
    (void)sendto(fd, datagram.data(), length, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to);
    const ssize_t got = recv(fd, datagram.data(), datagram.size(), 0);
    if (got <= 0) continue;
    const auto answer =
        packet::parse_manifest_answer(std::span(datagram).first(static_cast<std::size_t>(got)));
    if (!answer) continue;
    std::puts(SurfaceId{answer->cookie}.to_hex().c_str());
    return 0;
  }
  fail("no cookie came");
}

int run(const std::vector<std::string>& words) {
  if (words.size() == 2 && words[0] == "hold") {
    const int fd = udp_socket(words[1]);
    while (told_to_end == 0) pause();
    close(fd);
    return 0;
  }
  if (words.size() == 4 && words[0] == "cookie") return print_cookie(words[1], words[2], id_of(words[3]));
  if ((words.size() != 7 && words.size() != 8) || words[0] != "send")
    fail(
        "usage: send KIND[,KIND...] FROM TO PER_SECOND COUNT ID [COOKIE] | cookie FROM TO ID | hold "
        "ADDRESS:PORT");
  Aim aim{sources_of(words[2]), address_of(words[3]), id_of(words[6]), {}};
  if (words.size() == 8) aim.cookie = cookie_of(words[7]);
  const Sent sent =
      send_all(make_packets(aim, words[1]), aim.to, std::strtoull(words[4].c_str(), nullptr, 10),
               std::strtoull(words[5].c_str(), nullptr, 10));
  std::printf("%llu packets, %llu bytes\n", static_cast<unsigned long long>(sent.packets),
              static_cast<unsigned long long>(sent.bytes));
  return 0;
}

}  // namespace

}  // namespace rgtp::test

int main(int argc, char** argv) {
  struct sigaction action {};
  action.sa_handler = [](int) { rgtp::test::told_to_end = 1; };
  sigaction(SIGTERM, &action, nullptr);
  return rgtp::test::run({argv + 1, argv + argc});
}
