#include "core/merkle.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "core/bytes.h"
#include "core/manifest_codec.h"

namespace rgtp::core {

namespace {

constexpr std::array leaf_prefix{std::byte{0}};
constexpr std::array node_prefix{std::byte{1}};
constexpr std::string_view root_label = "rgtp root";

static_assert(sizeof(Digest) == Manifest::proof_hash_bytes);

Digest node(Sha256& hash, const Digest& left, const Digest& right) {
  return hash.add(node_prefix).add(left).add(right).finish();
}

}  // namespace

Digest merkle_leaf(std::span<const std::byte> stored, std::span<const std::byte> tag) {
  return Sha256().add(leaf_prefix).add(stored).add(tag).finish();
}

MerkleTree::MerkleTree(std::vector<Digest> leaves) {
  if (leaves.empty()) leaves.push_back(sha256({}));
  levels_.push_back(std::move(leaves));
  Sha256 hash;
  fillings_.emplace_back();
  while (levels_.back().size() > 1) {
    const std::vector<Digest>& below = levels_.back();
    std::vector<Digest> above;
    above.reserve((below.size() + 1) / 2);
    for (std::size_t i = 0; i < below.size(); i += 2)
      above.push_back(node(hash, below[i], i + 1 < below.size() ? below[i + 1] : fillings_.back()));
    fillings_.push_back(node(hash, fillings_.back(), fillings_.back()));
    levels_.push_back(std::move(above));
  }
}

void MerkleTree::prove(ChunkIndex chunk, std::span<std::byte> out) const {
  assert(out.size() == (levels_.size() - 1) * sizeof(Digest));
  std::size_t at = chunk.value;
  for (std::size_t level = 0; level + 1 < levels_.size(); ++level, at /= 2) {
    const std::size_t beside = at ^ 1;
    const Digest& sibling = beside < levels_[level].size() ? levels_[level][beside] : fillings_[level];
    std::ranges::copy(sibling, out.subspan(level * sizeof(Digest)).begin());
  }
}

Digest merkle_head(const Digest& leaf, ChunkIndex chunk, std::span<const std::byte> proof) {
  Sha256 hash;
  Digest head = leaf;
  std::uint32_t at = chunk.value;
  for (; !proof.empty(); proof = proof.subspan(sizeof(Digest)), at /= 2) {
    Digest beside;
    std::ranges::copy(proof.first(sizeof(Digest)), beside.begin());
    head = at % 2 == 0 ? node(hash, head, beside) : node(hash, beside, head);
  }
  return head;
}

Digest surface_root(const Manifest& manifest, const Digest& head) {
  std::array<std::byte, manifest_bytes> encoded;
  encode_manifest(manifest, encoded);
  return Sha256().add(as_bytes(root_label)).add(encoded).add(head).finish();
}

}  // namespace rgtp::core
