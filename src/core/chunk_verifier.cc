#include "core/chunk_verifier.h"

#include <cassert>
#include <cstring>

#include "core/merkle.h"

namespace rgtp::core {

namespace {

constexpr const char* other_surface =
    "what is there is not the surface that the locator's root (#v=) names: somebody answers in its place, or "
    "the locator is wrong";

}  // namespace

Result<ChunkVerifier> ChunkVerifier::make(const Manifest& manifest, const std::optional<Key>& key,
                                          const std::optional<Locator::Root>& root) {
  std::shared_ptr<const SurfaceKeys> keys;
  if (manifest.protection == Protection::sealed) {
    if (!key)
      return fail(
          Errc::wrong_key,
          "the surface is sealed and the locator brings no key: use all of it, with what stands behind "
          "'#'");
    keys = std::make_shared<const SurfaceKeys>(*key, manifest);
    if (!keys->authenticates(manifest))
      return fail(Errc::wrong_key,
                  "the locator's key is not this surface's: use the locator that its exposer printed, whole");
  } else if (key) {
    return fail(Errc::wrong_key,
                "the locator brings a key and what is there is not sealed: somebody answers in the surface's "
                "place, or the locator is wrong");
  }
  // Nothing proves anything under a root where there is no room for proofs; of no chunk there is nothing to
  // wait for.
  const std::uint32_t proof_bytes = manifest.proof_hashes() * Manifest::proof_hash_bytes;
  const bool has_proofs =
      !manifest.size_pending && manifest.trailer_bytes == Manifest::tag_bytes + proof_bytes;
  if (root && (!has_proofs ||
               (manifest.chunk_count() == 0 && surface_root(manifest, MerkleTree({}).head()) != *root)))
    return fail(Errc::corrupted, other_surface);
  return ChunkVerifier(manifest, std::move(keys), root);
}

ChunkVerifier::ChunkVerifier(const Manifest& manifest, std::shared_ptr<const SurfaceKeys> keys,
                             const std::optional<Locator::Root>& root)
    : manifest_(manifest), keys_(std::move(keys)), root_(root), size_(manifest.size) {
  if (keys_ != nullptr) cipher_.emplace(manifest_.suite, *keys_);
}

ChunkVerifier::ChunkVerifier(const ChunkVerifier& other)
    : ChunkVerifier(other.manifest_, other.keys_, other.root_) {
  size_ = other.size_;
}

std::uint32_t ChunkVerifier::counted(ChunkIndex chunk) const {
  return counted_bytes(manifest_, chunk, size_);
}

bool ChunkVerifier::authenticates_head(const TreeHead& head) const {
  return !root_ || surface_root(manifest_, head) == *root_;
}

bool ChunkVerifier::is_under_root(ChunkIndex chunk, std::span<const std::byte> bytes,
                                  std::span<const std::byte> trailer) const {
  const Digest leaf = merkle_leaf(bytes, trailer.first(sizeof(Tag)));
  return surface_root(manifest_, merkle_head(leaf, chunk, trailer.subspan(sizeof(Tag)))) == *root_;
}

bool ChunkVerifier::verify(ChunkIndex chunk, std::span<std::byte> bytes, std::span<const std::byte> trailer) {
  if (!cipher_) return verify_plain(chunk, bytes, trailer);
  return decrypt(chunk, bytes, trailer, bytes);
}

bool ChunkVerifier::decrypt(ChunkIndex chunk, std::span<const std::byte> sealed,
                            std::span<const std::byte> trailer, std::span<std::byte> out) {
  if (root_ && !is_under_root(chunk, sealed, trailer)) return false;
  return cipher_->open(chunk, sealed, counted(chunk), trailer.first(sizeof(Tag)), out);
}

Result<bool> ChunkVerifier::take(const Store& store, ChunkIndex chunk, std::span<std::byte> out,
                                 std::span<std::byte> trailer) {
  const std::uint32_t length = manifest_.length_of(chunk);
  assert(out.size() == length);
  if (auto read = store.read(chunk, length, trailer, ReadMode::may_block); !read)
    return fail(std::move(read).error());
  if (cipher_ && store.region().is_unchangeable())
    return decrypt(chunk, store.region().mapped().subspan(manifest_.offset_of(chunk), length), trailer, out);
  if (auto read = store.read(chunk, 0, out, ReadMode::may_block); !read) return fail(std::move(read).error());
  return verify(chunk, out, trailer);
}

bool ChunkVerifier::verify_plain(ChunkIndex chunk, std::span<const std::byte> bytes,
                                 std::span<const std::byte> trailer) const {
  assert(!cipher_);
  if (root_) return is_under_root(chunk, bytes, trailer);
  const Tag tag = chunk_tag(chunk, bytes);
  return std::memcmp(tag.data(), trailer.data(), tag.size()) == 0;
}

Error failed_again_and_again() {
  return {Errc::corrupted,
          "a chunk failed verification again and again: its bytes were changed after it was exposed"};
}

}  // namespace rgtp::core
