#include "forged_packets.h"

#include <algorithm>
#include <cstring>
#include <span>

#include <netinet/ip.h>
#include <netinet/udp.h>

namespace rgtp::test {

namespace {

// The longest UDP payload at MTU 1500.
constexpr std::size_t longest = 1472;
constexpr std::size_t version_at = 2;

struct Headers {
  iphdr ip;
  udphdr udp;
};
static_assert(sizeof(Headers) == 28);

// Without UDP's checksum: over IPv4 nobody need compute one. The kernel adds that of the IP header.
Headers headers_for(const in_addr& from, std::uint16_t from_port, const sockaddr_in& to, std::size_t bytes) {
  Headers headers{};
  headers.ip.version = 4;
  headers.ip.ihl = sizeof headers.ip / 4;
  headers.ip.tot_len = htons(static_cast<std::uint16_t>(sizeof headers + bytes));
  headers.ip.ttl = 60;
  headers.ip.protocol = IPPROTO_UDP;
  headers.ip.saddr = from.s_addr;
  headers.ip.daddr = to.sin_addr.s_addr;
  headers.udp.source = htons(from_port);
  headers.udp.dest = to.sin_port;
  headers.udp.len = htons(static_cast<std::uint16_t>(sizeof headers.udp + bytes));
  return headers;
}

}  // namespace

const std::vector<PacketForge::Kind>& PacketForge::table() {
  using Forge = PacketForge;
  static const std::vector<Kind> kinds = {
      {"hello", &Forge::hello},
      {"hello-unknown", &Forge::hello_unknown},
      {"hello-cookie", &Forge::hello_cookie},
      {"hello-range", &Forge::hello_range},
      {"hello-given", &Forge::hello_given},
      {"next-version", &Forge::next_version},
      {"next-version-short", &Forge::next_version_short},
      {"next-version-cut", &Forge::next_version_cut},
      {"next-version-long", &Forge::next_version_long},
      {"pull", &Forge::pull},
      {"pull-long", &Forge::pull_long},
      {"pull-given", &Forge::pull_given},
      {"poll", &Forge::poll},
      {"poll-given", &Forge::poll_given},
      {"data", &Forge::data},
      {"manifest", &Forge::manifest},
      {"announce", &Forge::announce},
      {"refuse", &Forge::refuse},
      {"answer", &Forge::answer},
      {"cut-request", &Forge::cut_request},
      {"long-request", &Forge::long_request},
      {"damaged-request", &Forge::damaged_request},
      {"cut-answer", &Forge::cut_answer},
      {"damaged-answer", &Forge::damaged_answer},
      {"noise", &Forge::noise},
      {"noise-with-magic", &Forge::noise_with_magic},
  };
  return kinds;
}

std::vector<std::string_view> PacketForge::kinds() {
  std::vector<std::string_view> names;
  for (const Kind& kind : table()) names.push_back(kind.name);
  return names;
}

Packet PacketForge::make(std::string_view kind) {
  const auto found = std::ranges::find(table(), kind, &Kind::name);
  const Datagram datagram = (this->*found->make)();
  const Sources& from = aim_.from;
  const std::uint64_t addresses = std::uint64_t{1} << (32 - from.length);
  const in_addr address{htonl(ntohl(from.first.s_addr) + static_cast<std::uint32_t>(number() % addresses))};
  const auto port =
      static_cast<std::uint16_t>(from.first_port + below(std::size_t{from.last_port} - from.first_port + 1));
  const Headers headers = headers_for(address, port, aim_.to, datagram.size());
  Packet packet(sizeof headers + datagram.size());
  std::memcpy(packet.data(), &headers, sizeof headers);
  std::ranges::copy(datagram, packet.begin() + sizeof headers);
  return packet;
}

PacketForge::Datagram PacketForge::bytes(std::size_t count) {
  Datagram random(count);
  for (std::byte& byte : random) byte = static_cast<std::byte>(number());
  return random;
}

packet::Cookie PacketForge::some_cookie() {
  packet::Cookie cookie;
  std::ranges::copy(bytes(cookie.size()), cookie.begin());
  return cookie;
}

template <class Message>
PacketForge::Datagram PacketForge::sealed(const Message& message) {
  Datagram datagram(packet::max_datagram_bytes);
  datagram.resize(packet::encode(message, datagram));
  packet::seal_datagram(datagram);
  return datagram;
}

// What an exposer may be asked.

packet::Hello PacketForge::any_hello() {
  packet::Hello hello;
  hello.pull_id = number();
  hello.timestamp = static_cast<std::uint32_t>(number());
  hello.slice_capacity = 1440;
  hello.slices_wanted = packet::max_train_slices;
  hello.id = aim_.id;
  return hello;
}

PacketForge::Datagram PacketForge::hello() { return sealed(any_hello()); }

PacketForge::Datagram PacketForge::hello_unknown() {
  packet::Hello hello = any_hello();
  std::ranges::copy(bytes(hello.id.bytes.size()), hello.id.bytes.begin());
  return sealed(hello);
}

PacketForge::Datagram PacketForge::hello_cookie() {
  packet::Hello hello = any_hello();
  hello.cookie = some_cookie();
  return sealed(hello);
}

// Of this version, whose sender speaks others.
PacketForge::Datagram PacketForge::hello_range() {
  packet::Hello hello = any_hello();
  hello.version_min = packet::wire_version + 1;
  hello.version_max = 255;
  return sealed(hello);
}

PacketForge::Datagram PacketForge::hello_given() {
  packet::Hello hello = any_hello();
  hello.cookie = aim_.cookie;
  return sealed(hello);
}

PacketForge::Datagram PacketForge::with_version(std::uint8_t version, std::size_t length) {
  Datagram datagram = sealed(any_hello());
  datagram[version_at] = std::byte{version};
  datagram.resize(length);
  return datagram;
}

PacketForge::Datagram PacketForge::next_version() {
  return with_version(packet::wire_version + 1, packet::hello_bytes);
}
PacketForge::Datagram PacketForge::next_version_short() {
  return with_version(packet::wire_version + 1, packet::header_bytes);
}
PacketForge::Datagram PacketForge::next_version_cut() {
  const std::size_t least = packet::header_bytes;
  return with_version(packet::wire_version + 1, least + below(packet::hello_bytes - least));
}
PacketForge::Datagram PacketForge::next_version_long() {
  return with_version(255, packet::hello_bytes + below(longest - packet::hello_bytes + 1));
}

packet::PullRequest PacketForge::any_pull(std::uint16_t runs) {
  packet::PullRequest pull;
  pull.pull_id = number();
  pull.timestamp = static_cast<std::uint32_t>(number());
  pull.slice_bytes = 1426;  // 46 make a chunk of 64 KiB and its trailer
  pull.run_count = runs;
  pull.id = aim_.id;
  const auto slices = static_cast<std::uint16_t>(runs == 1 ? 44 : 1);
  for (std::uint16_t i = 0; i < std::min<std::uint16_t>(runs, 44); ++i) pull.runs[i] = {{0}, i, slices};
  return pull;
}

PacketForge::Datagram PacketForge::pull() {
  packet::PullRequest pull = any_pull(1);
  pull.cookie = some_cookie();
  return sealed(pull);
}
PacketForge::Datagram PacketForge::pull_long() {
  packet::PullRequest pull = any_pull(44);
  pull.cookie = some_cookie();
  return sealed(pull);
}
PacketForge::Datagram PacketForge::pull_given() {
  packet::PullRequest pull = any_pull(1);
  pull.cookie = aim_.cookie;
  return sealed(pull);
}

packet::Poll PacketForge::any_poll() {
  packet::Poll poll;
  poll.pull_id = number();
  poll.timestamp = static_cast<std::uint32_t>(number());
  poll.words = {0, 1};
  poll.id = aim_.id;
  return poll;
}

PacketForge::Datagram PacketForge::poll() {
  packet::Poll poll = any_poll();
  poll.cookie = some_cookie();
  return sealed(poll);
}
PacketForge::Datagram PacketForge::poll_given() {
  packet::Poll poll = any_poll();
  poll.cookie = aim_.cookie;
  return sealed(poll);
}

// What a puller may be told.

PacketForge::Datagram PacketForge::data() {
  Datagram datagram = bytes(packet::header_bytes + 1426);
  packet::Data data;
  data.pull_id = number();
  data.ask = static_cast<std::uint32_t>(number());
  data.timestamp = static_cast<std::uint32_t>(number());
  data.chunk.value = static_cast<std::uint32_t>(below(1024));
  data.slice = static_cast<std::uint16_t>(below(46));
  packet::encode(data, datagram);
  packet::seal_datagram(datagram);
  return datagram;
}

PacketForge::Datagram PacketForge::manifest() {
  packet::ManifestAnswer answer;
  answer.pull_id = number();
  answer.timestamp = static_cast<std::uint32_t>(number());
  answer.cookie_lifetime_ms = 60000;
  answer.cookie = some_cookie();
  std::ranges::copy(bytes(answer.manifest.size()), answer.manifest.begin());
  return sealed(answer);
}

PacketForge::Datagram PacketForge::announce() {
  packet::Announce announce;
  announce.pull_id = number();
  announce.timestamp = static_cast<std::uint32_t>(number());
  announce.published_to = packet::word_chunks;
  announce.words = {0, 1};
  return sealed(announce);
}

PacketForge::Datagram PacketForge::refuse() {
  packet::Refuse refuse;
  refuse.pull_id = number();
  refuse.timestamp = static_cast<std::uint32_t>(number());
  refuse.reason = static_cast<packet::Refusal>(1 + below(static_cast<std::size_t>(packet::Refusal::version)));
  if (refuse.reason == packet::Refusal::retry) refuse.cookie = some_cookie();
  return sealed(refuse);
}

// Either of them, and not as it should be.

PacketForge::Datagram PacketForge::request() {
  const Maker makers[] = {&PacketForge::hello, &PacketForge::pull, &PacketForge::pull_long,
                          &PacketForge::poll};
  return (this->*makers[below(std::size(makers))])();
}

PacketForge::Datagram PacketForge::answer() {
  const Maker makers[] = {&PacketForge::data, &PacketForge::manifest, &PacketForge::announce,
                          &PacketForge::refuse};
  return (this->*makers[below(std::size(makers))])();
}

PacketForge::Datagram PacketForge::cut(Datagram datagram) {
  datagram.resize(below(datagram.size()));
  if (datagram.size() >= packet::header_bytes) packet::seal_datagram(datagram);
  return datagram;
}
PacketForge::Datagram PacketForge::damage(Datagram datagram) {
  datagram[packet::header_bytes + below(datagram.size() - packet::header_bytes)] ^= std::byte{1};
  return datagram;
}

PacketForge::Datagram PacketForge::cut_request() { return cut(request()); }
PacketForge::Datagram PacketForge::long_request() {
  Datagram datagram = request();
  datagram.resize(datagram.size() + 1 + below(longest - datagram.size()));
  packet::seal_datagram(datagram);
  return datagram;
}
PacketForge::Datagram PacketForge::damaged_request() { return damage(request()); }
PacketForge::Datagram PacketForge::cut_answer() { return cut(answer()); }
PacketForge::Datagram PacketForge::damaged_answer() { return damage(answer()); }

PacketForge::Datagram PacketForge::noise() { return bytes(below(longest + 1)); }
PacketForge::Datagram PacketForge::noise_with_magic() {
  Datagram datagram = bytes(packet::header_bytes + below(longest - packet::header_bytes + 1));
  const std::uint16_t magic = packet::wire_magic;
  std::memcpy(datagram.data(), &magic, sizeof magic);
  datagram[version_at] = std::byte{packet::wire_version};
  datagram[version_at + 1] = static_cast<std::byte>(below(10));
  packet::seal_datagram(datagram);
  return datagram;
}

}  // namespace rgtp::test
