// What an exposer sends at once to one peer: datagrams whose payload stands in the surface's memory, in the
// form that a scatter-gather or segmented send takes.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <vector>

#include <rgtp/store.h>

#include "packet/address.h"
#include "packet/wire.h"

namespace rgtp::packet {

// Reused from call to call, so that sending allocates nothing. All datagrams of a train of DATA are equally
// long.
class Train {
 public:
  struct Datagram {
    std::array<std::byte, header_bytes> header;
    std::span<const std::byte> payload;

    std::size_t size() const { return header.size() + payload.size(); }
  };

  const Peer& peer() const { return peer_; }
  std::span<const Datagram> datagrams() const { return {datagrams_.data(), count_}; }

  std::size_t bytes() const {
    std::size_t bytes = 0;
    for (const Datagram& datagram : datagrams()) bytes += datagram.size();
    return bytes;
  }

  // Empties the train and addresses it. `store` is held until the next call or clear(): payloads may stand in
  // its memory.
  void begin(const Peer& peer, std::shared_ptr<const Store> store) {
    peer_ = peer;
    store_ = std::move(store);
    count_ = 0;
    used_ = 0;
  }
  // Empties the train and lets its store go.
  void clear() { begin({}, nullptr); }
  // The next datagram, to be filled; at most max_train_slices.
  Datagram& add() { return datagrams_[count_++]; }
  // The one added last.
  Datagram& last() { return datagrams_[count_ - 1]; }
  // Memory for payloads that do not stand in the surface's: max_train_bytes in all.
  std::span<std::byte> take_scratch(std::size_t bytes) {
    const auto taken = std::span(scratch_).subspan(used_, bytes);
    used_ += bytes;
    return taken;
  }

 private:
  Peer peer_;
  std::shared_ptr<const Store> store_;
  std::array<Datagram, max_train_slices> datagrams_;
  std::size_t count_ = 0;
  std::vector<std::byte> scratch_ = std::vector<std::byte>(max_train_bytes);
  std::size_t used_ = 0;
};

}  // namespace rgtp::packet
