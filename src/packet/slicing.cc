#include "packet/slicing.h"

#include <algorithm>
#include <cassert>

namespace rgtp::packet {

namespace {

// A chunk as it is stored: its bytes and its trailer.
std::uint32_t stored_bytes(const Manifest& manifest, ChunkIndex chunk) {
  return manifest.length_of(chunk) + manifest.trailer_bytes;
}

std::uint32_t divide_up(std::uint32_t a, std::uint32_t b) { return (a + b - 1) / b; }

static_assert((Manifest::max_chunk_bytes + 1024) / min_slice_bytes <= 65536, "slice numbers have 16 bits");

}  // namespace

std::uint16_t slice_bytes_for(const Manifest& manifest, std::uint16_t capacity) {
  assert(capacity >= min_slice_bytes && capacity <= max_slice_bytes);
  if (manifest.chunk_count() == 0) return capacity;
  const std::uint32_t stored = stored_bytes(manifest, ChunkIndex{0});
  const auto slice = divide_up(stored, divide_up(stored, capacity));
  // A chunk just above a multiple of the capacity could be cut below the minimum.
  return static_cast<std::uint16_t>(
      std::max<std::uint32_t>(slice, std::min<std::uint32_t>(min_slice_bytes, stored)));
}

std::uint32_t slices_of(const Manifest& manifest, ChunkIndex chunk, std::uint16_t slice_bytes) {
  return divide_up(stored_bytes(manifest, chunk), slice_bytes);
}

void runs_from_beginning(const Manifest& manifest, std::uint32_t chunks, std::uint32_t slices_wanted,
                         PullRequest& pull) {
  std::uint32_t left =
      std::min({slices_wanted, static_cast<std::uint32_t>(max_train_slices),
                static_cast<std::uint32_t>(max_train_bytes / (pull.slice_bytes + header_bytes))});
  for (std::uint32_t chunk = 0; chunk < chunks && left > 0 && pull.run_count < max_runs; ++chunk) {
    const std::uint32_t count = std::min(left, slices_of(manifest, ChunkIndex{chunk}, pull.slice_bytes));
    pull.runs[pull.run_count++] = Run{ChunkIndex{chunk}, 0, static_cast<std::uint16_t>(count)};
    left -= count;
  }
}

bool is_valid_slice_bytes(const Manifest& manifest, std::uint16_t slice_bytes) {
  if (manifest.chunk_count() == 0 || slice_bytes > max_slice_bytes) return false;
  return slice_bytes >= std::min<std::uint32_t>(min_slice_bytes, stored_bytes(manifest, ChunkIndex{0}));
}

std::uint16_t slice_capacity_of(std::uint32_t mtu, IpVersion version) {
  constexpr std::uint32_t udp_header = 8;
  const std::uint32_t overhead = (version == IpVersion::v4 ? 20 : 40) + udp_header;
  const std::uint32_t datagram = std::clamp<std::uint32_t>(mtu, overhead + header_bytes + min_slice_bytes,
                                                           overhead + max_datagram_bytes) -
                                 overhead;
  return static_cast<std::uint16_t>(datagram - header_bytes);
}

}  // namespace rgtp::packet
