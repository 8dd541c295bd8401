// Requests on their way to the kernel, so that several go by one system call.
#pragma once

#include <array>
#include <span>
#include <utility>

#include "packet/puller_engine.h"
#include "packet/udp_socket.h"

namespace rgtp::packet {

class Outbox {
 public:
  static constexpr std::size_t capacity = UdpSocket::max_outgoing;

  bool is_full() const { return count_ == capacity; }
  bool empty() const { return count_ == 0; }
  // Where the next datagram is to be written; then add() its length.
  std::span<std::byte> next() { return memory_[count_]; }
  void add(std::size_t bytes) {
    datagrams_[count_] = std::span(memory_[count_]).first(bytes);
    ++count_;
  }
  // Empties it by sending. Calls on_trouble(IoStatus) for each that could not be sent, and goes on behind
  // it: such a request counts as lost on its way, and is asked for again. An error that an ICMP message left
  // at the socket is told in place of the next send: behind it the same request is tried once more, lest
  // everybody who forges such messages stops requests with them.
  template <class OnTrouble>
  void flush(UdpSocket& socket, OnTrouble&& on_trouble) {
    const auto datagrams = std::span(datagrams_).first(std::exchange(count_, 0));
    std::size_t tried_again = datagrams.size();
    for (std::size_t sent = 0; sent < datagrams.size();) {
      const IoStatus status = socket.send(datagrams, sent);
      if (status == IoStatus::done) return;
      const bool may_be_of_before = status == IoStatus::refused || status == IoStatus::too_large;
      if (!may_be_of_before || std::exchange(tried_again, sent) == sent) ++sent;
      on_trouble(status);
    }
  }

 private:
  std::array<std::array<std::byte, PullerEngine::max_transmit_bytes>, capacity> memory_;
  std::array<std::span<const std::byte>, capacity> datagrams_;
  std::size_t count_ = 0;
};

}  // namespace rgtp::packet
