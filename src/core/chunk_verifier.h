// The one place where a chunk as it was stored becomes a chunk that may be used: its tag, its proof, its
// decryption.
#pragma once

#include <memory>
#include <optional>

#include <rgtp/locator.h>
#include <rgtp/manifest.h>
#include <rgtp/store.h>

#include "core/surface_keys.h"

namespace rgtp::core {

// Not thread-safe: a copy to a thread.
class ChunkVerifier {
 public:
  // For the surface of this manifest, which is valid, as the locator wants it. Errors: wrong_key (not the
  // key of this surface, none for a sealed one, one for another that is not), corrupted (the root is another
  // surface's, as far as the manifest tells).
  [[nodiscard]] static Result<ChunkVerifier> make(const Manifest& manifest, const std::optional<Key>& key,
                                                  const std::optional<Locator::Root>& root);
  ChunkVerifier(const ChunkVerifier& other);
  ChunkVerifier(ChunkVerifier&&) noexcept = default;
  ChunkVerifier& operator=(const ChunkVerifier&) = delete;
  ChunkVerifier& operator=(ChunkVerifier&&) noexcept = default;

  // Whether stored bytes have to be a private copy: nobody may change them between their verification and
  // their use, which they are not fit for before that where they are sealed.
  bool needs_copies() const { return keys_ != nullptr || root_; }
  // Whether the bytes are changed by verify().
  bool decrypts() const { return keys_ != nullptr; }

  // Whether they are what was exposed: the chunk, and its trailer of Manifest::trailer_bytes. Decrypts in
  // place; where it is false the bytes are worthless.
  [[nodiscard]] bool verify(ChunkIndex chunk, std::span<std::byte> bytes, std::span<const std::byte> trailer);
  // The same where nothing is decrypted.
  [[nodiscard]] bool verify_plain(ChunkIndex chunk, std::span<const std::byte> bytes,
                                  std::span<const std::byte> trailer) const;

  // Takes a chunk out of a store on this host, into private memory of its length, and verifies it there; what
  // nobody can change is decrypted where it stands. `trailer` is room for it. May block. False where it is
  // not what was exposed; `out` is worthless then and after errors, which are the store's.
  [[nodiscard]] Result<bool> take(const Store& store, ChunkIndex chunk, std::span<std::byte> out,
                                  std::span<std::byte> trailer);

  // The size of a surface that grew: of a chunk that holds it no more counts, and as long as it is not known
  // none verifies of which not all does.
  void set_final_size(std::uint64_t size) { size_ = size; }
  // Whether that is the head of the tree under the root: true where there is no root.
  bool authenticates_head(const TreeHead& head) const;
  // Whether a surface that grew ends there: true where it is not sealed, since nobody can tell then.
  bool authenticates_end(const FinalSize& size) const {
    return keys_ == nullptr || keys_->authenticates(size);
  }

 private:
  ChunkVerifier(const Manifest& manifest, std::shared_ptr<const SurfaceKeys> keys,
                const std::optional<Locator::Root>& root);
  bool is_under_root(ChunkIndex chunk, std::span<const std::byte> bytes,
                     std::span<const std::byte> trailer) const;
  bool decrypt(ChunkIndex chunk, std::span<const std::byte> sealed, std::span<const std::byte> trailer,
               std::span<std::byte> out);
  std::uint32_t counted(ChunkIndex chunk) const;

  Manifest manifest_;
  std::shared_ptr<const SurfaceKeys> keys_;  // none where it is not sealed
  std::optional<Locator::Root> root_;
  std::optional<ChunkCipher> cipher_;
  std::uint64_t size_;
};

// How often chunks of a store on this host are read again because they failed verification, all together,
// and what a pull ends with after that.
inline constexpr std::uint32_t most_rereads = 8;
Error failed_again_and_again();

}  // namespace rgtp::core
