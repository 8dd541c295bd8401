// What parse_manifest() accepts is valid, has this one encoding, and its numbers fit together.
#include <algorithm>
#include <array>
#include <cstdint>

#include "core/manifest_codec.h"
#include "fuzz/require.h"

namespace {

using rgtp::ChunkIndex;
using rgtp::Manifest;
using rgtp::core::manifest_bytes;

void require_numbers_fit(const Manifest& manifest) {
  const std::uint32_t chunks = manifest.chunk_count();
  REQUIRE(chunks <= Manifest::max_chunks);
  REQUIRE((chunks == 0) == (manifest.size == 0));
  const auto all = manifest.chunks_of({});
  REQUIRE(all && all->first.value == 0 && all->end.value == chunks);
  REQUIRE(!manifest.resolve({manifest.size + 1, 0}));
  if (chunks == 0) return;

  const ChunkIndex last{chunks - 1};
  const std::uint64_t end = manifest.offset_of(last) + manifest.length_of(last);
  REQUIRE(manifest.length_of(last) > 0 && manifest.length_of(last) <= manifest.chunk_bytes);
  REQUIRE(manifest.size_pending ? end >= manifest.size : end == manifest.size);
  const auto tail = manifest.chunks_of({manifest.size - 1, 1});
  REQUIRE(tail && tail->first == last && tail->size() == 1);
}

void parse_one(std::span<const std::byte> bytes) {
  const auto manifest = rgtp::core::parse_manifest(bytes);
  if (!manifest) return;
  REQUIRE(bytes.size() == manifest_bytes);
  REQUIRE(manifest->validate().has_value());
  std::array<std::byte, manifest_bytes> encoded;
  rgtp::core::encode_manifest(*manifest, encoded);
  REQUIRE(std::ranges::equal(encoded, bytes));
  require_numbers_fit(*manifest);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> bytes = std::as_bytes(std::span(data, size));
  parse_one(bytes);
  // Zeros behind a short input make it as long as a manifest is: few bytes then decide everything.
  if (size < manifest_bytes) {
    std::array<std::byte, manifest_bytes> padded{};
    std::ranges::copy(bytes, padded.begin());
    parse_one(padded);
  }
  return 0;
}
