// A UDP socket: plain POSIX calls, batched, non-blocking. What libuv's own cannot do is why it is not used
// here: answering from the address that was asked, and sending and receiving in batches.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/descriptor.h"
#include "packet/slicing.h"
#include "packet/train.h"

namespace rgtp::packet {

// Buffers for one batch of received datagrams, shared by all sockets of a loop.
class ReceiveBatch {
 public:
  static constexpr std::size_t datagrams = 32;
  ReceiveBatch();
  ~ReceiveBatch();

 private:
  friend class UdpSocket;
  struct Memory;
  std::unique_ptr<Memory> memory_;
};

enum class IoStatus {
  done,
  would_block,
  refused,    // an ICMP error: nobody listens there
  too_large,  // the network interface carries no datagram of this length
  failed,     // this datagram is lost; the socket may have no route any more
};

class UdpSocket {
 public:
  // Bound, not connected. Answers by Peer::local; [::] takes IPv4 as well. Errors: address_in_use, denied,
  // invalid_argument (no such address here), io_error.
  [[nodiscard]] static Result<UdpSocket> bind(const Address& address, std::uint32_t receive_buffer_bytes);
  // Connected: takes datagrams from `remote` alone. Errors: unreachable, io_error.
  [[nodiscard]] static Result<UdpSocket> connect(const Address& remote, std::uint32_t receive_buffer_bytes);

  int descriptor() const { return descriptor_.get(); }
  Address local_address() const;
  // What the kernel granted, in its own count, which includes its overhead.
  std::uint64_t receive_buffer() const;
  // What the kernel takes the path to `remote` to carry in one IP packet; of a connected socket.
  std::uint32_t path_mtu() const;
  IpVersion ip_version() const;

  // Receives one batch and calls `take` for each datagram; `would_block` where there was none.
  IoStatus receive(ReceiveBatch& batch,
                   const std::function<void(const Peer&, std::span<const std::byte>)>& take);
  // Sends the train's datagrams from the one of number `sent` on, and counts it up.
  IoStatus send(const Train& train, std::size_t& sent);
  // To the peer that the socket is connected to.
  IoStatus send(std::span<const std::byte> datagram);

 private:
  UdpSocket(core::Descriptor descriptor, int family) : descriptor_(std::move(descriptor)), family_(family) {}

  static Result<UdpSocket> open(const Address& address, std::uint32_t receive_buffer_bytes);

  core::Descriptor descriptor_;
  int family_;
};

}  // namespace rgtp::packet
