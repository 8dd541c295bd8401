// What a sealed surface's key comes to: a key of its own for each use, and the tags under them.
//
//     salt         SHA-256 of the manifest as it is encoded, its tag blank
//     subkeys      HKDF-SHA256(key, salt, "rgtp manifest" | "rgtp end" | "rgtp chunks")
//     manifest tag HMAC-SHA256(manifest subkey, salt), its first 16 bytes
//     end tag      HMAC-SHA256(end subkey, final size), its first 16 bytes
//     chunk        AEAD(chunk subkey, nonce: the chunk's index, associated: salt and index)
//
// The salt binds every subkey to the manifest: another suite, chunk size or name is another key.
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

// Seals and opens chunks. Not thread-safe: one to a thread.
class ChunkCipher {
 public:
  ChunkCipher(CipherSuite suite, const SurfaceKeys& keys)
      : header_(keys.header()), aead_(suite, keys.chunks()) {}

  // A chunk is sealed once under a key, for ever (SurfaceStore::claim()). `out` may be the plain bytes' own.
  Tag seal(ChunkIndex chunk, std::span<const std::byte> plain, std::span<std::byte> out);
  // In place; where it is false the bytes are worthless.
  [[nodiscard]] bool open(ChunkIndex chunk, std::span<std::byte> bytes, std::span<const std::byte> tag);

 private:
  const Digest header_;
  Aead aead_;
};

}  // namespace rgtp::core
