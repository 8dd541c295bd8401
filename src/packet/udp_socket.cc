#include "packet/udp_socket.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "packet/socket_address.h"

namespace rgtp::packet {

namespace {

constexpr std::uint32_t send_buffer_bytes = 256 * 1024;
// One byte more than a datagram may have shows that it was longer.
constexpr std::size_t buffer_bytes = max_datagram_bytes + 1;
constexpr std::size_t control_bytes = CMSG_SPACE(sizeof(in6_pktinfo));

bool set_option(int fd, int level, int name, int value) {
  return setsockopt(fd, level, name, &value, sizeof value) == 0;
}

std::string endpoint_text(const Address& address) {
  const std::string host = host_text(address);
  return (address.is_v4() ? host : "[" + host + "]") + ":" + std::to_string(address.port);
}

tl::unexpected<Error> socket_error(const std::string& what, int error) {
  return fail(Errc::io_error, what + ": " + std::strerror(error));
}

tl::unexpected<Error> bind_error(const Address& address, int error) {
  const std::string where = endpoint_text(address);
  if (error == EADDRINUSE)
    return fail(Errc::address_in_use,
                "cannot listen on " + where + ": the port is taken, choose another or port 0");
  if (error == EADDRNOTAVAIL)
    return fail(Errc::invalid_argument, "cannot listen on " + where + ": this host has no such address");
  if (error == EACCES)
    return fail(Errc::denied,
                "cannot listen on " + where + ": ports below 1024 need a privilege, choose another");
  return socket_error("cannot listen on " + where, error);
}

IoStatus status_of(int error) {
  switch (error) {
    case EAGAIN:
#if EAGAIN != EWOULDBLOCK
    case EWOULDBLOCK:
#endif
    case ENOBUFS: return IoStatus::would_block;
    case ECONNREFUSED: return IoStatus::refused;
    case EMSGSIZE: return IoStatus::too_large;
    default: return IoStatus::failed;
  }
}

// The address that a datagram was sent to, from its control message.
Address destination_of(msghdr& message) {
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
      in_pktinfo info;
      std::memcpy(&info, CMSG_DATA(c), sizeof info);
      return from_in_addr(info.ipi_addr);
    }
    if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info;
      std::memcpy(&info, CMSG_DATA(c), sizeof info);
      return from_in6_addr(info.ipi6_addr);
    }
  }
  return {};
}

// Makes datagrams leave from `source`, by whatever interface routing says.
template <class Info>
void put_source(msghdr& message, int level, int type, const Info& info) {
  message.msg_controllen = CMSG_SPACE(sizeof info);
  cmsghdr* const c = CMSG_FIRSTHDR(&message);
  c->cmsg_level = level;
  c->cmsg_type = type;
  c->cmsg_len = CMSG_LEN(sizeof info);
  std::memcpy(CMSG_DATA(c), &info, sizeof info);
}

void put_source(msghdr& message, int family, const Address& source) {
  if (source.is_wildcard()) {
    message.msg_control = nullptr;
    message.msg_controllen = 0;
  } else if (family == AF_INET) {
    in_pktinfo info{};
    info.ipi_spec_dst = to_in_addr(source);
    put_source(message, IPPROTO_IP, IP_PKTINFO, info);
  } else {
    in6_pktinfo info{};
    info.ipi6_addr = to_in6_addr(source);
    put_source(message, IPPROTO_IPV6, IPV6_PKTINFO, info);
  }
}

}  // namespace

struct ReceiveBatch::Memory {
  std::vector<std::byte> bytes = std::vector<std::byte>(datagrams * buffer_bytes);
  std::array<mmsghdr, datagrams> messages{};
  std::array<iovec, datagrams> vectors{};
  std::array<sockaddr_storage, datagrams> senders{};
  alignas(cmsghdr) std::array<std::array<std::byte, control_bytes>, datagrams> controls{};
};

ReceiveBatch::ReceiveBatch() : memory_(std::make_unique<Memory>()) {}
ReceiveBatch::~ReceiveBatch() = default;

Result<UdpSocket> UdpSocket::open(const Address& address, std::uint32_t receive_buffer_bytes) {
  const int family = address.is_v4() ? AF_INET : AF_INET6;
  core::Descriptor descriptor(socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int fd = descriptor.get();
  if (fd < 0) {
    const int error = errno;
    return socket_error(error == EMFILE ? "the process has no file descriptor left for a socket (ulimit -n)"
                                        : "cannot make a UDP socket",
                        error);
  }
  // The kernel grants what net.core.rmem_max allows; what came of it is asked for with receive_buffer().
  set_option(fd, SOL_SOCKET, SO_RCVBUF, static_cast<int>(receive_buffer_bytes));
  set_option(fd, SOL_SOCKET, SO_SNDBUF, send_buffer_bytes);
  // PROBE, not DO: one forged ICMP message would otherwise stop every send.
  set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
  bool ok = true;
  if (family == AF_INET) {
    ok = set_option(fd, IPPROTO_IP, IP_PKTINFO, 1);
  } else {
    set_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
    ok = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0) && set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
  }
  if (!ok) return socket_error("cannot set a UDP socket up", errno);
  return UdpSocket(std::move(descriptor), family);
}

