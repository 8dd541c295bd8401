// Requests on their way to the kernel, so that several go by one system call.
#pragma once

#include <array>
#include <span>

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
  // it: such a request counts as lost on its way, and is asked for again.
  template <class OnTrouble>
  void flush(UdpSocket& socket, OnTrouble&& on_trouble) {
    const auto datagrams = std::span(datagrams_).first(std::exchange(count_, 0));
    for (std::size_t sent = 0; sent < datagrams.size();) {
      const IoStatus status = socket.send(datagrams, sent);
      if (status == IoStatus::done) return;
      ++sent;
      on_trouble(status);
    }
  }

 private:
  std::array<std::array<std::byte, PullerEngine::max_transmit_bytes>, capacity> memory_;
  std::array<std::span<const std::byte>, capacity> datagrams_;
  std::size_t count_ = 0;
};

}  // namespace rgtp::packet
