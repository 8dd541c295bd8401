// Which slices to ask for next: first those that are to be asked for again, then on through the wanted chunks
// that are available, in content order.
#pragma once

#include <deque>
#include <vector>

#include "packet/availability.h"
#include "packet/reassembly.h"
#include "packet/wire.h"

namespace rgtp::packet {

class Picker {
 public:
  // All three outlive the picker.
  Picker(Reassembly& reassembly, Availability& availability, Sink& sink)
      : reassembly_(reassembly), availability_(availability), sink_(sink) {}

  void begin(const Manifest& manifest, std::uint16_t slice_bytes);
  // Chunks not begun are cut like this from now on; those begun begin again.
  void cut_anew(std::uint16_t slice_bytes);
  std::uint16_t slice_bytes() const { return slice_bytes_; }

  // Lost or rejected: to be asked for again, before anything new.
  void give_back(const SliceId& slice) { again_.push_back(slice); }
  // All that is missing of chunks begun, from the bitmap: whatever was on its way counts for nothing any
  // more.
  void rebuild();

  struct Picked {
    std::vector<SliceId> slices;
    std::uint32_t again = 0;  // how many of them had been asked for before
  };
  // Up to `most` slices in at most max_runs runs, begun in the reassembly where they open a chunk.
  void pick(std::uint32_t most, Picked& picked);
  // Whether pick() would find anything.
  bool has_more();
  // The runs that say the same.
  static void to_runs(const std::vector<SliceId>& slices, PullRequest& request);

 private:
  // Moves to the next slice never asked for; false where there is none in what is wanted now.
  bool find_next();
  void drop_settled();

  Reassembly& reassembly_;
  Availability& availability_;
  Sink& sink_;
  const Manifest* manifest_ = nullptr;
  std::uint16_t slice_bytes_ = 0;
  std::deque<SliceId> again_;
  ChunkIndex chunk_{};        // being asked for
  std::uint32_t slice_ = 0;   // its next slice
  std::uint32_t slices_ = 0;  // how many it has; 0 before it is begun
};

}  // namespace rgtp::packet