Result<UdpSocket> UdpSocket::bind(const Address& address, std::uint32_t receive_buffer_bytes) {
  auto opened = open(address, receive_buffer_bytes);
  if (!opened) return opened;
  const SocketAddress to = to_socket_address(address, opened->family_);
  if (::bind(opened->descriptor(), to.get(), to.length) != 0) return bind_error(address, errno);
  return opened;
}

Result<UdpSocket> UdpSocket::connect(const Address& remote, std::uint32_t receive_buffer_bytes) {
  auto opened = open(remote, receive_buffer_bytes);
  if (!opened) return opened;
  const SocketAddress to = to_socket_address(remote, opened->family_);
  if (::connect(opened->descriptor(), to.get(), to.length) != 0)
    return fail(Errc::unreachable, "cannot reach " + endpoint_text(remote) + ": " + std::strerror(errno) +
                                       "; is the address right, and is there a route to it?");
  return opened;
}

Address UdpSocket::local_address() const {
  SocketAddress own;
  own.length = sizeof own.storage;
  if (getsockname(descriptor(), own.get(), &own.length) != 0) return {};
  return from_socket_address(own.storage);
}

std::uint64_t UdpSocket::receive_buffer() const {
  int bytes = 0;
  socklen_t length = sizeof bytes;
  if (getsockopt(descriptor(), SOL_SOCKET, SO_RCVBUF, &bytes, &length) != 0) return 0;
  return static_cast<std::uint64_t>(bytes);
}

std::uint32_t UdpSocket::path_mtu() const {
  int mtu = 0;
  socklen_t length = sizeof mtu;
  const bool v4 = ip_version() == IpVersion::v4;
  const int level = v4 ? static_cast<int>(IPPROTO_IP) : static_cast<int>(IPPROTO_IPV6);
  if (getsockopt(descriptor(), level, v4 ? IP_MTU : IPV6_MTU, &mtu, &length) != 0 || mtu <= 0)
    return fallback_mtu;
  return static_cast<std::uint32_t>(mtu);
}

IpVersion UdpSocket::ip_version() const { return family_ == AF_INET ? IpVersion::v4 : IpVersion::v6; }

IoStatus UdpSocket::receive(ReceiveBatch& batch,
                            const std::function<void(const Peer&, std::span<const std::byte>)>& take) {
  auto& m = *batch.memory_;
  for (std::size_t i = 0; i < ReceiveBatch::datagrams; ++i) {
    m.vectors[i] = {m.bytes.data() + i * buffer_bytes, buffer_bytes};
    m.messages[i].msg_hdr = {.msg_name = &m.senders[i],
                             .msg_namelen = sizeof m.senders[i],
                             .msg_iov = &m.vectors[i],
                             .msg_iovlen = 1,
                             .msg_control = m.controls[i].data(),
                             .msg_controllen = control_bytes,
                             .msg_flags = 0};
  }
  const int count = recvmmsg(descriptor(), m.messages.data(), ReceiveBatch::datagrams, 0, nullptr);
  if (count < 0) return errno == EINTR ? IoStatus::done : status_of(errno);
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    const std::size_t length = m.messages[i].msg_len;
    if (length > max_datagram_bytes || m.messages[i].msg_hdr.msg_namelen == 0) continue;
    const Peer peer{from_socket_address(m.senders[i]), destination_of(m.messages[i].msg_hdr)};
    take(peer, std::span(m.bytes).subspan(i * buffer_bytes, length));
  }
  return count == 0 ? IoStatus::would_block : IoStatus::done;
}

IoStatus UdpSocket::send(const Train& train, std::size_t& sent) {
  const auto datagrams = train.datagrams();
  SocketAddress to = to_socket_address(train.peer().remote, family_);
  std::array<mmsghdr, max_train_slices> messages{};
  std::array<std::array<iovec, 2>, max_train_slices> vectors;
  alignas(cmsghdr) std::array<std::byte, control_bytes> control{};
  msghdr first{};
  first.msg_name = to.get();
  first.msg_namelen = to.length;
  first.msg_control = control.data();
  put_source(first, family_, train.peer().local);
  for (std::size_t i = sent; i < datagrams.size(); ++i) {
    const Train::Datagram& datagram = datagrams[i];
    vectors[i] = {iovec{const_cast<std::byte*>(datagram.header.data()), datagram.header.size()},
                  iovec{const_cast<std::byte*>(datagram.payload.data()), datagram.payload.size()}};
    messages[i].msg_hdr = first;
    messages[i].msg_hdr.msg_iov = vectors[i].data();
    messages[i].msg_hdr.msg_iovlen = vectors[i].size();
  }
  while (sent < datagrams.size()) {
    const int count =
        sendmmsg(descriptor(), messages.data() + sent, static_cast<unsigned>(datagrams.size() - sent), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return status_of(errno);
    sent += static_cast<std::size_t>(count);
  }
  return IoStatus::done;
}

IoStatus UdpSocket::send(std::span<const std::byte> datagram) {
  while (::send(descriptor(), datagram.data(), datagram.size(), 0) < 0)
    if (errno != EINTR) return status_of(errno);
  return IoStatus::done;
}

}  // namespace rgtp::packet
