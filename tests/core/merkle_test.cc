#include "core/merkle.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/bytes.h"
#include "core/manifest_codec.h"
#include "support/bytes.h"
#include "support/pattern.h"
#include "support/surfaces.h"

namespace rgtp::core {
namespace {

using test::hex;

constexpr std::uint32_t chunk_bytes = Manifest::min_chunk_bytes;

std::vector<Digest> leaves_of(std::uint32_t count) {
  std::vector<Digest> leaves;
  for (std::uint32_t i = 0; i < count; ++i) leaves.push_back(sha256(test::pattern(8, i)));
  return leaves;
}

std::vector<std::byte> join(std::initializer_list<std::span<const std::byte>> parts) {
  std::vector<std::byte> joined;
  for (const auto part : parts) joined.insert(joined.end(), part.begin(), part.end());
  return joined;
}

// RFC 6962, section 2.1.
Digest node_of(const Digest& left, const Digest& right) {
  return sha256(join({std::array{std::byte{1}}, left, right}));
}

// As long as a manifest of so many chunks says.
std::vector<std::byte> proof_of(const MerkleTree& tree, ChunkIndex chunk, std::uint32_t chunks) {
  const Manifest manifest = test::manifest_of(std::uint64_t{chunks} * chunk_bytes);
  std::vector<std::byte> proof(manifest.proof_hashes() * Manifest::proof_hash_bytes);
  tree.prove(chunk, proof);
  return proof;
}

void expect_proofs_of_all(std::uint32_t chunks) {
  const auto leaves = leaves_of(chunks);
  const MerkleTree tree(leaves);
  for (ChunkIndex chunk{0}; chunk.value < chunks; ++chunk.value)
    ASSERT_EQ(merkle_head(leaves[chunk.value], chunk, proof_of(tree, chunk, chunks)), tree.head())
        << chunk.value << " of " << chunks;
}

TEST(MerkleTree, ProvesEveryChunkOfAnyNumber) {
  for (std::uint32_t chunks = 1; chunks <= 70; ++chunks) expect_proofs_of_all(chunks);
  expect_proofs_of_all(1000);
}

TEST(MerkleTree, HasALeafThatHashesAZeroTheBytesAndTheTag) {
  const auto stored = test::pattern(100);
  const auto tag = test::pattern(Manifest::tag_bytes, 2);
  EXPECT_EQ(merkle_leaf(stored, tag), sha256(join({std::array{std::byte{0}}, stored, tag})));
}

TEST(MerkleTree, IsFilledUpToAPowerOfTwoWithZeros) {
  const auto leaves = leaves_of(5);
  const Digest zeros{};
  const Digest left = node_of(leaves[0], leaves[1]);
  const Digest right = node_of(leaves[2], zeros);
  const MerkleTree three({leaves[0], leaves[1], leaves[2]});
  EXPECT_EQ(three.head(), node_of(left, right));
  EXPECT_EQ(hex(proof_of(three, ChunkIndex{2}, 3)), hex(zeros) + hex(left));
  EXPECT_EQ(hex(proof_of(three, ChunkIndex{1}, 3)), hex(leaves[0]) + hex(right));

  // Half of its half is filling, which is a subtree of its own there.
  const MerkleTree five(leaves);
  const Digest four = node_of(left, node_of(leaves[2], leaves[3]));
  const Digest filling = node_of(zeros, zeros);
  EXPECT_EQ(five.head(), node_of(four, node_of(node_of(leaves[4], zeros), filling)));
  EXPECT_EQ(hex(proof_of(five, ChunkIndex{4}, 5)), hex(zeros) + hex(filling) + hex(four));
}

TEST(MerkleTree, OfOneLeafIsTheLeafAndOfNoneTheHashOfNothing) {
  const auto leaves = leaves_of(1);
  EXPECT_EQ(MerkleTree(leaves).head(), leaves[0]);
  EXPECT_TRUE(proof_of(MerkleTree(leaves), ChunkIndex{0}, 1).empty());
  EXPECT_EQ(MerkleTree({}).head(), sha256({}));
}

TEST(MerkleTree, ProvesAChunkForItsOwnPlaceAlone) {
  for (const std::uint32_t chunks : {2U, 3U, 13U, 64U, 65U}) {
    const auto leaves = leaves_of(chunks);
    const MerkleTree tree(leaves);
    for (ChunkIndex chunk{0}; chunk.value < chunks; ++chunk.value) {
      const auto proof = proof_of(tree, chunk, chunks);
      for (ChunkIndex other{0}; other.value < chunks; ++other.value)
        ASSERT_EQ(merkle_head(leaves[chunk.value], other, proof) == tree.head(), other == chunk)
            << chunk.value << " as " << other.value << " of " << chunks;
    }
  }
}

TEST(MerkleTree, ProvesNoOtherLeaf) {
  const auto leaves = leaves_of(13);
  const MerkleTree tree(leaves);
  for (ChunkIndex chunk{0}; chunk.value < 13; ++chunk.value) {
    const auto proof = proof_of(tree, chunk, 13);
    for (std::uint32_t other = 0; other < 13; ++other)
      ASSERT_EQ(merkle_head(leaves[other], chunk, proof) == tree.head(), other == chunk.value);
    Digest changed = leaves[chunk.value];
    changed[31] ^= std::byte{1};
    ASSERT_NE(merkle_head(changed, chunk, proof), tree.head());
  }
}

TEST(MerkleTree, NeedsEveryHashOfAProofAsItIs) {
  const auto leaves = leaves_of(13);
  const MerkleTree tree(leaves);
  for (ChunkIndex chunk{0}; chunk.value < 13; ++chunk.value) {
    auto proof = proof_of(tree, chunk, 13);
    for (std::byte& byte : proof) {
      byte ^= std::byte{0x20};
      ASSERT_NE(merkle_head(leaves[chunk.value], chunk, proof), tree.head());
      byte ^= std::byte{0x20};
    }
    const auto shorter = std::span(proof).first(proof.size() - sizeof(Digest));
    EXPECT_NE(merkle_head(leaves[chunk.value], chunk, shorter), tree.head());
    proof.resize(proof.size() + sizeof(Digest));
    EXPECT_NE(merkle_head(leaves[chunk.value], chunk, proof), tree.head());
  }
}

// Otherwise the two hashes below a node would be content under the same head.
TEST(MerkleTree, TakesNoNodeForALeaf) {
  const auto leaves = leaves_of(4);
  const MerkleTree tree(leaves);
  const Digest left = node_of(leaves[0], leaves[1]);
  const Digest right = node_of(leaves[2], leaves[3]);
  ASSERT_EQ(merkle_head(left, ChunkIndex{0}, right), tree.head());
  const auto below = join({leaves[0], leaves[1]});
  for (std::size_t stored = 0; stored <= below.size(); ++stored) {
    const Digest leaf = merkle_leaf(std::span(below).first(stored), std::span(below).subspan(stored));
    ASSERT_EQ(leaf, merkle_leaf(below, {}));
    ASSERT_NE(leaf, left);
    ASSERT_NE(merkle_head(leaf, ChunkIndex{0}, right), tree.head());
  }
  EXPECT_NE(MerkleTree({left, right}).head(), MerkleTree({merkle_leaf(below, {}), right}).head());
}

// As it would where the last leaf stood in for the missing one.
TEST(MerkleTree, OfThreeLeavesIsNotThatOfFourWithTheLastOneTwice) {
  const auto leaves = leaves_of(3);
  EXPECT_NE(MerkleTree(leaves).head(), MerkleTree({leaves[0], leaves[1], leaves[2], leaves[2]}).head());
}

TEST(SurfaceRoot, HashesALabelTheManifestAndTheHead) {
  const Manifest manifest = test::manifest_of(3 * chunk_bytes);
  const Digest head = MerkleTree(leaves_of(3)).head();
  std::array<std::byte, manifest_bytes> encoded;
  encode_manifest(manifest, encoded);
  EXPECT_EQ(surface_root(manifest, head), sha256(join({as_bytes("rgtp root"), encoded, head})));
}

TEST(SurfaceRoot, CoversEveryFieldOfTheManifestAndTheHead) {
  Manifest manifest = test::manifest_of(3 * chunk_bytes + 7);
  manifest.name = "model.bin";
  manifest.protection = Protection::sealed;
  manifest.suite = CipherSuite::aes_256_gcm;
  std::vector<Manifest> others(8, manifest);
  others[0].id.bytes[15] ^= std::byte{1};
  others[1].size += 1;
  others[2].chunk_bytes *= 2;
  others[3].name = "model.bim";
  others[4].tag[0] ^= std::byte{1};
  others[5].suite = CipherSuite::chacha20_poly1305;
  others[6].trailer_bytes += 2 * Manifest::proof_hash_bytes;
  others[7].size_pending = true;
  others.push_back(manifest);
  others.back().protection = Protection::checksum;
  others.back().suite = CipherSuite::none;

  Digest head = MerkleTree(leaves_of(4)).head();
  std::set<Digest> roots = {surface_root(manifest, head)};
  for (std::size_t i = 0; i < others.size(); ++i) {
    ASSERT_TRUE(others[i].validate()) << i;
    EXPECT_TRUE(roots.insert(surface_root(others[i], head)).second) << i;
  }
  head[31] ^= std::byte{1};
  EXPECT_TRUE(roots.insert(surface_root(manifest, head)).second);
}

// A leaf of zeros is filling too, and the head does not tell: the manifest does.
TEST(SurfaceRoot, TellsHowManyChunksThereAreWhereTheHeadDoesNot) {
  auto leaves = leaves_of(3);
  const Digest three = MerkleTree(leaves).head();
  leaves.emplace_back();
  const Digest four = MerkleTree(leaves).head();
  ASSERT_EQ(three, four);
  Manifest manifest = test::manifest_of(3 * chunk_bytes);
  const Digest root = surface_root(manifest, three);
  manifest.size += chunk_bytes;
  EXPECT_NE(surface_root(manifest, four), root);
}

}  // namespace
}  // namespace rgtp::core
