// What protection costs: sealing and opening chunks, what a surface's keys are derived with, and the Merkle
// tree of one that has a root.
//
//     cipher_bench [--benchmark_filter=REGEX]
//
// Chunks are told in bytes a second, trees in leaves a second.
#include <algorithm>
#include <vector>

#include <benchmark/benchmark.h>

#include "core/merkle.h"
#include "core/surface_keys.h"

namespace rgtp::core {
namespace {

constexpr auto aes = CipherSuite::aes_256_gcm;
constexpr auto chacha = CipherSuite::chacha20_poly1305;

Manifest sealed_manifest(CipherSuite suite) {
  Manifest manifest = Manifest::make(1 << 30, "model.bin").value();
  manifest.protection = Protection::sealed;
  manifest.suite = suite;
  return manifest;
}

std::vector<std::byte> random_bytes(std::size_t size) {
  std::vector<std::byte> bytes(size);
  fill_random(bytes);
  return bytes;
}

// A chunk, and room for what it becomes.
struct Chunk {
  explicit Chunk(std::int64_t size)
      : length(static_cast<std::uint32_t>(size)),
        plain(random_bytes(length)),
        sealed(length),
        opened(length) {}

  const std::uint32_t length;
  const std::vector<std::byte> plain;
  std::vector<std::byte> sealed;
  std::vector<std::byte> opened;
};

// Whether what is sealed comes out as it was, and nothing that was changed does.
bool seals_and_opens(ChunkCipher& cipher, Chunk& chunk) {
  const ChunkIndex index{0};
  Tag tag = cipher.seal(index, chunk.plain, chunk.length, chunk.sealed);
  const bool comes_back = cipher.open(index, chunk.sealed, chunk.length, tag, chunk.opened) &&
                          chunk.opened == chunk.plain && chunk.sealed != chunk.plain;
  tag.front() ^= std::byte{1};
  return comes_back && !cipher.open(index, chunk.sealed, chunk.length, tag, chunk.opened);
}

void seal_a_chunk(benchmark::State& state, CipherSuite suite) {
  ChunkCipher cipher(suite, SurfaceKeys(Key::random(), sealed_manifest(suite)));
  Chunk chunk(state.range(0));
  if (!seals_and_opens(cipher, chunk)) return state.SkipWithError("it does not come out as it was");
  ChunkIndex index{1};  // none is sealed twice
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(cipher.seal(index, chunk.plain, chunk.length, chunk.sealed));
    benchmark::ClobberMemory();
    ++index.value;
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK_CAPTURE(seal_a_chunk, aes_256_gcm, aes)
    ->ArgName("bytes")
    ->Arg(4 << 10)
    ->Arg(64 << 10)
    ->Arg(1 << 20);
BENCHMARK_CAPTURE(seal_a_chunk, chacha20_poly1305, chacha)
    ->ArgName("bytes")
    ->Arg(4 << 10)
    ->Arg(64 << 10)
    ->Arg(1 << 20);

void open_a_chunk(benchmark::State& state, CipherSuite suite) {
  ChunkCipher cipher(suite, SurfaceKeys(Key::random(), sealed_manifest(suite)));
  Chunk chunk(state.range(0));
  if (!seals_and_opens(cipher, chunk)) return state.SkipWithError("it does not come out as it was");
  const ChunkIndex index{1};
  const Tag tag = cipher.seal(index, chunk.plain, chunk.length, chunk.sealed);
  bool all_good = true;
  for ([[maybe_unused]] auto _ : state) {
    all_good &= cipher.open(index, chunk.sealed, chunk.length, tag, chunk.opened);
    benchmark::ClobberMemory();
  }
  if (!all_good || chunk.opened != chunk.plain) state.SkipWithError("it did not come out as it was");
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK_CAPTURE(open_a_chunk, aes_256_gcm, aes)
    ->ArgName("bytes")
    ->Arg(4 << 10)
    ->Arg(64 << 10)
    ->Arg(1 << 20);
BENCHMARK_CAPTURE(open_a_chunk, chacha20_poly1305, chacha)
    ->ArgName("bytes")
    ->Arg(4 << 10)
    ->Arg(64 << 10)
    ->Arg(1 << 20);

// HKDF-SHA256 to one key.
void derive_a_key(benchmark::State& state) {
  const Key key = Key::random();
  const auto salt = random_bytes(sizeof(Digest));
  if (derive_key(key, salt, "rgtp chunks") != derive_key(key, salt, "rgtp chunks") ||
      derive_key(key, salt, "rgtp chunks") == derive_key(key, salt, "rgtp end"))
    return state.SkipWithError("the keys are not those of their uses");
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(derive_key(key, salt, "rgtp chunks"));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(derive_a_key);

// What a pull of a sealed surface does before its first chunk: derives the keys, looks whether the manifest
// is authentic, and makes a cipher.
void begin_a_sealed_pull(benchmark::State& state) {
  Manifest manifest = sealed_manifest(aes);
  const Key key = Key::random();
  manifest.tag = SurfaceKeys(key, manifest).manifest_tag();
  bool all_good = !SurfaceKeys(Key::random(), manifest).authenticates(manifest);
  for ([[maybe_unused]] auto _ : state) {
    const SurfaceKeys keys(key, manifest);
    all_good &= keys.authenticates(manifest);
    ChunkCipher cipher(manifest.suite, keys);
    benchmark::DoNotOptimize(cipher);
  }
  if (!all_good) state.SkipWithError("the manifest is authentic under the wrong key, or not under its own");
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(begin_a_sealed_pull);

void merkle_leaves(benchmark::State& state) {
  auto chunk = random_bytes(static_cast<std::size_t>(state.range(0)));
  const auto tag = random_bytes(Manifest::tag_bytes);
  const Digest leaf = merkle_leaf(chunk, tag);
  chunk.back() ^= std::byte{1};
  if (merkle_leaf(chunk, tag) == leaf) return state.SkipWithError("a changed chunk has the same leaf");
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(merkle_leaf(chunk, tag));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(merkle_leaves)->ArgName("bytes")->Arg(4 << 10)->Arg(64 << 10);

std::vector<Digest> random_leaves(std::int64_t count) {
  std::vector<Digest> leaves(static_cast<std::size_t>(count));
  for (Digest& leaf : leaves) fill_random(leaf);
  return leaves;
}

std::vector<std::byte> proof_of(const MerkleTree& tree, ChunkIndex chunk, std::int64_t chunks) {
  Manifest manifest;
  manifest.chunk_bytes = Manifest::min_chunk_bytes;
  manifest.size = static_cast<std::uint64_t>(chunks) * manifest.chunk_bytes;
  std::vector<std::byte> proof(std::size_t{manifest.proof_hashes()} * Manifest::proof_hash_bytes);
  tree.prove(chunk, proof);
  return proof;
}

void build_a_tree(benchmark::State& state) {
  const auto leaves = random_leaves(state.range(0));
  const MerkleTree tree(leaves);
  const ChunkIndex last{static_cast<std::uint32_t>(leaves.size()) - 1};
  if (merkle_head(leaves.back(), last, proof_of(tree, last, state.range(0))) != tree.head())
    return state.SkipWithError("a leaf of the tree is not under its head");
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(MerkleTree(leaves).head());
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(build_a_tree)->ArgName("leaves")->Arg(1 << 14);

void prove_a_leaf(benchmark::State& state) {
  const MerkleTree tree(random_leaves(state.range(0)));
  const auto chunks = static_cast<std::uint32_t>(state.range(0));
  ChunkIndex chunk{0};
  auto proof = proof_of(tree, chunk, state.range(0));
  for ([[maybe_unused]] auto _ : state) {
    chunk.value = (chunk.value + 1) % chunks;
    tree.prove(chunk, proof);
    benchmark::ClobberMemory();
  }
  if (proof != proof_of(tree, chunk, state.range(0))) state.SkipWithError("it is another leaf's proof");
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(prove_a_leaf)->ArgName("leaves")->Arg(1 << 14);

// What a puller hashes beside the chunk.
void check_a_proof(benchmark::State& state) {
  auto leaves = random_leaves(state.range(0));
  const MerkleTree tree(leaves);
  const ChunkIndex chunk{static_cast<std::uint32_t>(leaves.size() / 3)};
  const auto proof = proof_of(tree, chunk, state.range(0));
  bool all_good = merkle_head(leaves[chunk.value + 1], chunk, proof) != tree.head();
  for ([[maybe_unused]] auto _ : state)
    all_good &= merkle_head(leaves[chunk.value], chunk, proof) == tree.head();
  if (!all_good) state.SkipWithError("a proof holds for another leaf, or not for its own");
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(check_a_proof)->ArgName("leaves")->Arg(1 << 14);

}  // namespace
}  // namespace rgtp::core
