// Tells a multicast group, once a second, which surfaces `rgtp expose` offers.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include <rgtp/group.h>

namespace rgtp::cli {

class Advertiser {
 public:
  Advertiser(GroupSender sender, AdvertiseIds ids) : sender_(std::move(sender)), ids_(ids) {}

  // It is told of from now on, unless it is not on the network.
  void add(const Locator& locator, const Manifest& manifest);
  // One that was added, and has grown to its end.
  void set_size(const Locator& locator, std::uint64_t size);
  // About ten times a second: each is told once a second, and of many a hundred a second, in turns.
  void tick();

 private:
  using Clock = std::chrono::steady_clock;

  struct Told {
    Locator locator;
    Advertisement advertisement;
  };

  GroupSender sender_;
  const AdvertiseIds ids_;
  std::vector<Told> told_;
  std::size_t next_ = 0;
  Clock::time_point round_began_;
  bool failed_ = false;  // and said so
};

}  // namespace rgtp::cli
