#include "packet/control.h"

#include <cassert>
#include <cstring>

#include <netinet/in.h>
#include <netinet/udp.h>

#include "packet/socket_address.h"

namespace rgtp::packet {

namespace {

static_assert(received_control_bytes >= 2 * CMSG_SPACE(sizeof(in6_pktinfo)) + 3 * CMSG_SPACE(sizeof(int)) +
                                            CMSG_SPACE(sizeof(timespec)) + CMSG_SPACE(sizeof(std::uint32_t)));

template <class Value>
Value value_of(const cmsghdr& control) {
  Value value{};
  std::memcpy(&value, CMSG_DATA(&control), sizeof value);
  return value;
}

void read_socket_level(const cmsghdr& control, ReceivedControl& out) {
  if (control.cmsg_type == SCM_TIMESTAMPNS) {
    const auto stamp = value_of<timespec>(control);
    out.stamp = std::chrono::seconds(stamp.tv_sec) + std::chrono::nanoseconds(stamp.tv_nsec);
  } else if (control.cmsg_type == SO_RXQ_OVFL) {
    out.drops = value_of<std::uint32_t>(control);
  }
}

}  // namespace

ReceivedControl read_control(msghdr& message) {
  ReceivedControl out;
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    switch (c->cmsg_level) {
      case SOL_SOCKET: read_socket_level(*c, out); break;
      case IPPROTO_IP:
        // Received, it is one octet, whatever its option takes.
        if (c->cmsg_type == IP_TOS) out.mark = mark_of(value_of<std::uint8_t>(*c));
        if (c->cmsg_type == IP_PKTINFO) out.destination = from_in_addr(value_of<in_pktinfo>(*c).ipi_addr);
        break;
      case IPPROTO_IPV6:
        if (c->cmsg_type == IPV6_TCLASS) out.mark = mark_of(value_of<int>(*c));
        if (c->cmsg_type == IPV6_PKTINFO)
          out.destination = from_in6_addr(value_of<in6_pktinfo>(*c).ipi6_addr);
        break;
      case IPPROTO_UDP:
        if (c->cmsg_type == UDP_GRO) out.segments = static_cast<std::size_t>(value_of<int>(*c));
        break;
      default: break;
    }
  }
  return out;
}

template <class Value>
void SendControl::add(msghdr& message, int level, int type, const Value& value) {
  const std::size_t before = message.msg_controllen;
  assert(before + CMSG_SPACE(sizeof value) <= bytes_.size());
  message.msg_control = bytes_.data();
  message.msg_controllen = before + CMSG_SPACE(sizeof value);
  auto* const c = reinterpret_cast<cmsghdr*>(bytes_.data() + before);
  c->cmsg_level = level;
  c->cmsg_type = type;
  c->cmsg_len = CMSG_LEN(sizeof value);
  std::memcpy(CMSG_DATA(c), &value, sizeof value);
}

void SendControl::begin(msghdr& message, int family, const Address& source) {
  message.msg_control = nullptr;
  message.msg_controllen = 0;
  if (source.is_wildcard()) return;
  if (family == AF_INET) {
    in_pktinfo info{};
    info.ipi_spec_dst = to_in_addr(source);
    add(message, IPPROTO_IP, IP_PKTINFO, info);
  } else {
    in6_pktinfo info{};
    info.ipi6_addr = to_in6_addr(source);
    add(message, IPPROTO_IPV6, IPV6_PKTINFO, info);
  }
}

void SendControl::add_segments(msghdr& message, std::uint16_t bytes) {
  add(message, IPPROTO_UDP, UDP_SEGMENT, bytes);
}

}  // namespace rgtp::packet
