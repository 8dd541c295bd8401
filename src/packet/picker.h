// Which slices to ask for next: first those that are to be asked for again, then on through the wanted chunks
// that are available, in content order. A chunk keeps the slice length that it was begun with.
#pragma once

#include <deque>
#include <vector>

#include "packet/availability.h"
#include "packet/reassembly.h"
#include "packet/wire.h"

namespace rgtp::packet {

class Picker {
 public:
  // So many wanted chunks must follow one that is taken to probe the path with, which takes a round trip
  // longer than others.
  static constexpr std::uint32_t chunks_behind_probe = 4;

  // All three outlive the picker.
  Picker(Reassembly& reassembly, Availability& availability, Sink& sink)
      : reassembly_(reassembly), availability_(availability), sink_(sink) {}

  void begin(const Manifest& manifest, std::uint16_t slice_bytes);
  // Chunks not begun are cut like this from now on.
  void set_slice_bytes(std::uint16_t slice_bytes) { slice_bytes_ = slice_bytes; }
  std::uint16_t slice_bytes() const { return slice_bytes_; }
  // The same, and chunks begun with longer slices begin again.
  void cut_anew(std::uint16_t slice_bytes);
  bool has_longer_than(std::uint16_t slice_bytes) const {
    return !reassembly_.cut_longer_than(slice_bytes).empty();
  }

  // Lost or rejected: to be asked for again, before anything new.
  void give_back(const SliceId& slice);
  // All that is missing of chunks begun, from the bitmap: whatever was on its way counts for nothing any
  // more.
  void rebuild();

  // Begins a chunk with slices of this length and gives its first one, to see whether it arrives; nothing
  // where there is no chunk to try with. The rest of the chunk is picked when one of the next two is called.
  std::optional<SliceId> begin_probe(std::uint16_t slice_bytes);
  bool is_probing(const SliceId& slice) const { return probe_ == slice; }
  // This one did; its bytes are placed after this call.
  void on_probe_arrived(const SliceId& slice);
  // The chunk is cut like others.
  void on_probe_lost();

  struct Picked {
    std::vector<SliceId> slices;
    std::uint32_t again = 0;  // how many of them had been asked for before
  };
  // How long the slice is that pick() would give first; 0 where there is none.
  std::uint16_t next_slice_bytes();
  // Up to `most` slices of that length in at most max_runs runs, begun in the reassembly where they open a
  // chunk.
  void pick(std::uint32_t most, Picked& picked);
  // Whether pick() would find anything.
  bool has_more() { return next_slice_bytes() != 0; }
  // The runs that say the same.
  static void to_runs(const std::vector<SliceId>& slices, PullRequest& request);

 private:
  enum class Asked : bool { no, yes };
  struct Waiting {
    SliceId slice;
    Asked before = Asked::yes;
  };

  // Moves to the next slice never asked for; false where there is none in what is wanted now.
  bool find_next();
  // Begins the next fresh chunk that the sink has a place for.
  std::optional<ChunkIndex> begin_next(ChunkRange wanted, std::uint16_t slice_bytes);
  void drop_settled();

  Reassembly& reassembly_;
  Availability& availability_;
  Sink& sink_;
  const Manifest* manifest_ = nullptr;
  std::uint16_t slice_bytes_ = 0;
  std::deque<Waiting> waiting_;
  std::optional<SliceId> probe_;
  ChunkIndex chunk_{};        // being asked for
  std::uint32_t slice_ = 0;   // its next slice
  std::uint32_t slices_ = 0;  // how many it has; 0 before it is begun
};

}  // namespace rgtp::packet
