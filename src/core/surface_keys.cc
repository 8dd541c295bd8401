#include "core/surface_keys.h"

#include <algorithm>
#include <cassert>

#include "core/bytes.h"
#include "core/manifest_codec.h"

namespace rgtp::core {

namespace {

std::array<std::byte, manifest_bytes> encode_blank(Manifest manifest) {
  manifest.tag = {};
  std::array<std::byte, manifest_bytes> encoded;
  encode_manifest(manifest, encoded);
  return encoded;
}

Tag tag_of(const Key& key, std::span<const std::byte> message) {
  const Digest digest = HmacSha256(key.bytes()).compute(message);
  Tag tag;
  std::copy_n(digest.begin(), tag.size(), tag.begin());
  return tag;
}

std::array<std::byte, sizeof(std::uint64_t)> encode_size(std::uint64_t size) {
  std::array<std::byte, sizeof size> encoded;
  ByteWriter(encoded).put(size);
  return encoded;
}

Aead::Nonce nonce_of(ChunkIndex chunk) {
  Aead::Nonce nonce{};
  ByteWriter(nonce).put(chunk.value);
  return nonce;
}

using Associated = std::array<std::byte, sizeof(Digest) + 2 * sizeof(std::uint32_t)>;

Associated associated_with(const Digest& header, ChunkIndex chunk, std::uint32_t counted) {
  Associated associated;
  ByteWriter writer(associated);
  writer.put_bytes(header);
  writer.put(chunk.value);
  writer.put(counted);
  return associated;
}

}  // namespace

SurfaceKeys::SurfaceKeys(const Key& key, const Manifest& manifest)
    : header_(sha256(encode_blank(manifest))),
      manifest_(derive_key(key, header_, "rgtp manifest")),
      end_(derive_key(key, header_, "rgtp end")),
      chunks_(derive_key(key, header_, "rgtp chunks")) {}

// The header stands for the manifest: a digest of it.
Tag SurfaceKeys::manifest_tag() const { return tag_of(manifest_, header_); }

bool SurfaceKeys::authenticates(const Manifest& manifest) const {
  return sha256(encode_blank(manifest)) == header_ && equal_in_constant_time(manifest.tag, manifest_tag());
}

EndTag SurfaceKeys::end_tag(std::uint64_t final_size) const { return tag_of(end_, encode_size(final_size)); }

bool SurfaceKeys::authenticates(const FinalSize& size) const {
  return equal_in_constant_time(size.tag, end_tag(size.bytes));
}

std::uint32_t counted_bytes(const Manifest& manifest, ChunkIndex chunk, std::uint64_t size) {
  const std::uint64_t offset = manifest.offset_of(chunk);
  const std::uint64_t left = size > offset ? size - offset : 0;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(manifest.length_of(chunk), left));
}

Tag ChunkCipher::seal(ChunkIndex chunk, std::span<const std::byte> plain, std::uint32_t counted,
                      std::span<std::byte> out) {
  Tag tag;
  aead_.seal(nonce_of(chunk), associated_with(header_, chunk, counted), plain, out, tag);
  return tag;
}

bool ChunkCipher::open(ChunkIndex chunk, std::span<const std::byte> sealed, std::uint32_t counted,
                       std::span<const std::byte> tag, std::span<std::byte> out) {
  assert(tag.size() == Aead::tag_bytes);
  return aead_.open(nonce_of(chunk), associated_with(header_, chunk, counted), sealed, out,
                    tag.first<Aead::tag_bytes>());
}

}  // namespace rgtp::core
