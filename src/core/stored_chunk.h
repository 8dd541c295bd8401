// A chunk as it travels: its bytes, its trailer, and zeros behind them, wherever each of the two is.
#pragma once

#include <algorithm>
#include <span>

#include <rgtp/manifest.h>
#include <rgtp/region.h>

namespace rgtp::core {

// What Store::read() does. Both readers get an offset, in the surface's bytes and in the chunk's trailer, and
// what to fill from there.
template <class ReadBytes, class ReadTrailer>
Result<ReadStatus> read_stored(const Manifest& manifest, ChunkIndex chunk, std::uint32_t offset,
                               std::span<std::byte> out, ReadBytes read_bytes, ReadTrailer read_trailer) {
  const std::uint32_t length = manifest.length_of(chunk);
  if (offset < length) {
    const auto part = out.first(std::min<std::size_t>(out.size(), length - offset));
    Result<ReadStatus> status = read_bytes(manifest.offset_of(chunk) + offset, part);
    if (!status || *status == ReadStatus::would_block) return status;
    out = out.subspan(part.size());
    offset = length;
  }
  const std::uint32_t in_trailer = std::min<std::uint32_t>(offset - length, manifest.trailer_bytes);
  const auto part = out.first(std::min<std::size_t>(out.size(), manifest.trailer_bytes - in_trailer));
  std::fill(out.begin() + static_cast<std::ptrdiff_t>(part.size()), out.end(), std::byte{0});
  return read_trailer(in_trailer, part);
}

}  // namespace rgtp::core
