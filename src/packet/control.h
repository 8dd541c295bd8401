// Control messages: what the kernel says beside a datagram, and is told beside one (cmsg(3), ip(7), ipv6(7),
// udp(7), socket(7)).
#pragma once

#include <array>
#include <optional>

#include <sys/socket.h>

#include "packet/address.h"
#include "packet/mark.h"

namespace rgtp::packet {

// What recvmsg() reported beside one buffer. Each stands there only where its socket option is set.
struct ReceivedControl {
  Address destination;                  // that it was sent to: one of ours, without a port
  Mark mark = Mark::none;               // IP_RECVTOS, IPV6_RECVTCLASS
  std::optional<Duration> stamp;        // of its arrival, by the wall clock: SO_TIMESTAMPNS
  std::optional<std::uint32_t> drops;   // of this socket since it was made, modulo 2^32: SO_RXQ_OVFL
  std::optional<std::size_t> segments;  // bytes of each datagram but the last that the buffer holds: UDP_GRO
};

// Room for all of them, of both families.
inline constexpr std::size_t received_control_bytes = 256;

ReceivedControl read_control(msghdr& message);

// What stands beside a send. Reused; belongs to one msghdr at a time, which it outlives.
class SendControl {
 public:
  // Begins anew: datagrams leave from `source`, by whatever interface routing says; from wherever routing
  // says where it is the wildcard. Its port is ignored.
  void begin(msghdr& message, int family, const Address& source);
  // The kernel is to cut the payload into datagrams of this many bytes: UDP_SEGMENT.
  void add_segments(msghdr& message, std::uint16_t bytes);

 private:
  template <class Value>
  void add(msghdr& message, int level, int type, const Value& value);

  alignas(cmsghdr) std::array<std::byte, 128> bytes_{};
};

}  // namespace rgtp::packet
