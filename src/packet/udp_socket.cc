#include "packet/udp_socket.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <netinet/udp.h>
#include <unistd.h>

#include "packet/control.h"
#include "packet/socket_address.h"

namespace rgtp::packet {

namespace {

constexpr std::uint32_t send_buffer_bytes = 256 * 1024;
// A kernel that refuses this many trains in a row, and takes their datagrams singly, is asked no more.
constexpr int max_refused_trains = 3;

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

// What a segmented send says that the kernel cannot cut here: no checksum offload, IPsec, a datagram that is
// too long for the path (which singly is EMSGSIZE).
bool is_refusal_to_cut(int error) { return error == EIO || error == EINVAL; }

// How long these datagrams are, where the kernel can cut them from one send: at
// least two, all equally long but the last, which may be shorter. Else 0.
std::size_t common_bytes(std::span<const Train::Datagram> datagrams) {
  if (datagrams.size() < 2) return 0;
  const std::size_t bytes = datagrams.front().size();
  const auto equal = [&](const Train::Datagram& datagram) { return datagram.size() == bytes; };
  const bool cuttable = std::all_of(datagrams.begin(), datagrams.end() - 1, equal);
  return cuttable && datagrams.back().size() <= bytes ? bytes : 0;
}

using Pair = std::array<iovec, 2>;

Pair vectors_of(const Train::Datagram& datagram) {
  return {iovec{const_cast<std::byte*>(datagram.header.data()), datagram.header.size()},
          iovec{const_cast<std::byte*>(datagram.payload.data()), datagram.payload.size()}};
}

}  // namespace

Result<UdpSocket> UdpSocket::open(const Address& address, const SocketOptions& options) {
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
  set_option(fd, SOL_SOCKET, SO_RCVBUF, static_cast<int>(options.receive_buffer_bytes));
  set_option(fd, SOL_SOCKET, SO_SNDBUF, send_buffer_bytes);
  // PROBE, not DO: one forged ICMP message would otherwise stop every send.
  set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
  bool ok = true;
  if (family == AF_INET6) {
    set_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
    ok = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
  }
  if (!ok) return socket_error("cannot set a UDP socket up", errno);
  // Without these, arrival is when it was read, and drops look like losses of the path.
  set_option(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);
  set_option(fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
  UdpSocket opened(std::move(descriptor), family);
  if (options.offload == Offload::off) return opened;
  if (set_option(fd, IPPROTO_UDP, UDP_GRO, 1)) opened.arrivals_ = Arrivals::joined;
  opened.sends_whole_trains_ = true;
  return opened;
}

Result<UdpSocket> UdpSocket::bind(const Address& address, const SocketOptions& options) {
  auto opened = open(address, options);
  if (!opened) return opened;
  const int fd = opened->descriptor();
  // Requests are short, and each is one by itself: eight times as many buffers take them with one call.
  set_option(fd, IPPROTO_UDP, UDP_GRO, 0);
  opened->arrivals_ = Arrivals::one_by_one;
  const bool v6 = opened->family_ == AF_INET6;
  if (!set_option(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_RECVPKTINFO : IP_PKTINFO, 1))
    return socket_error("cannot set a UDP socket up", errno);
  // A dual-stack socket answers IPv4 with what IP_TOS says.
  set_option(fd, IPPROTO_IP, IP_TOS, ecn_capable);
  if (v6) set_option(fd, IPPROTO_IPV6, IPV6_TCLASS, ecn_capable);
  const SocketAddress to = to_socket_address(address, opened->family_);
  if (::bind(opened->descriptor(), to.get(), to.length) != 0) return bind_error(address, errno);
  return opened;
}

Result<UdpSocket> UdpSocket::connect(const Address& remote, const SocketOptions& options) {
  auto opened = open(remote, options);
  if (!opened) return opened;
  const bool v6 = opened->family_ == AF_INET6;
  set_option(opened->descriptor(), v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_RECVTCLASS : IP_RECVTOS, 1);
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

IoStatus UdpSocket::fill(ReceiveBatch& batch) {
  const int count = batch.fill(descriptor(), arrivals_);
  if (count < 0) return errno == EINTR ? IoStatus::done : status_of(errno);
  if (const auto total = batch.drops()) drops_ += *total - std::exchange(drops_seen_, *total);
  return count == 0 ? IoStatus::would_block : IoStatus::done;
}

IoStatus UdpSocket::send(const Train& train, std::size_t& sent) {
  const std::size_t segment_bytes = common_bytes(train.datagrams().subspan(sent));
  if (!sends_whole_trains_ || segment_bytes == 0) return send_one_by_one(train, sent);
  const IoStatus status = send_whole(train, sent, segment_bytes);
  if (status == IoStatus::done) refused_trains_ = 0;
  if (status != IoStatus::failed || !is_refusal_to_cut(errno)) return status;
  const std::size_t before = sent;
  const IoStatus singly = send_one_by_one(train, sent);
  // What cannot be sent either way says nothing about cutting.
  if (sent > before && ++refused_trains_ >= max_refused_trains) sends_whole_trains_ = false;
  return singly;
}

IoStatus UdpSocket::send_whole(const Train& train, std::size_t& sent, std::size_t segment_bytes) {
  const auto datagrams = train.datagrams();
  SocketAddress to = to_socket_address(train.peer().remote, family_);
  std::array<Pair, max_train_slices> vectors;
  std::size_t count = 0;
  for (const Train::Datagram& datagram : datagrams.subspan(sent)) vectors[count++] = vectors_of(datagram);
  msghdr message{};
  message.msg_name = to.get();
  message.msg_namelen = to.length;
  message.msg_iov = vectors.front().data();
  message.msg_iovlen = 2 * count;
  SendControl control;
  control.begin(message, family_, train.peer().local);
  control.add_segments(message, static_cast<std::uint16_t>(segment_bytes));
  while (sendmsg(descriptor(), &message, 0) < 0)
    if (errno != EINTR) return status_of(errno);
  sent = datagrams.size();
  return IoStatus::done;
}

IoStatus UdpSocket::send_one_by_one(const Train& train, std::size_t& sent) {
  const auto datagrams = train.datagrams();
  SocketAddress to = to_socket_address(train.peer().remote, family_);
  std::array<mmsghdr, max_train_slices> messages;
  std::array<Pair, max_train_slices> vectors;
  msghdr first{};
  first.msg_name = to.get();
  first.msg_namelen = to.length;
  SendControl control;
  control.begin(first, family_, train.peer().local);
  for (std::size_t i = sent; i < datagrams.size(); ++i) {
    vectors[i] = vectors_of(datagrams[i]);
    messages[i] = {.msg_hdr = first, .msg_len = 0};
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

IoStatus UdpSocket::send(std::span<const std::span<const std::byte>> datagrams, std::size_t& sent) {
  std::array<mmsghdr, max_outgoing> messages;
  std::array<iovec, max_outgoing> vectors;
  while (sent < datagrams.size()) {
    const std::size_t count = std::min(datagrams.size() - sent, max_outgoing);
    for (std::size_t i = 0; i < count; ++i) {
      const auto datagram = datagrams[sent + i];
      vectors[i] = {const_cast<std::byte*>(datagram.data()), datagram.size()};
      messages[i] = {};
      messages[i].msg_hdr.msg_iov = &vectors[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
    const int done = sendmmsg(descriptor(), messages.data(), static_cast<unsigned>(count), 0);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return status_of(errno);
    sent += static_cast<std::size_t>(done);
  }
  return IoStatus::done;
}

}  // namespace rgtp::packet
