// One PULL on its way to become one train.
#pragma once

#include <algorithm>
#include <memory>

#include <rgtp/observer.h>
#include <rgtp/store.h>

#include "packet/address.h"
#include "packet/wire.h"

namespace rgtp::packet {

struct Request {
  Peer peer;
  TimePoint arrived;        // at this host: what its answer's service delay counts from
  TimePoint waiting_since;  // the same, or later: when the disk had what it asks for
  PullRequest pull;
  std::shared_ptr<const Store> store;
  std::shared_ptr<Observer> observer;

  // Of the answer, roughly.
  std::size_t answer_bytes() const { return std::size_t{pull.slices()} * (pull.slice_bytes + header_bytes); }
  // What it takes of a list's room and of its puller's share. No less than it occupies itself, so that a
  // bound in bytes of answers bounds the memory too.
  std::size_t charge() const { return std::max(answer_bytes(), sizeof(Request)); }
};

}  // namespace rgtp::packet
