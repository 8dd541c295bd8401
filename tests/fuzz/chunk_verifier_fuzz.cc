// Chunks and trailers from outside, against every protection: nothing verifies that was not exposed, and
// nothing is read or written beyond what was given.
#include <algorithm>
#include <array>
#include <vector>

#include "core/chunk_verifier.h"
#include "core/merkle.h"
#include "fuzz/input.h"
#include "fuzz/require.h"

namespace {

using namespace rgtp;
using namespace rgtp::core;

constexpr std::uint32_t chunk_bytes = Manifest::min_chunk_bytes;
constexpr std::uint32_t chunks = 5;

// The same surface for every input, once for each protection.
struct Exposed {
  Manifest manifest;
  std::optional<Key> key;
  std::optional<Locator::Root> root;
  std::vector<std::vector<std::byte>> stored;
  std::vector<std::vector<std::byte>> trailers;

  Exposed(Protection protection, bool rooted) {
    manifest.id.bytes.fill(std::byte{7});
    manifest.size = (chunks - 1) * chunk_bytes + 100;
    manifest.chunk_bytes = chunk_bytes;
    if (rooted)
      manifest.trailer_bytes = static_cast<std::uint16_t>(
          Manifest::tag_bytes + manifest.proof_hashes() * Manifest::proof_hash_bytes);
    std::optional<ChunkCipher> cipher;
    if (protection == Protection::sealed) {
      manifest.protection = protection;
      manifest.suite = CipherSuite::aes_256_gcm;
      std::array<std::byte, Key::size> bytes;
      bytes.fill(std::byte{9});
      key.emplace(bytes);
      const SurfaceKeys keys(*key, manifest);
      manifest.tag = keys.manifest_tag();
      cipher.emplace(manifest.suite, keys);
    }
    std::vector<Digest> leaves;
    for (ChunkIndex chunk{0}; chunk.value < chunks; ++chunk.value) {
      auto& bytes = stored.emplace_back(manifest.length_of(chunk), static_cast<std::byte>(chunk.value));
      const Tag tag =
          cipher ? cipher->seal(chunk, bytes, manifest.length_of(chunk), bytes) : chunk_tag(chunk, bytes);
      trailers.emplace_back(tag.begin(), tag.end());
      leaves.push_back(merkle_leaf(bytes, tag));
    }
    if (!rooted) return;
    const MerkleTree tree(std::move(leaves));
    for (ChunkIndex chunk{0}; chunk.value < chunks; ++chunk.value) {
      trailers[chunk.value].resize(manifest.trailer_bytes);
      tree.prove(chunk, std::span(trailers[chunk.value]).subspan(Manifest::tag_bytes));
    }
    root = surface_root(manifest, tree.head());
  }
};

const Exposed& exposed(std::uint8_t which) {
  static const std::array<Exposed, 4> all = {
      Exposed(Protection::checksum, false), Exposed(Protection::checksum, true),
      Exposed(Protection::sealed, false), Exposed(Protection::sealed, true)};
  return all[which % all.size()];
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const Exposed& surface = exposed(input.byte());
  auto verifier = ChunkVerifier::make(surface.manifest, surface.key, surface.root);
  REQUIRE(verifier.has_value());
  const ChunkIndex taken{input.byte() % chunks};
  const ChunkIndex as{input.byte() % chunks};
  auto bytes = surface.stored[taken.value];
  auto trailer = surface.trailers[taken.value];
  // Changes, each a place and what is added there; and the length that the other chunk has.
  bytes.resize(surface.manifest.length_of(as));
  for (int i = 0; i < 16 && !input.empty(); ++i) {
    const std::size_t at = input.word() % (bytes.size() + trailer.size());
    std::byte& changed = at < bytes.size() ? bytes[at] : trailer[at - bytes.size()];
    changed ^= static_cast<std::byte>(input.byte());
  }
  const bool is_genuine = bytes == surface.stored[as.value] && trailer == surface.trailers[as.value];
  const bool verified = verifier->verify(as, bytes, trailer);
  REQUIRE(verified == is_genuine);
  if (verified && surface.key)
    REQUIRE(std::ranges::count(bytes, static_cast<std::byte>(as.value)) == std::ssize(bytes));
  return 0;
}
