// What a sealed surface's key comes to: a key of its own for each use, and the tags under them.
//
//     salt         SHA-256 of the manifest as it is encoded, its tag blank
//     subkeys      HKDF-SHA256(key, salt, "rgtp manifest" | "rgtp end" | "rgtp chunks")
//     manifest tag HMAC-SHA256(manifest subkey, salt), its first 16 bytes
//     end tag      HMAC-SHA256(end subkey, final size), its first 16 bytes
//     chunk        AEAD(chunk subkey, nonce: its index, associated: salt, index and how many bytes count)
//
// The salt binds every subkey to the manifest: another suite, chunk size or name is another key. A surface
// that grows is stored in whole chunks, zeros behind its end: that these do not count is authenticated too,
// or somebody who hides the end could pass them off as content.
#pragma once

#include <rgtp/key.h>
#include <rgtp/manifest.h>
#include <rgtp/store.h>

#include "core/crypto.h"
#include "core/digest.h"

namespace rgtp::core {

// Any thread.
class SurfaceKeys {
 public:
  // The manifest's own tag does not count.
  SurfaceKeys(const Key& key, const Manifest& manifest);

  Tag manifest_tag() const;
  // Whether who made the manifest has the key.
  bool authenticates(const Manifest& manifest) const;

  EndTag end_tag(std::uint64_t final_size) const;
  bool authenticates(const FinalSize& size) const;

  // For ChunkCipher.
  const Key& chunks() const { return chunks_; }
  const Digest& header() const { return header_; }

 private:
  Digest header_;
  Key manifest_;
  Key end_;
  Key chunks_;
};

// How many bytes of a chunk count in a surface that has so many: all that are stored, but in the last one of
// a surface that grew.
std::uint32_t counted_bytes(const Manifest& manifest, ChunkIndex chunk, std::uint64_t size);

// Seals and opens chunks. Not thread-safe: one to a thread.
class ChunkCipher {
 public:
  ChunkCipher(CipherSuite suite, const SurfaceKeys& keys)
      : header_(keys.header()), aead_(suite, keys.chunks()) {}

  // A chunk is sealed once under a key, for ever (SurfaceStore::claim()). `out` may be the plain bytes' own.
  Tag seal(ChunkIndex chunk, std::span<const std::byte> plain, std::uint32_t counted,
           std::span<std::byte> out);
  // Where it is false what is in `out` is worthless, which may be the sealed bytes' own memory.
  [[nodiscard]] bool open(ChunkIndex chunk, std::span<const std::byte> sealed, std::uint32_t counted,
                          std::span<const std::byte> tag, std::span<std::byte> out);

 private:
  Digest header_;
  Aead aead_;
};

}  // namespace rgtp::core
