#include "core/chunk_verifier.h"

#include <algorithm>
#include <array>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "core/merkle.h"
#include "core/surface_store.h"
#include "support/pattern.h"
#include "support/protected_surfaces.h"
#include "support/surfaces.h"

namespace rgtp::core {
namespace {

using test::key_of;

constexpr std::uint32_t chunk_bytes = Manifest::min_chunk_bytes;

enum class Rooting { none, rooted };

struct Kind {
  CipherSuite suite;  // `none` where the surface is not sealed
  Rooting rooting;
};

constexpr std::array all_kinds{Kind{CipherSuite::none, Rooting::none},
                               Kind{CipherSuite::none, Rooting::rooted},
                               Kind{CipherSuite::aes_256_gcm, Rooting::none},
                               Kind{CipherSuite::aes_256_gcm, Rooting::rooted},
                               Kind{CipherSuite::chacha20_poly1305, Rooting::none},
                               Kind{CipherSuite::chacha20_poly1305, Rooting::rooted}};

std::string to_string(const Kind& kind) {
  return "suite " + std::to_string(static_cast<int>(kind.suite)) +
         (kind.rooting == Rooting::rooted ? ", rooted" : "");
}

Manifest manifest_of(const Kind& kind, std::uint64_t size) {
  Manifest manifest = test::manifest_of(size);
  if (kind.rooting == Rooting::rooted)
    manifest.trailer_bytes +=
        static_cast<std::uint16_t>(manifest.proof_hashes() * Manifest::proof_hash_bytes);
  if (kind.suite == CipherSuite::none) return manifest;
  manifest.protection = Protection::sealed;
  manifest.suite = kind.suite;
  manifest.tag = SurfaceKeys(key_of(1), manifest).manifest_tag();
  return manifest;
}

// A surface as its exposer stores it.
struct Stored {
  Stored(const Kind& kind, std::uint64_t size)
      : manifest(manifest_of(kind, size)), bytes(test::pattern(size)) {
    std::optional<ChunkCipher> cipher;
    if (kind.suite != CipherSuite::none) {
      key = key_of(1);
      cipher.emplace(kind.suite, SurfaceKeys(*key, manifest));
    }
    std::vector<Digest> leaves;
    for (ChunkIndex chunk{0}; chunk.value < manifest.chunk_count(); ++chunk.value) {
      const auto plain = this->plain(chunk);
      auto& stored = chunks.emplace_back(plain.begin(), plain.end());
      const Tag tag =
          cipher ? cipher->seal(chunk, plain, manifest.length_of(chunk), stored) : chunk_tag(chunk, stored);
      trailers.emplace_back(manifest.trailer_bytes);
      std::ranges::copy(tag, trailers.back().begin());
      leaves.push_back(merkle_leaf(stored, tag));
    }
    if (kind.rooting == Rooting::none) return;
    const MerkleTree tree(std::move(leaves));
    for (ChunkIndex chunk{0}; chunk.value < manifest.chunk_count(); ++chunk.value)
      tree.prove(chunk, std::span(trailers[chunk.value]).subspan(sizeof(Tag)));
    head = tree.head();
    root = surface_root(manifest, head);
  }

  std::span<const std::byte> plain(ChunkIndex chunk) const { return test::chunk_of(manifest, chunk, bytes); }
  ChunkVerifier verifier() const { return ChunkVerifier::make(manifest, key, root).value(); }

  Manifest manifest;
  std::vector<std::byte> bytes;
  std::optional<Key> key;
  std::optional<Locator::Root> root;
  TreeHead head{};
  std::vector<std::vector<std::byte>> chunks;
  std::vector<std::vector<std::byte>> trailers;
};

// Memory that nobody can change, whose data is not read by calls; or such as anybody can, which is, and has
// other bytes whenever it is looked at.
class Memory : public Region {
 public:
  Memory(std::span<const std::byte> bytes, bool is_unchangeable)
      : bytes_(bytes), is_unchangeable_(is_unchangeable) {}
  std::uint64_t size() const override { return bytes_.size(); }
  Result<ReadStatus> read(std::uint64_t offset, std::span<std::byte> out, ReadMode) const override {
    if (is_unchangeable_) return fail(Errc::io_error, "it is not to be copied");
    std::ranges::copy(bytes_.subspan(offset, out.size()), out.begin());
    return ReadStatus::done;
  }
  Result<void> write(std::uint64_t, std::span<const std::byte>) override { return {}; }
  std::span<const std::byte> mapped() const override { return is_unchangeable_ ? bytes_ : others_; }
  std::span<std::byte> writable() override { return {}; }
  bool is_unchangeable() const override { return is_unchangeable_; }

