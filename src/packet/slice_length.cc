#include "packet/slice_length.h"

#include <algorithm>

namespace rgtp::packet {

void SliceLength::begin(const Manifest& manifest) {
  manifest_ = &manifest;
  picker_.begin(manifest, carried());
  observer_.on_event(event::MtuChanged{path_.mtu()});
}

std::uint16_t SliceLength::pick_probe(TimePoint now, Picker::Picked& picked) {
  // Not with the first chunk, which somebody may be waiting for: it would take a round trip longer.
  // Nor alone: lost, it would be silence, and asked for again first of all behind every new socket.
  if (recovery_.next_ask() == 0 || recovery_.outstanding() == 0) return 0;
  const auto capacity = path_.mtu_probe(now);
  if (!capacity) return 0;
  const std::uint16_t slice_bytes = slice_bytes_for(*manifest_, *capacity);
  if (slice_bytes <= picker_.slice_bytes() || path_.slices_allowed(now, slice_bytes) == 0) return 0;
  const auto slice = picker_.begin_probe(slice_bytes);
  if (!slice) return 0;
  path_.on_mtu_probe();
  picked.slices.assign(1, *slice);
  picked.again = 0;
  return slice_bytes;
}

void SliceLength::on_probe_arrived(const SliceId& slice) {
  picker_.set_slice_bytes(carried());
  picker_.on_probe_arrived(slice);
}

void SliceLength::on_black_hole(TimePoint now) {
  if (path_.mtu() <= fallback_mtu) return;
  path_.on_black_hole(now);
  observer_.on_event(event::MtuChanged{path_.mtu()});
  cut_anew();
}

bool SliceLength::limit(std::uint32_t longest) {
  const auto capacity = static_cast<std::uint16_t>(std::min<std::uint32_t>(longest, max_slice_bytes));
  const std::uint32_t before = path_.mtu();
  path_.limit_slice_capacity(capacity);
  if (path_.mtu() != before) observer_.on_event(event::MtuChanged{path_.mtu()});
  // Late refusals of longer slices than there are now mean nothing.
  return cut_anew() || picker_.slice_bytes() <= capacity;
}

bool SliceLength::cut_anew() {
  if (manifest_ == nullptr) return false;
  const std::uint16_t slice_bytes = carried();
  if (slice_bytes >= picker_.slice_bytes() && !picker_.has_longer_than(slice_bytes)) return false;
  recovery_.give_up();
  picker_.cut_anew(slice_bytes);
  return true;
}

}  // namespace rgtp::packet
