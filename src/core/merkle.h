// Merkle trees: what a root in a locator says of a surface, and how a chunk proves its place under it.
//
// Leaves and nodes are hashed as in RFC 6962, section 2.1, so that neither passes for the other; the tree is
// filled up to a power of two with leaves of zeros, so that every proof is equally long. How many chunks
// there are the manifest says, which the root covers too:
//
//     root = SHA-256("rgtp root" | encoded manifest | head of the tree)
#pragma once

#include <span>
#include <vector>

#include <rgtp/manifest.h>

#include "core/crypto.h"
#include "core/digest.h"

namespace rgtp::core {

// A chunk as it is stored, with its tag.
Digest merkle_leaf(std::span<const std::byte> stored, std::span<const std::byte> tag);

class MerkleTree {
 public:
  // Of no leaf is the hash of nothing.
  explicit MerkleTree(std::vector<Digest> leaves);

  const Digest& head() const { return levels_.back().front(); }
  // The hashes beside the way from this leaf to the head, lowest first: Manifest::proof_hashes() of them.
  void prove(ChunkIndex chunk, std::span<std::byte> out) const;

 private:
  std::vector<std::vector<Digest>> levels_;  // leaves first; without what fills up
  std::vector<Digest> fillings_;             // a whole subtree of that, of each level
};

// The head that a leaf with this proof has above it. The chunk is one of the surface's.
Digest merkle_head(const Digest& leaf, ChunkIndex chunk, std::span<const std::byte> proof);

// What stands behind #v=. The manifest is encoded whole, tag included.
Digest surface_root(const Manifest& manifest, const Digest& head);

}  // namespace rgtp::core
