// Advertisements by multicast: what rgtp/group.h promises.
#include <array>
#include <cerrno>
#include <system_error>
#include <variant>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rgtp/group.h>

#include "core/descriptor.h"
#include "packet/socket_address.h"
#include "packet/wire.h"

namespace rgtp {

using packet::Address;

namespace {

constexpr int ipv6_multicast_all = 29;  // Linux 4.20; older headers lack it

// Datagrams in a row that are no advertisements: whoever sends more of them is not to hold anybody up.
constexpr int most_passed_over = 256;

struct Group {
  Address address;
  int family = AF_INET;
};

bool is_multicast(const Address& address) {
  if (address.is_v4()) return IN_MULTICAST(ntohl(packet::to_in_addr(address).s_addr));
  const in6_addr ip = packet::to_in6_addr(address);
  return IN6_IS_ADDR_MULTICAST(&ip);
}

Result<Group> parse_group(const std::string& text) {
  const auto address = packet::parse_bind(text);
  if (!address || !is_multicast(*address) || address->port == 0)
    return fail(Errc::invalid_argument,
                "'" + text + "' is no multicast group: expected ADDRESS:PORT, such as " + default_group);
  return Group{*address, address->is_v4() ? AF_INET : AF_INET6};
}

tl::unexpected<Error> failed(const std::string& what, const std::string& group, int error) {
  const Errc code = error == EACCES || error == EPERM ? Errc::denied
                    : error == EADDRINUSE             ? Errc::address_in_use
                                                      : Errc::io_error;
  return fail(code, "cannot " + what + " the group " + group + ": " + std::generic_category().message(error) +
                        ": check this host's interfaces and routes");
}

Result<core::Descriptor> open_socket(const Group& group, const std::string& name) {
  core::Descriptor socket(::socket(group.family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return failed("open a socket for", name, errno);
  return socket;
}

template <class Value>
bool set(const core::Descriptor& socket, int level, int option, const Value& value) {
  return ::setsockopt(socket.get(), level, option, &value, sizeof value) == 0;
}

}  // namespace

std::optional<Advertisement> advertisement_of(const Locator& locator, const Manifest& manifest,
                                              AdvertiseIds ids) {
  const auto* network = std::get_if<Locator::Network>(&locator.where());
  if (network == nullptr) return std::nullopt;
  Advertisement advertisement{.name = manifest.name,
                              .size = manifest.size,
                              .size_known = !manifest.size_pending,
                              .host = network->host,
                              .port = network->port,
                              .id = {}};
  if (ids == AdvertiseIds::yes) advertisement.id = network->id;
  return advertisement;
}

struct GroupSender::State {
  core::Descriptor socket;
  packet::SocketAddress group;
  std::string name;
};

GroupSender::GroupSender(std::unique_ptr<State> state) : state_(std::move(state)) {}
GroupSender::GroupSender(GroupSender&&) noexcept = default;
GroupSender& GroupSender::operator=(GroupSender&&) noexcept = default;
GroupSender::~GroupSender() = default;

Result<GroupSender> GroupSender::open(const std::string& group, const std::string& from) {
  const auto parsed = parse_group(group);
  if (!parsed) return fail(parsed.error());
  const auto source = packet::parse_bind(from);
  if (!source) return fail(source.error());
  auto socket = open_socket(*parsed, group);
  if (!socket) return fail(std::move(socket).error());
  // By default a datagram to a group goes no further than this network.
  const unsigned by = packet::interface_with(*source);
  const bool told =
      parsed->family == AF_INET
          ? set(*socket, IPPROTO_IP, IP_MULTICAST_IF,
                ip_mreqn{.imr_multiaddr = {}, .imr_address = {}, .imr_ifindex = static_cast<int>(by)})
          : set(*socket, IPPROTO_IPV6, IPV6_MULTICAST_IF, by);
  if (by != 0 && !told) return failed("send to", group, errno);
  return GroupSender(std::make_unique<State>(
      State{std::move(*socket), packet::to_socket_address(parsed->address, parsed->family), group}));
}

Result<void> GroupSender::send(const Advertisement& advertisement) {
  if (advertisement.host.empty() || advertisement.host.size() > packet::max_host_bytes ||
      advertisement.name.size() > Manifest::max_name_bytes)
    return fail(Errc::invalid_argument,
                "an advertisement has a host of at most 253 bytes and a name of at most 255");
  std::array<std::byte, packet::max_advertise_bytes> datagram;
  const std::size_t length = packet::encode({.size = advertisement.size,
                                             .size_known = advertisement.size_known,
                                             .port = advertisement.port,
                                             .id = advertisement.id,
                                             .host = advertisement.host,
                                             .name = advertisement.name},
                                            datagram);
  packet::seal_datagram(std::span(datagram).first(length));
  const ssize_t sent = ::sendto(state_->socket.get(), datagram.data(), length, MSG_NOSIGNAL,
                                state_->group.get(), state_->group.length);
  // What finds no room now comes again.
  if (sent >= 0 || errno == EAGAIN || errno == ENOBUFS) return {};
  return failed("send to", state_->name, errno);
}

struct GroupReceiver::State {
  core::Descriptor socket;
};

GroupReceiver::GroupReceiver(std::unique_ptr<State> state) : state_(std::move(state)) {}
GroupReceiver::GroupReceiver(GroupReceiver&&) noexcept = default;
GroupReceiver& GroupReceiver::operator=(GroupReceiver&&) noexcept = default;
GroupReceiver::~GroupReceiver() = default;

Result<GroupReceiver> GroupReceiver::open(const std::string& group) {
  const auto parsed = parse_group(group);
  if (!parsed) return fail(parsed.error());
  auto socket = open_socket(*parsed, group);
  if (!socket) return fail(std::move(socket).error());
  // Several may listen, each to the groups that it joined alone.
  const bool is_v4 = parsed->family == AF_INET;
  Address any;
  any.port = parsed->address.port;
  const auto address = packet::to_socket_address(is_v4 ? parsed->address : any, parsed->family);
  const int level = is_v4 ? IPPROTO_IP : IPPROTO_IPV6;
  if (!set(*socket, SOL_SOCKET, SO_REUSEADDR, 1) ||
      !set(*socket, level, is_v4 ? IP_MULTICAST_ALL : ipv6_multicast_all, 0) ||
      ::bind(socket->get(), address.get(), address.length) != 0)
    return failed("listen to", group, errno);
  int joined = 0;
  for (const unsigned interface : packet::interfaces()) {
    const bool did = parsed->family == AF_INET
                         ? set(*socket, IPPROTO_IP, IP_ADD_MEMBERSHIP,
                               ip_mreqn{.imr_multiaddr = packet::to_in_addr(parsed->address),
                                        .imr_address = {},
                                        .imr_ifindex = static_cast<int>(interface)})
                         : set(*socket, IPPROTO_IPV6, IPV6_JOIN_GROUP,
                               ipv6_mreq{.ipv6mr_multiaddr = packet::to_in6_addr(parsed->address),
                                         .ipv6mr_interface = interface});
    joined += did ? 1 : 0;
  }
  if (joined == 0) return failed("join", group, errno != 0 ? errno : ENODEV);
  return GroupReceiver(std::make_unique<State>(State{std::move(*socket)}));
}

int GroupReceiver::descriptor() const { return state_->socket.get(); }

std::optional<Advertisement> GroupReceiver::receive() {
  std::array<std::byte, packet::max_advertise_bytes + 1> datagram;
  for (int tries = 0; tries < most_passed_over; ++tries) {
    const ssize_t got = ::recv(state_->socket.get(), datagram.data(), datagram.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    const auto bytes = std::span(datagram).first(static_cast<std::size_t>(got));
    auto heard = packet::parse_advertise(bytes);
    if (!heard || !packet::check_matches(bytes)) continue;
    return Advertisement{.name = std::move(heard->name),
                         .size = heard->size,
                         .size_known = heard->size_known,
                         .host = std::move(heard->host),
                         .port = heard->port,
                         .id = heard->id};
  }
  return std::nullopt;
}

}  // namespace rgtp
