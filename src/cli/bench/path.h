// What lies between the two sides: this host's loopback, or a link between two network namespaces.
#pragma once

#include <string>

#include <rgtp/error.h>

namespace rgtp::cli::bench {

struct Path {
  enum class Kind { loopback, veth, emulated };

  Kind kind = Kind::loopback;
  // Of an emulated one.
  double rate_bits_per_s = 0;  // 0: as fast as it goes
  double delay_s = 0;          // one way
  double loss = 0;             // share of packets, each way

  // "loopback", "veth", "100 Mbit/s, 20 ms, 1 %": the round trip is what is told.
  std::string name() const;
  // "veth", or "rate=100M,delay=10ms,loss=1%", in any order, of which each but one may be missing.
  // invalid_argument where it is neither.
  [[nodiscard]] static Result<Path> parse(const std::string& text);

  friend bool operator==(const Path&, const Path&) = default;
};

}  // namespace rgtp::cli::bench
