// A UDP socket: plain POSIX calls, batched, non-blocking. What libuv's own cannot do is why it is not used
// here: answering from the address that was asked, having the kernel cut and join datagrams, arrival times.
//
// A bound socket (an exposer's) sends with ECT(0) (RFC 3168) and tells which of our addresses a datagram
// came to. A connected one (a puller's) tells which datagrams carry the mark of congestion.
#pragma once

#include <memory>
#include <string>

#include <rgtp/transports.h>

#include "core/descriptor.h"
#include "packet/receive_batch.h"
#include "packet/slicing.h"
#include "packet/train.h"

namespace rgtp::packet {

enum class IoStatus {
  done,
  would_block,
  refused,    // an ICMP error: nobody listens there
  too_large,  // the network interface carries no datagram of this length
  failed,     // this datagram is lost; the socket may have no route any more
};

struct SocketOptions {
  std::uint32_t receive_buffer_bytes = 256 * 1024;  // to ask the kernel for
  Offload offload = Offload::automatic;
};

class UdpSocket {
 public:
  // Bound, not connected. Answers by Peer::local; [::] takes IPv4 as well. Errors: address_in_use, denied,
  // invalid_argument (no such address here), io_error.
  [[nodiscard]] static Result<UdpSocket> bind(const Address& address, const SocketOptions& options);
  // Connected: takes datagrams from `remote` alone. Errors: unreachable, io_error.
  [[nodiscard]] static Result<UdpSocket> connect(const Address& remote, const SocketOptions& options);

  int descriptor() const { return descriptor_.get(); }
  Address local_address() const;
  // What the kernel granted, in its own count, which includes its overhead: twice what was asked for, or
  // twice net.core.rmem_max where that is less (socket(7)).
  std::uint64_t receive_buffer() const;
  // What the kernel takes the path to `remote` to carry in one IP packet; of a connected socket.
  std::uint32_t path_mtu() const;
  IpVersion ip_version() const;

  // Receives one batch, by one system call, and calls take(const Received&) for each datagram;
  // `would_block` where there was none. `take` may not receive with the same batch.
  template <class Take>
  IoStatus receive(ReceiveBatch& batch, Take&& take) {
    const IoStatus status = fill(batch);
    if (status == IoStatus::done) batch.for_each(std::forward<Take>(take));
    return status;
  }
  // How many datagrams this socket had no room for since this was called last, as far as what was received
  // tells: the kernel says it with the first one that it takes again. Joined datagrams may count as one.
  std::uint32_t drops_since_last() { return std::exchange(drops_, 0); }

  // Sends the train's datagrams from the one of number `sent` on, straight from where they are, and counts
  // it up: by one system call where the kernel cuts the train (UDP_SEGMENT). too_large is the one of number
  // `sent`.
  IoStatus send(const Train& train, std::size_t& sent);
  // To the peer that the socket is connected to.
  IoStatus send(std::span<const std::byte> datagram);
  // The same for several, from the one of number `sent` on, by one system call for up to max_outgoing of
  // them. What the status says, it says of the one of number `sent`.
  IoStatus send(std::span<const std::span<const std::byte>> datagrams, std::size_t& sent);
  static constexpr std::size_t max_outgoing = 16;
  // Whether trains are still handed to the kernel whole.
  bool sends_whole_trains() const { return sends_whole_trains_; }

 private:
  UdpSocket(core::Descriptor descriptor, int family) : descriptor_(std::move(descriptor)), family_(family) {}

  static Result<UdpSocket> open(const Address& address, const SocketOptions& options);

  IoStatus fill(ReceiveBatch& batch);
  IoStatus send_whole(const Train& train, std::size_t& sent, std::size_t segment_bytes);
  IoStatus send_one_by_one(const Train& train, std::size_t& sent);

  core::Descriptor descriptor_;
  int family_;
  Arrivals arrivals_ = Arrivals::one_by_one;
  bool sends_whole_trains_ = false;
  int refused_trains_ = 0;  // in a row, of those that could be sent otherwise
  std::uint32_t drops_seen_ = 0;
  std::uint32_t drops_ = 0;
};

}  // namespace rgtp::packet
