#include <bit>

#include <rgtp/manifest.h>

namespace rgtp {

namespace {

std::string bytes_text(std::uint64_t bytes) { return std::to_string(bytes) + " bytes"; }

}  // namespace

Result<Manifest> Manifest::make(std::uint64_t size, std::string name) {
  Manifest manifest;
  manifest.size = size;
  manifest.name = std::move(name);
  while (std::uint64_t{manifest.chunk_bytes} * max_chunks < size && manifest.chunk_bytes < max_chunk_bytes)
    manifest.chunk_bytes *= 2;
  if (auto valid = manifest.validate(); !valid) return fail(std::move(valid).error());
  manifest.id = SurfaceId::random();
  return manifest;
}

Result<void> Manifest::validate() const {
  if (size > max_size)
    return fail(Errc::too_large, "a surface has at most 2^44 bytes, this one has " + bytes_text(size) +
                                     ": expose it in parts");
  if (!std::has_single_bit(chunk_bytes) || chunk_bytes < min_chunk_bytes || chunk_bytes > max_chunk_bytes)
    return fail(Errc::invalid_argument,
                "a chunk has a power of two from 4 KiB to 16 MiB, not " + bytes_text(chunk_bytes));
  if (size > std::uint64_t{chunk_bytes} * max_chunks)
    return fail(Errc::too_large, "chunks of " + bytes_text(chunk_bytes) +
                                     " would make more than 2^20 of them for " + bytes_text(size) +
                                     ": choose larger chunks");
  if (name.size() > max_name_bytes)
    return fail(Errc::invalid_argument,
                "a surface's name has at most 255 bytes, this one has " + std::to_string(name.size()));
  const bool sealed = protection == Protection::sealed;
  if (protection != Protection::checksum && !sealed)
    return fail(Errc::malformed_data, "the manifest names a protection that this version does not know");
  if (sealed != (suite != CipherSuite::none) || suite > CipherSuite::chacha20_poly1305)
    return fail(Errc::malformed_data, "the manifest's cipher suite does not go with its protection");
  if (!sealed && tag != decltype(tag){})
    return fail(Errc::malformed_data, "a surface that is not sealed has no tag in its manifest");
  const std::uint32_t proof_bytes = size_pending ? 0 : proof_hashes() * proof_hash_bytes;
  if (trailer_bytes != tag_bytes && trailer_bytes != tag_bytes + proof_bytes)
    return fail(Errc::malformed_data, "a trailer is a tag, or a tag and " + bytes_text(proof_bytes) +
                                          " of proof, not " + bytes_text(trailer_bytes));
  return {};
}

std::uint32_t Manifest::length_of(ChunkIndex chunk) const {
  if (size_pending || chunk.value + 1 < chunk_count()) return chunk_bytes;
  return static_cast<std::uint32_t>(size - offset_of(chunk));
}

Result<Range> Manifest::resolve(Range range) const {
  if (range.offset > size || (range.length != whole && range.length > size - range.offset))
    return fail(Errc::out_of_range, "the range from " + std::to_string(range.offset) +
                                        " on reaches past the end of the surface at " + std::to_string(size));
  if (range.length == whole) range.length = size - range.offset;
  return range;
}

Result<ChunkRange> Manifest::chunks_of(Range range) const {
  const auto resolved = resolve(range);
  if (!resolved) return fail(resolved.error());
  const auto first = static_cast<std::uint32_t>(resolved->offset / chunk_bytes);
  if (resolved->length == 0) return ChunkRange{ChunkIndex{first}, ChunkIndex{first}};
  const auto last = static_cast<std::uint32_t>((resolved->offset + resolved->length - 1) / chunk_bytes);
  return ChunkRange{ChunkIndex{first}, ChunkIndex{last + 1}};
}

}  // namespace rgtp
