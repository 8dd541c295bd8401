// How long the slices of a pull are: as long as the path is known to carry. One that is longer is asked for
// now and then, to search for more; where slices turn out to be too long, chunks begun with such begin again.
//
//     length.begin(manifest);
//     if (length.pick_probe(now, picked) > 0) ask_for(picked);
//     length.on_probe_arrived(slice);  or  length.on_black_hole(now);  or  length.limit(longest);
#pragma once

#include <rgtp/observer.h>

#include "packet/path.h"
#include "packet/picker.h"
#include "packet/recovery.h"
#include "packet/slicing.h"

namespace rgtp::packet {

class SliceLength {
 public:
  // All four outlive it.
  SliceLength(Path& path, Picker& picker, Recovery& recovery, Observer& observer)
      : path_(path), picker_(picker), recovery_(recovery), observer_(observer) {}

  // Begins the picker; from here on the observer is told the path's MTU. `manifest` outlives it.
  void begin(const Manifest& manifest);
  // One slice that is longer than those which are known to arrive, where one is to be asked for now. Returns
  // its length, else 0, and leaves `picked` alone.
  std::uint16_t pick_probe(TimePoint now, Picker::Picked& picked);
  // That slice came, and is yet to be placed; the recovery has told the path.
  void on_probe_arrived(const SliceId& slice);
  // Nothing gets through: go on with a length that every path has.
  void on_black_hole(TimePoint now);
  // The exposer can send no longer ones. False where slices are as short as they may be, and still too long.
  bool limit(std::uint32_t longest);

 private:
  std::uint16_t carried() const { return slice_bytes_for(*manifest_, path_.slice_capacity()); }
  // For chunks begun too; true where those asked for were longer.
  bool cut_anew();

  Path& path_;
  Picker& picker_;
  Recovery& recovery_;
  Observer& observer_;
  const Manifest* manifest_ = nullptr;
};

}  // namespace rgtp::packet
