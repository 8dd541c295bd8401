// Datagrams on their way through the simulation. Their memory is used again and again.
#pragma once

#include <cstddef>
#include <deque>
#include <span>
#include <vector>

#include <rgtp/types.h>

namespace rgtp::test {

constexpr std::uint32_t ip_udp_bytes = 28;  // the headers of IPv4 and UDP

struct Packet;

// Where a packet goes.
class Destination {
 public:
  virtual ~Destination() = default;
  // What it carries may be changed: nobody else sees it any more.
  virtual void on_packet(Packet& packet) = 0;
};

struct Packet {
  Destination* to = nullptr;
  std::uint32_t ip_bytes = 0;
  std::uint32_t from = 0;    // of several senders: which
  std::uint64_t number = 0;  // of a modelled flow's packet, which carries nothing else
  bool marked = false;       // congestion experienced (ECN, RFC 3168)
  std::vector<std::byte> payload;
};

class Packets {
 public:
  using Index = std::uint32_t;

  Index take(Destination& to, std::uint32_t ip_bytes) {
    if (free_.empty()) {
      free_.push_back(static_cast<Index>(packets_.size()));
      packets_.emplace_back();
    }
    const Index index = free_.back();
    free_.pop_back();
    Packet& packet = packets_[index];
    packet.to = &to;
    packet.ip_bytes = ip_bytes;
    packet.from = 0;
    packet.number = 0;
    packet.marked = false;
    packet.payload.clear();
    return index;
  }
  // A datagram of these bytes, one after the other.
  Index take(Destination& to, std::span<const std::byte> header, std::span<const std::byte> payload = {}) {
    const Index index = take(to, static_cast<std::uint32_t>(header.size() + payload.size()) + ip_udp_bytes);
    auto& bytes = packets_[index].payload;
    bytes.insert(bytes.end(), header.begin(), header.end());
    bytes.insert(bytes.end(), payload.begin(), payload.end());
    return index;
  }
  Index copy(Index index) {
    const Index copied = take(*packets_[index].to, packets_[index].ip_bytes);
    packets_[copied] = packets_[index];
    return copied;
  }
  void give_back(Index index) { free_.push_back(index); }
  Packet& operator[](Index index) { return packets_[index]; }

 private:
  std::deque<Packet> packets_;
  std::vector<Index> free_;
};

}  // namespace rgtp::test
