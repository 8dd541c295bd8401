// Datagrams that somebody made up, each with an IPv4 and a UDP header in front whose source is anybody's:
// what forge_packets sends. They are made before any is sent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <netinet/in.h>

#include "packet/wire.h"

namespace rgtp::test {

// Addresses FIRST/LENGTH with ports first_port to last_port, one of which each packet comes from.
struct Sources {
  in_addr first{};
  unsigned length = 32;
  std::uint16_t first_port = 0;
  std::uint16_t last_port = 0;
};

struct Aim {
  Sources from;
  sockaddr_in to{};
  SurfaceId id;           // that the exposer has
  packet::Cookie cookie;  // what the kinds *_given go with
};

// One packet, headers included.
using Packet = std::vector<std::byte>;

class PacketForge {
 public:
  explicit PacketForge(const Aim& aim) : aim_(aim), random_(std::random_device{}()) {}

  // Of a kind that kinds() has.
  Packet make(std::string_view kind);
  static std::vector<std::string_view> kinds();

 private:
  using Datagram = std::vector<std::byte>;
  using Maker = Datagram (PacketForge::*)();
  struct Kind {
    std::string_view name;
    Maker make;
  };
  static const std::vector<Kind>& table();

  // What an exposer may be asked.
  packet::Hello any_hello();
  packet::PullRequest any_pull(std::uint16_t runs);
  packet::Poll any_poll();
  Datagram hello();
  Datagram hello_unknown();
  Datagram hello_cookie();
  Datagram hello_range();
  Datagram hello_given();
  Datagram next_version();
  Datagram next_version_short();
  Datagram next_version_cut();
  Datagram next_version_long();
  Datagram pull();
  Datagram pull_long();
  Datagram pull_given();
  Datagram poll();
  Datagram poll_given();
  // What a puller may be told.
  Datagram data();
  Datagram manifest();
  Datagram announce();
  Datagram refuse();
  // Either of them, and not as it should be.
  Datagram request();
  Datagram answer();
  Datagram cut_request();
  Datagram long_request();
  Datagram damaged_request();
  Datagram cut_answer();
  Datagram damaged_answer();
  Datagram noise();
  Datagram noise_with_magic();

  std::uint64_t number() { return random_(); }
  std::size_t below(std::size_t end) { return number() % end; }
  Datagram bytes(std::size_t count);
  packet::Cookie some_cookie();
  Datagram cut(Datagram datagram);
  Datagram damage(Datagram datagram);
  Datagram with_version(std::uint8_t version, std::size_t length);
  template <class Message>
  Datagram sealed(const Message& message);

  const Aim aim_;
  std::mt19937_64 random_;
};

}  // namespace rgtp::test
