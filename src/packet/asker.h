// Asks for slices: picks them, books them and writes the PULL. What is asked for is what the picker gives, as
// much as the path allows; for a probe the last slices again; and one that is longer, to search for more.
//
//     while (const std::size_t size = asker.ask(now, out)) send(out.first(size));
#pragma once

#include <vector>

#include "packet/greeter.h"
#include "packet/request_writer.h"
#include "packet/slice_length.h"

namespace rgtp::packet {

class Asker {
 public:
  // At most so many slices are asked for again to probe.
  static constexpr std::uint32_t probe_slices = 4;

  // All of them outlive it.
  Asker(Path& path, Picker& picker, const Reassembly& reassembly, SliceLength& slice_length,
        Recovery& recovery, RequestWriter& writer, Observer& observer)
      : path_(path),
        picker_(picker),
        reassembly_(reassembly),
        slice_length_(slice_length),
        recovery_(recovery),
        writer_(writer),
        observer_(observer) {}

  // The HELLO sent at `asked_at`, which was answered, may have asked for the surface's first slices, under
  // ask numbers from 0 on: they are booked now that MANIFEST has told which they are. The picker has begun,
  // and nothing was asked for yet.
  void on_greeted(TimePoint now, TimePoint asked_at, const Greeter& greeter, const Manifest& manifest,
                  const Availability& availability);
  // Each writes one PULL and returns its length; 0 where there is nothing to ask for, or not now.
  std::size_t ask(TimePoint now, std::span<std::byte> out);
  // Asks again for the last slices: their arrival shows whether all before them is lost. By two requests, of
  // which the second follows at once: one lost request must not cost the next timeout, twice as long (RFC
  // 9002, section 6.2.4).
  std::size_t probe(TimePoint now, std::span<std::byte> out);
  std::size_t finish_probe(TimePoint now, std::span<std::byte> out);
  // Whatever the books say, the bitmap is the truth.
  void ask_from_scratch();

 private:
  void book_followed(TimePoint now, TimePoint asked_at, PullRequest& followed);
  std::size_t write_probe(TimePoint now, std::span<std::byte> out);
  // Asks for picked_.
  std::size_t write_picked(TimePoint now, std::uint16_t slice_bytes, std::span<std::byte> out,
                           AskedTrain::Purpose purpose = AskedTrain::Purpose::data);

  Path& path_;
  Picker& picker_;
  const Reassembly& reassembly_;
  SliceLength& slice_length_;
  Recovery& recovery_;
  RequestWriter& writer_;
  Observer& observer_;
  Picker::Picked picked_;               // reused from train to train
  std::vector<SliceId> rest_of_probe_;  // for its second request
  std::uint16_t probe_slice_bytes_ = 0;
};

}  // namespace rgtp::packet
