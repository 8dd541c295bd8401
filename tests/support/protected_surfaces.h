// Surfaces in memory for tests that nobody can forge, sealed under a key, whole or growing, or under a root;
// and who pulls them.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <rgtp/locator.h>
#include <rgtp/transport.h>

#include "core/heap_region.h"
#include "core/merkle.h"
#include "core/pull_state.h"
#include "core/surface_keys.h"
#include "core/surface_store.h"
#include "support/observers.h"
#include "support/surfaces.h"

namespace rgtp::test {

// Bytes that follow from the seed: whoever fails is to fail again.
inline Key key_of(std::uint8_t seed) {
  std::array<std::byte, Key::size> bytes;
  bytes.fill(static_cast<std::byte>(seed));
  return Key(bytes);
}

// Makes it the manifest of a sealed surface; nothing of it may change any more.
inline core::SurfaceKeys seal_manifest(Manifest& manifest, const Key& key) {
  manifest.protection = Protection::sealed;
  manifest.suite = CipherSuite::aes_256_gcm;
  core::SurfaceKeys keys(key, manifest);
  manifest.tag = keys.manifest_tag();
  return keys;
}

// A sealed surface whose chunks are published one by one. `manifest` becomes that of a sealed surface: of
// its size, or of so many bytes at most where it says size_pending.
class SealedSurface {
 public:
  SealedSurface(Manifest& manifest, const Key& key)
      : keys_(seal_manifest(manifest, key)),
        cipher_(manifest.suite, keys_),
        store_(std::make_shared<core::SurfaceStore>(
            manifest, core::HeapRegion::make_for(manifest, manifest.stored_bytes()).value())) {}

  const std::shared_ptr<core::SurfaceStore>& store() const { return store_; }
  const core::SurfaceKeys& keys() const { return keys_; }

  // Its part of the whole surface's bytes; zeros behind them where that is not a full chunk.
  void publish(ChunkIndex chunk, std::span<const std::byte> surface) {
    const Manifest& manifest = store_->manifest();
    const auto place =
        store_->region().writable().subspan(manifest.offset_of(chunk), manifest.length_of(chunk));
    const auto rest = surface.subspan(manifest.offset_of(chunk));
    const auto behind = std::ranges::copy(rest.first(std::min(rest.size(), place.size())), place.begin()).out;
    std::fill(behind, place.end(), std::byte{0});
    const std::uint32_t counted =
        core::counted_bytes(manifest, chunk, store_->final_size().value_or(manifest.size));
    store_->publish(chunk, cipher_.seal(chunk, place, counted, place));
  }
  // Before the chunk that holds the end is published.
  void set_final_size(std::uint64_t size) { store_->set_final_size({size, keys_.end_tag(size)}); }

 private:
  const core::SurfaceKeys keys_;
  core::ChunkCipher cipher_;
  const std::shared_ptr<core::SurfaceStore> store_;
};

// With every chunk published.
inline std::shared_ptr<core::SurfaceStore> sealed_store(Manifest& manifest, std::span<const std::byte> bytes,
                                                        const Key& key) {
  SealedSurface surface(manifest, key);
  for (ChunkIndex chunk{0}; chunk.value < manifest.chunk_count(); ++chunk.value)
    surface.publish(chunk, bytes);
  surface.store()->end(SurfaceState::finished);
  return surface.store();
}

struct RootedSurface {
  std::shared_ptr<core::SurfaceStore> store;
  Locator::Root root;
};

// The same of a surface whose chunks carry proofs, in the clear.
inline RootedSurface rooted_store(Manifest& manifest, std::span<const std::byte> bytes) {
  manifest.trailer_bytes =
      static_cast<std::uint16_t>(Manifest::tag_bytes + manifest.proof_hashes() * Manifest::proof_hash_bytes);
  std::vector<core::Digest> leaves;
  std::vector<core::Tag> tags;
  for (ChunkIndex chunk{0}; chunk.value < manifest.chunk_count(); ++chunk.value) {
    const auto stored = chunk_of(manifest, chunk, bytes);
    tags.push_back(core::chunk_tag(chunk, stored));
    leaves.push_back(core::merkle_leaf(stored, tags.back()));
  }
  const core::MerkleTree tree(std::move(leaves));
  auto store = unpublished_store(manifest, bytes);
  std::vector<std::byte> trailer(manifest.trailer_bytes);
  for (ChunkIndex chunk{0}; chunk.value < manifest.chunk_count(); ++chunk.value) {
    const auto proof = std::ranges::copy(tags[chunk.value], trailer.begin()).out;
    tree.prove(chunk, {proof, trailer.end()});
    if (!store->claim(chunk)) std::abort();
    store->publish_claimed(chunk, trailer);
  }
  store->set_tree_head(tree.head());
  store->end(SurfaceState::finished);
  return {std::move(store), core::surface_root(manifest, tree.head())};
}

// The receiving end of a pull of such a surface: the core's pull state, with memory for all of it.
class StateSink : public Sink {
 public:
  explicit StateSink(const core::PullState::Options& options) : state_(options, observer_) {}

  bool recognizes(const Description& description) const override { return state_.recognizes(description); }
  Result<void> on_manifest(const Manifest& manifest) override {
    ++manifests;
    auto extent = state_.begin(manifest);
    if (!extent) return end_with(extent.error());
    state_.use(
        core::store_in_region(*extent, core::HeapRegion::make_for(manifest, extent->range.length).value()));
    return {};
  }
  bool adopt(std::shared_ptr<const Store> /*store*/) override { return false; }
  std::optional<Placement> place(ChunkIndex chunk) override {
    ++placements;
    return state_.place(chunk);
  }
  ChunkVerdict on_chunk(ChunkIndex chunk) override {
    const ChunkVerdict verdict = state_.on_chunk(chunk).value();
    ++(verdict == ChunkVerdict::good ? verified : rejected);
    return verdict;
  }
  ChunkRange wanted() const override { return state_.wanted(); }
  Result<void> on_final_size(const FinalSize& size) override {
    final_size = size.bytes;
    auto cut = state_.on_final_size(size);
    if (!cut) return end_with(cut.error());
    return {};
  }
  void on_end(Error error) override {
    ++ends;
    ended_with = error.code;
  }
  RecordingObserver& observer() override { return observer_; }

  bool is_complete() const { return state_.complete(); }
  std::vector<std::byte> content() {
    const auto view = state_.view_all();
    return view ? std::vector<std::byte>(view->bytes().begin(), view->bytes().end())
                : std::vector<std::byte>{};
  }
  std::size_t dropped() const { return observer_.count<event::DatagramDropped>(); }
  // All that happened, but for datagrams that came, and were dropped or not.
  std::vector<std::size_t> story() const {
    std::vector<std::size_t> kinds;
    for (const Event& event : observer_.events())
      if (!std::holds_alternative<event::DatagramReceived>(event) &&
          !std::holds_alternative<event::DatagramDropped>(event))
        kinds.push_back(event.index());
    return kinds;
  }

  int manifests = 0;
  int placements = 0;
  std::uint32_t verified = 0;
  std::uint32_t rejected = 0;
  int ends = 0;
  std::optional<Errc> ended_with;
  std::optional<std::uint64_t> final_size;

 private:
  tl::unexpected<Error> end_with(const Error& error) {
    on_end(error);
    return fail(error);
  }

  RecordingObserver observer_;
  core::PullState state_;
};

}  // namespace rgtp::test