 private:
  const std::span<const std::byte> bytes_;
  const std::vector<std::byte> others_ = test::pattern(bytes_.size(), 9);
  const bool is_unchangeable_;
};

// Six full chunks and a shorter one.
constexpr std::uint64_t some_size = 6 * chunk_bytes + 100;

void expect_refused(const Manifest& manifest, const std::optional<Key>& key,
                    const std::optional<Locator::Root>& root, Errc code) {
  ASSERT_TRUE(manifest.validate());
  const auto verifier = ChunkVerifier::make(manifest, key, root);
  ASSERT_FALSE(verifier);
  EXPECT_EQ(verifier.error().code, code) << verifier.error().message();
  EXPECT_FALSE(verifier.error().message().empty());
}

TEST(ChunkVerifier, NeedsTheKeyOfASealedSurface) {
  for (const Rooting rooting : {Rooting::none, Rooting::rooted}) {
    const Stored surface({CipherSuite::aes_256_gcm, rooting}, some_size);
    expect_refused(surface.manifest, {}, surface.root, Errc::wrong_key);
    expect_refused(surface.manifest, key_of(2), surface.root, Errc::wrong_key);
    EXPECT_TRUE(ChunkVerifier::make(surface.manifest, surface.key, surface.root));
  }
}

TEST(ChunkVerifier, NeedsAManifestThatTheHolderOfTheKeyMade) {
  const Stored surface({CipherSuite::aes_256_gcm, Rooting::none}, some_size);
  Manifest forged = surface.manifest;
  forged.name = "another";
  expect_refused(forged, surface.key, {}, Errc::wrong_key);
  forged = surface.manifest;
  forged.size -= 1;
  expect_refused(forged, surface.key, {}, Errc::wrong_key);
  forged = surface.manifest;
  forged.suite = CipherSuite::chacha20_poly1305;
  expect_refused(forged, surface.key, {}, Errc::wrong_key);
  forged = surface.manifest;
  forged.size_pending = true;
  expect_refused(forged, surface.key, {}, Errc::wrong_key);
  forged = surface.manifest;
  forged.tag = {};
  expect_refused(forged, surface.key, {}, Errc::wrong_key);
}

// Or whoever answers in the exposer's place would take the sealing away.
TEST(ChunkVerifier, TakesNothingInTheClearWhereTheLocatorBringsAKey) {
  for (const Rooting rooting : {Rooting::none, Rooting::rooted}) {
    const Stored surface({CipherSuite::none, rooting}, some_size);
    expect_refused(surface.manifest, key_of(1), surface.root, Errc::wrong_key);
    expect_refused(surface.manifest, key_of(1), {}, Errc::wrong_key);
    Manifest stripped = Stored({CipherSuite::aes_256_gcm, rooting}, some_size).manifest;
    stripped.protection = Protection::checksum;
    stripped.suite = CipherSuite::none;
    stripped.tag = {};
    expect_refused(stripped, key_of(1), {}, Errc::wrong_key);
  }
}

TEST(ChunkVerifier, TakesNoSurfaceWithoutProofsUnderARoot) {
  for (const CipherSuite suite : {CipherSuite::none, CipherSuite::aes_256_gcm}) {
    const Stored without({suite, Rooting::none}, some_size);
    expect_refused(without.manifest, without.key, surface_root(without.manifest, {}), Errc::corrupted);
    EXPECT_TRUE(ChunkVerifier::make(without.manifest, without.key, {}));
  }
  // What grows has none either, however few chunks it may have.
  for (const std::uint64_t capacity : {std::uint64_t{0}, std::uint64_t{chunk_bytes}, some_size}) {
    Manifest growing = test::manifest_of(capacity);
    growing.size_pending = true;
    expect_refused(growing, {}, surface_root(growing, MerkleTree({}).head()), Errc::corrupted);
  }
}

TEST(ChunkVerifier, TellsByItsRootAloneWhetherAnEmptySurfaceIsTheRightOne) {
  for (const CipherSuite suite : {CipherSuite::none, CipherSuite::aes_256_gcm}) {
    const Stored empty({suite, Rooting::rooted}, 0);
    const Stored other({suite, Rooting::rooted}, 0);
    ASSERT_NE(empty.root, other.root);
    EXPECT_TRUE(ChunkVerifier::make(empty.manifest, empty.key, empty.root));
    EXPECT_TRUE(ChunkVerifier::make(empty.manifest, empty.key, {}));
    expect_refused(empty.manifest, empty.key, other.root, Errc::corrupted);
    // As that of any surface that is not empty.
    expect_refused(empty.manifest, empty.key, Stored({suite, Rooting::rooted}, 1).root, Errc::corrupted);
  }
}

TEST(ChunkVerifier, AsksForCopiesOfWhatOthersCouldChange) {
  for (const Kind& kind : all_kinds) {
    const ChunkVerifier verifier = Stored(kind, some_size).verifier();
    const bool sealed = kind.suite != CipherSuite::none;
    EXPECT_EQ(verifier.decrypts(), sealed) << to_string(kind);
    EXPECT_EQ(verifier.needs_copies(), sealed || kind.rooting == Rooting::rooted) << to_string(kind);
  }
}

TEST(ChunkVerifier, TakesEveryChunkAsItWasStored) {
  for (const Kind& kind : all_kinds) {
    for (const std::uint64_t size :
         {std::uint64_t{20}, std::uint64_t{chunk_bytes}, std::uint64_t{chunk_bytes + 20}, some_size}) {
      const Stored surface(kind, size);
      ChunkVerifier verifier = surface.verifier();
      for (ChunkIndex chunk{0}; chunk.value < surface.manifest.chunk_count(); ++chunk.value) {
        auto bytes = surface.chunks[chunk.value];
        const auto& trailer = surface.trailers[chunk.value];
        EXPECT_EQ(std::ranges::equal(bytes, surface.plain(chunk)), kind.suite == CipherSuite::none);
        const bool verifies_plain = verifier.decrypts() || verifier.verify_plain(chunk, bytes, trailer);
        EXPECT_TRUE(verifies_plain) << to_string(kind);
        EXPECT_TRUE(verifier.verify(chunk, bytes, trailer)) << to_string(kind) << ", " << size;
        EXPECT_TRUE(std::ranges::equal(bytes, surface.plain(chunk))) << to_string(kind);
      }
    }
  }
}

TEST(ChunkVerifier, RefusesAChunkThatWasChangedAnywhere) {
  for (const Kind& kind : all_kinds) {
    const Stored surface(kind, some_size);
    ChunkVerifier verifier = surface.verifier();
    for (const std::uint32_t chunk : {0U, 3U, 6U}) {
      const auto& stored = surface.chunks[chunk];
      for (std::size_t at = 0; at < stored.size(); at += 33) {
        auto bytes = stored;
        bytes[at] ^= std::byte{4};
        EXPECT_FALSE(verifier.verify(ChunkIndex{chunk}, bytes, surface.trailers[chunk])) << to_string(kind);
      }
      for (std::size_t at = 0; at < surface.manifest.trailer_bytes; ++at) {
        auto bytes = stored;
        auto trailer = surface.trailers[chunk];
        trailer[at] ^= std::byte{4};
        EXPECT_FALSE(verifier.verify(ChunkIndex{chunk}, bytes, trailer))
            << to_string(kind) << ", byte " << at << " of the trailer";
      }
    }
  }
}

TEST(ChunkVerifier, RefusesAChunkInAnothersPlace) {
  for (const Kind& kind : all_kinds) {
    const Stored surface(kind, 6 * chunk_bytes);
    ChunkVerifier verifier = surface.verifier();
    for (std::uint32_t chunk = 0; chunk < 6; ++chunk) {
      for (std::uint32_t place = 0; place < 6; ++place) {
        auto bytes = surface.chunks[chunk];
        EXPECT_EQ(verifier.verify(ChunkIndex{place}, bytes, surface.trailers[chunk]), place == chunk)
            << to_string(kind) << ", " << chunk << " as " << place;
      }
    }
  }
}

// Whose locator says nothing of a root has no use for proofs.
TEST(ChunkVerifier, PassesOverProofsWhereItHasNoRoot) {
  for (const CipherSuite suite : {CipherSuite::none, CipherSuite::aes_256_gcm}) {
    const Stored surface({suite, Rooting::rooted}, some_size);
    ChunkVerifier verifier = ChunkVerifier::make(surface.manifest, surface.key, {}).value();
    auto bytes = surface.chunks[2];
    auto trailer = surface.trailers[2];
    std::fill(trailer.begin() + sizeof(Tag), trailer.end(), std::byte{0});
    EXPECT_TRUE(verifier.verify(ChunkIndex{2}, bytes, trailer));
    EXPECT_TRUE(std::ranges::equal(bytes, surface.plain(ChunkIndex{2})));
  }
}

TEST(ChunkVerifier, TakesNothingUnderAnotherSurfacesRoot) {
  for (const CipherSuite suite : {CipherSuite::none, CipherSuite::aes_256_gcm}) {
    const Stored surface({suite, Rooting::rooted}, some_size);
    const Stored other({suite, Rooting::rooted}, some_size);  // the same bytes by another id
    ChunkVerifier verifier = ChunkVerifier::make(surface.manifest, surface.key, other.root).value();
    for (std::uint32_t chunk = 0; chunk < 7; ++chunk) {
      auto bytes = surface.chunks[chunk];
      EXPECT_FALSE(verifier.verify(ChunkIndex{chunk}, bytes, surface.trailers[chunk]));
    }
    EXPECT_FALSE(verifier.authenticates_head(surface.head));
  }
}

TEST(ChunkVerifier, KnowsTheHeadUnderItsRoot) {
  for (const Kind& kind : all_kinds) {
    const Stored surface(kind, some_size);
    const ChunkVerifier verifier = surface.verifier();
    EXPECT_TRUE(verifier.authenticates_head(surface.head));
    const bool takes_any = kind.rooting == Rooting::none;
    TreeHead other = surface.head;
    other[0] ^= std::byte{1};
    EXPECT_EQ(verifier.authenticates_head(other), takes_any) << to_string(kind);
    EXPECT_EQ(verifier.authenticates_head({}), takes_any) << to_string(kind);
  }
}

// Whoever may read could also seal: only a root says that it is the exposer's.
TEST(ChunkVerifier, TakesOtherBytesOfAHolderOfTheKeyUnlessItHasARoot) {
  for (const CipherSuite suite : {CipherSuite::aes_256_gcm, CipherSuite::chacha20_poly1305}) {
    const Stored surface({suite, Rooting::rooted}, some_size);
    const auto forged = test::pattern(chunk_bytes, 77);
    auto sealed = forged;
    const Tag tag = ChunkCipher(suite, SurfaceKeys(*surface.key, surface.manifest))
                        .seal(ChunkIndex{3}, sealed, chunk_bytes, sealed);
    auto trailer = surface.trailers[3];  // with the proof of what was there
    std::ranges::copy(tag, trailer.begin());

    auto bytes = sealed;
    EXPECT_FALSE(surface.verifier().verify(ChunkIndex{3}, bytes, trailer));
    ChunkVerifier rootless = ChunkVerifier::make(surface.manifest, surface.key, {}).value();
    bytes = sealed;
    EXPECT_TRUE(rootless.verify(ChunkIndex{3}, bytes, trailer));
    EXPECT_EQ(bytes, forged);
  }
}

// Of a checksum anybody can make one.
TEST(ChunkVerifier, TakesOtherBytesWithTheirChecksumUnlessItHasARoot) {
  const Stored surface({CipherSuite::none, Rooting::rooted}, some_size);
  auto forged = test::pattern(chunk_bytes, 77);
  auto trailer = surface.trailers[3];
  std::ranges::copy(chunk_tag(ChunkIndex{3}, forged), trailer.begin());
  EXPECT_FALSE(surface.verifier().verify(ChunkIndex{3}, forged, trailer));
  EXPECT_TRUE(ChunkVerifier::make(surface.manifest, {}, {})->verify(ChunkIndex{3}, forged, trailer));
}

// Under a root alone whoever has no key could bring a chunk that nobody can read; under a key alone see
// above.
TEST(ChunkVerifier, NeedsTheSealAsWellUnderARoot) {
  const Stored surface({CipherSuite::aes_256_gcm, Rooting::rooted}, chunk_bytes);
  auto garbage = test::pattern(chunk_bytes, 5);
  const auto trailer = test::pattern(Manifest::tag_bytes, 6);
  const Locator::Root root = surface_root(surface.manifest, merkle_leaf(garbage, trailer));
  ChunkVerifier verifier = ChunkVerifier::make(surface.manifest, surface.key, root).value();
  EXPECT_FALSE(verifier.verify(ChunkIndex{0}, garbage, trailer));
}

TEST(ChunkVerifier, HasCopiesThatVerifyByThemselvesInOtherThreads) {
  for (const Kind& kind : all_kinds) {
    const Stored surface(kind, some_size);
    std::optional<ChunkVerifier> original(surface.verifier());
    std::array<ChunkVerifier, 3> copies{*original, *original, *original};
    original.reset();
    std::array<int, copies.size()> right{};
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < copies.size(); ++i) {
      threads.emplace_back([&, i] {
        for (std::uint32_t at = 0; at < 70; ++at) {
          const ChunkIndex chunk{at % 7};
          auto bytes = surface.chunks[chunk.value];
          if (copies[i].verify(chunk, bytes, surface.trailers[chunk.value]) &&
              std::ranges::equal(bytes, surface.plain(chunk)))
            ++right[i];
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (const int count : right) EXPECT_EQ(count, 70) << to_string(kind);
  }
}

// A surface that grew to three full chunks and 100 bytes, of a capacity of eight chunks.
class ChunkVerifierOfWhatGrew : public testing::TestWithParam<CipherSuite> {
 protected:
  static constexpr std::uint64_t final_size = 3 * chunk_bytes + 100;

  ChunkVerifierOfWhatGrew() {
    manifest_ = test::manifest_of(8 * chunk_bytes);
    manifest_.size_pending = true;
    manifest_.protection = Protection::sealed;
    manifest_.suite = GetParam();
    keys_.emplace(key_of(1), manifest_);
    manifest_.tag = keys_->manifest_tag();
    verifier_.emplace(ChunkVerifier::make(manifest_, key_of(1), {}).value());
  }

  // Whether it verifies the chunk as sealed with so many bytes that count, and gives them back.
  bool verifies(ChunkVerifier& verifier, std::uint32_t chunk, std::uint32_t counted) {
    auto plain = test::pattern(counted, chunk);
    plain.resize(chunk_bytes);
    auto bytes = plain;
    const Tag tag = ChunkCipher(manifest_.suite, *keys_).seal(ChunkIndex{chunk}, bytes, counted, bytes);
    return verifier.verify(ChunkIndex{chunk}, bytes, tag) && bytes == plain;
  }

  Manifest manifest_;
  std::optional<SurfaceKeys> keys_;
  std::optional<ChunkVerifier> verifier_;
};

TEST_P(ChunkVerifierOfWhatGrew, KnowsItsEndByTheTagAlone) {
  const EndTag tag = keys_->end_tag(final_size);
  EXPECT_TRUE(verifier_->authenticates_end({final_size, tag}));
  EXPECT_FALSE(verifier_->authenticates_end({final_size - 1, tag}));
  EXPECT_FALSE(verifier_->authenticates_end({final_size}));
  EXPECT_FALSE(
      verifier_->authenticates_end({final_size, SurfaceKeys(key_of(2), manifest_).end_tag(final_size)}));
  EndTag forged = tag;
  forged[15] ^= std::byte{1};
  EXPECT_FALSE(verifier_->authenticates_end({final_size, forged}));
}

TEST_P(ChunkVerifierOfWhatGrew, TakesNoChunkThatHoldsTheEndBeforeItIsKnown) {
  EXPECT_TRUE(verifies(*verifier_, 0, chunk_bytes));
  EXPECT_FALSE(verifies(*verifier_, 3, 100)) << "zeros would be content";
  verifier_->set_final_size(final_size - 1);
  EXPECT_FALSE(verifies(*verifier_, 3, 100));
  verifier_->set_final_size(final_size);
  EXPECT_TRUE(verifies(*verifier_, 3, 100));
  EXPECT_TRUE(verifies(*verifier_, 2, chunk_bytes));
}

TEST_P(ChunkVerifierOfWhatGrew, TakesNothingBehindTheEnd) {
  EXPECT_TRUE(verifies(*verifier_, 3, chunk_bytes));
  EXPECT_TRUE(verifies(*verifier_, 4, chunk_bytes));
  verifier_->set_final_size(final_size);
  EXPECT_FALSE(verifies(*verifier_, 3, chunk_bytes));
  EXPECT_FALSE(verifies(*verifier_, 4, chunk_bytes));
}

TEST_P(ChunkVerifierOfWhatGrew, HandsTheEndOnToItsCopies) {
  ChunkVerifier before = *verifier_;
  verifier_->set_final_size(final_size);
  ChunkVerifier after = *verifier_;
  EXPECT_FALSE(verifies(before, 3, 100));
  EXPECT_TRUE(verifies(after, 3, 100));
}

INSTANTIATE_TEST_SUITE_P(BothSuites, ChunkVerifierOfWhatGrew,
                         testing::Values(CipherSuite::aes_256_gcm, CipherSuite::chacha20_poly1305));

TEST(ChunkVerifier, TakesAnyEndOfASurfaceThatIsNotSealed) {
  Manifest manifest = test::manifest_of(8 * chunk_bytes);
  manifest.size_pending = true;
  const ChunkVerifier verifier = ChunkVerifier::make(manifest, {}, {}).value();
  EXPECT_TRUE(verifier.authenticates_end(5000));
  EXPECT_TRUE(verifier.authenticates_end({5000, EndTag{std::byte{1}}}));
}

// Out of a store of these stored bytes, in memory that nobody can change or that anybody can.
void expect_taken(const Stored& surface, std::span<const std::byte> stored, bool is_unchangeable,
                  ChunkIndex chunk, bool is_good) {
  SurfaceStore store(surface.manifest, std::make_shared<Memory>(stored, is_unchangeable));
  ASSERT_TRUE(store.claim(chunk));
  store.publish_claimed(chunk, surface.trailers[chunk.value]);
  std::vector<std::byte> out(surface.manifest.length_of(chunk));
  std::vector<std::byte> trailer(surface.manifest.trailer_bytes);
  const auto taken = surface.verifier().take(store, chunk, out, trailer);
  ASSERT_TRUE(taken) << taken.error().message();
  EXPECT_EQ(*taken, is_good);
  if (is_good) {
    EXPECT_TRUE(std::ranges::equal(out, surface.plain(chunk)));
  }
}

TEST(ChunkVerifier, TakesAChunkOutOfAStoreAndCopiesWhatCanBeChanged) {
  for (const Kind& kind : all_kinds) {
    const Stored surface(kind, some_size);
    std::vector<std::byte> stored;
    for (const auto& chunk : surface.chunks) stored.insert(stored.end(), chunk.begin(), chunk.end());
    for (const ChunkIndex chunk : {ChunkIndex{0}, ChunkIndex{2}, ChunkIndex{6}}) {
      SCOPED_TRACE(to_string(kind) + ", chunk " + std::to_string(chunk.value));
      auto changed = stored;
      changed[surface.manifest.offset_of(chunk) + 50] ^= std::byte{1};
      expect_taken(surface, stored, false, chunk, true);
      expect_taken(surface, changed, false, chunk, false);
      if (kind.suite == CipherSuite::none) continue;
      expect_taken(surface, stored, true, chunk, true);
      expect_taken(surface, changed, true, chunk, false);
    }
  }
}

}  // namespace
}  // namespace rgtp::core
