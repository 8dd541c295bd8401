#include "packet/asker.h"

#include <algorithm>
#include <utility>

#include "packet/slicing.h"

namespace rgtp::packet {

void Asker::on_greeted(TimePoint now, TimePoint asked_at, const Greeter& greeter, const Manifest& manifest,
                       const Availability& availability) {
  if (greeter.slices_wanted() == 0) return;
  PullRequest followed;
  followed.slice_bytes = slice_bytes_for(manifest, greeter.slice_capacity());
  runs_from_beginning(manifest, availability.end().value, greeter.slices_wanted(), followed);
  // Nothing follows while a surface grows; an answer to another HELLO may have found it finished. And what is
  // cut otherwise than chunks are by now is of no use.
  const bool usable = availability.is_complete() && followed.slice_bytes == picker_.slice_bytes();
  if (!usable) return recovery_.skip_asks(greeter.slices_wanted());
  book_followed(now, asked_at, followed);
}

void Asker::book_followed(TimePoint now, TimePoint asked_at, PullRequest& followed) {
  picked_.slices.clear();
  for (const Run& run : followed.asked())
    for (std::uint32_t slice = 0; slice < run.count; ++slice)
      picked_.slices.push_back({run.chunk, static_cast<std::uint16_t>(run.first + slice)});
  if (picked_.slices.empty()) return;
  recovery_.on_asked(asked_at, picked_.slices, followed.slice_bytes);
  recovery_.on_answer_begun(now);  // however long MANIFEST took, they come behind it
  // Where the pull wants the surface's beginning, these are the slices that it would have picked first.
  picker_.pick(followed.slices(), picked_);
  PullRequest wanted;
  Picker::to_runs(picked_.slices, wanted);
  if (!std::ranges::equal(wanted.asked(), followed.asked()))
    for (const SliceId& slice : picked_.slices) picker_.give_back(slice);
}

std::size_t Asker::ask(TimePoint now, std::span<std::byte> out) {
  if (const std::uint16_t longer = slice_length_.pick_probe(now, picked_); longer > 0)
    return write_picked(now, longer, out, AskedTrain::Purpose::mtu_probe);
  const std::uint16_t slice_bytes = picker_.next_slice_bytes();
  if (slice_bytes == 0) {
    path_.on_limited();
    return 0;
  }
  const std::uint32_t most = path_.slices_allowed(now, slice_bytes);
  if (most == 0) return 0;
  picker_.pick(most, picked_);
  return write_picked(now, slice_bytes, out);
}

std::size_t Asker::probe(TimePoint now, std::span<std::byte> out) {
  picked_.slices.clear();
  std::uint16_t slice_bytes = 0;
  recovery_.for_each_outstanding_from_latest([&](const SliceId& slice) {
    // A slice that may be longer than the path carries would show nothing.
    if (!reassembly_.is_missing(slice) || picker_.is_probing(slice)) return true;
    if (slice_bytes == 0) slice_bytes = reassembly_.slice_bytes_of(slice.chunk);
    if (slice_bytes == reassembly_.slice_bytes_of(slice.chunk)) picked_.slices.push_back(slice);
    return picked_.slices.size() < probe_slices;
  });
  if (picked_.slices.empty()) {
    ask_from_scratch();  // all that they asked for has come by other asks, or is cut anew
    return 0;
  }
  observer_.on_event(event::ProbeTimeout{recovery_.probes_in_a_row()});
  std::sort(picked_.slices.begin(), picked_.slices.end());
  picked_.slices.erase(std::unique(picked_.slices.begin(), picked_.slices.end()), picked_.slices.end());
  probe_slice_bytes_ = slice_bytes;
  const auto half = picked_.slices.begin() + static_cast<std::ptrdiff_t>(picked_.slices.size() + 1) / 2;
  rest_of_probe_.assign(half, picked_.slices.end());
  picked_.slices.erase(half, picked_.slices.end());
  return write_probe(now, out);
}

std::size_t Asker::finish_probe(TimePoint now, std::span<std::byte> out) {
  // Its first request may have gone out long ago, where the link pushed back: meanwhile they may have come,
  // or been cut anew.
  std::erase_if(rest_of_probe_, [&](const SliceId& slice) {
    return !reassembly_.is_missing(slice) || reassembly_.slice_bytes_of(slice.chunk) != probe_slice_bytes_;
  });
  if (rest_of_probe_.empty()) return 0;
  std::swap(picked_.slices, rest_of_probe_);
  rest_of_probe_.clear();
  return write_probe(now, out);
}

std::size_t Asker::write_probe(TimePoint now, std::span<std::byte> out) {
  picked_.again = static_cast<std::uint32_t>(picked_.slices.size());
  return write_picked(now, probe_slice_bytes_, out);
}

void Asker::ask_from_scratch() {
  recovery_.give_up();
  rest_of_probe_.clear();
  picker_.rebuild();
}

std::size_t Asker::write_picked(TimePoint now, std::uint16_t slice_bytes, std::span<std::byte> out,
                                AskedTrain::Purpose purpose) {
  const std::uint64_t first_ask = recovery_.next_ask();
  const auto slices = static_cast<std::uint32_t>(picked_.slices.size());
  observer_.on_event(event::Asked{first_ask, slices, picked_.again});
  recovery_.on_asked(now, picked_.slices, slice_bytes, purpose);
  return writer_.write_pull(now, first_ask, slice_bytes, picked_.slices, out);
}

}  // namespace rgtp::packet
