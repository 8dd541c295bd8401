// Path MTU discovery by what arrives (RFC 8899): the longest IP packet that the path carries is found by
// asking for one slice as long as it may be. ICMP is believed in nothing: anybody can forge it.
//
// The sizes that paths have are few (RFC 1191, section 7.1, and what tunnels leave), so they are tried from
// the largest down, each several times, because a probe may be lost for another reason.
#pragma once

#include <cstdint>
#include <optional>

#include <rgtp/types.h>

namespace rgtp::packet {

class MtuSearch {
 public:
  static constexpr int tries = 3;
  // A path that carries less than it might is tried again after this long (RFC 8899, PMTU_RAISE_TIMER).
  static constexpr Duration raise_interval = std::chrono::minutes(10);

  // What the path is taken to carry without having been asked, and the most that is worth trying: what the
  // host's own network has.
  MtuSearch(std::uint32_t start, std::uint32_t most);

  // The longest IP packet that is known to arrive.
  std::uint32_t mtu() const { return mtu_; }
  // The length to probe for now; nothing where that is not due, or a probe is out.
  std::optional<std::uint32_t> due(TimePoint now) const;
  void on_probe() { probing_ = true; }
  // What becomes of a probe from before reduce() says nothing.
  // As an IP packet of so many bytes, which may be less than were due: chunks may have no slice so long.
  void on_arrived(TimePoint now, std::uint32_t bytes);
  void on_lost(TimePoint now);
  // Nobody will know what became of the probe: its pull ended.
  void on_abandoned() { probing_ = false; }
  // No more than this arrives: longer packets vanish, or the other side's network does not take them. `most`
  // too where it is known that nothing longer ever will.
  void reduce(TimePoint now, std::uint32_t mtu);
  void limit(std::uint32_t most);

 private:
  void next_lower(TimePoint now);
  void begin(TimePoint when);

  std::uint32_t mtu_;
  std::uint32_t most_;
  std::uint32_t candidate_ = 0;  // 0: none is worth trying before search_at_
  int lost_ = 0;
  bool probing_ = false;
  TimePoint search_at_;
};

}  // namespace rgtp::packet
