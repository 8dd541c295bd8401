// A pull's state where the surface is sealed, or has a root.
#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "core/pull_state_fixture.h"
#include "support/protected_surfaces.h"

namespace rgtp::core {
namespace {

constexpr std::uint32_t chunk_bytes = 4096;
class SealedPullStateTest : public PullStateFixture {
 protected:
  SealedPullStateTest() { source_ = test::sealed_store(manifest_, bytes_, key_); }

  // A pull of the surface by its key.
  void start(PullState::Options options) {
    options.key = key_;
    PullStateFixture::start(options);
  }
  Errc refusal(const PullState::Options& options, const Manifest& manifest) {
    PullState state(options, observer_);
    const auto extent = state.begin(manifest);
    EXPECT_FALSE(extent);
    EXPECT_FALSE(state.extent());
    return extent ? Errc{} : extent.error().code;
  }

  const Key key_ = test::key_of(1);
  Manifest manifest_ = test::manifest_of(size);
};

TEST_F(SealedPullStateTest, DecryptsIntoItsRegion) {
  ASSERT_FALSE(std::ranges::equal(source_->mapped(), bytes_));
  start({});
  use_region();
  for (const std::uint32_t chunk : {3U, 1U, 0U, 2U}) receive(chunk);
  EXPECT_TRUE(state_->complete());
  EXPECT_EQ(state_->progress().bytes, size);
  EXPECT_EQ(state_->view_all()->bytes().data(), region_->mapped().data());
  EXPECT_TRUE(std::ranges::equal(state_->view_all()->bytes(), bytes_));
  expect_next(3 * chunk_bytes, 100);
  expect_next(chunk_bytes, chunk_bytes);
  EXPECT_EQ(observer_.count<event::ChunkVerified>(), 4U);
}

TEST_F(SealedPullStateTest, BeginsWithNothingButTheKeyOfTheSurface) {
  EXPECT_EQ(refusal({}, manifest_), Errc::wrong_key);
  EXPECT_EQ(refusal({.key = test::key_of(2)}, manifest_), Errc::wrong_key);
  EXPECT_EQ(refusal({.key = key_}, test::manifest_of(size)), Errc::wrong_key);
  EXPECT_EQ(refusal({.key = key_, .root = Locator::Root{}}, manifest_), Errc::corrupted);
  Manifest forged = manifest_;
  forged.id = SurfaceId::random();
  EXPECT_EQ(refusal({.key = key_}, forged), Errc::wrong_key);
}

TEST_F(SealedPullStateTest, AsksAgainForATamperedChunkAndTakesItOnceAllOfItIsFetchedAgain) {
  for (const bool in_region : {true, false}) {
    start({});
    if (in_region)
      use_region();
    else
      use_window();
    const auto placement = state_->place(ChunkIndex{1}).value();
    fill(placement, 1);
    placement.bytes[17] ^= std::byte{1};
    EXPECT_EQ(state_->on_chunk(ChunkIndex{1}), ChunkVerdict::again);
    EXPECT_EQ(state_->progress().bytes, 0U);
    EXPECT_FALSE(state_->take_next());

    // The same place, but what stands there is of no use any more.
    const auto same = state_->place(ChunkIndex{1}).value();
    EXPECT_EQ(same.bytes.data(), placement.bytes.data());
    EXPECT_EQ(same.trailer.data(), placement.trailer.data());
    placement.bytes[17] ^= std::byte{1};
    EXPECT_EQ(state_->on_chunk(ChunkIndex{1}), ChunkVerdict::again);
    fill(placement, 1);
    placement.trailer[0] ^= std::byte{0x80};
    EXPECT_EQ(state_->on_chunk(ChunkIndex{1}), ChunkVerdict::again);
    EXPECT_EQ(observer_.count<event::ChunkRejected>(), 3U);
    EXPECT_EQ(observer_.count<event::ChunkVerified>(), 0U);

    fill(placement, 1);
    EXPECT_EQ(state_->on_chunk(ChunkIndex{1}), ChunkVerdict::good);
    expect_next(chunk_bytes, chunk_bytes);
    EXPECT_EQ(state_->on_chunk(ChunkIndex{1}), ChunkVerdict::good) << "it is not opened twice";
    EXPECT_EQ(observer_.count<event::ChunkVerified>(), 1U);
  }
}

TEST_F(SealedPullStateTest, TakesNoChunkInAnothersPlace) {
  start({});
  use_region();
  fill(state_->place(ChunkIndex{0}).value(), 1);
  EXPECT_EQ(state_->on_chunk(ChunkIndex{0}), ChunkVerdict::again);
}

TEST_F(SealedPullStateTest, ShowsOfTheChunksThatARangeCutsOnlyItsOwnBytes) {
  for (const bool in_region : {true, false}) {
    start({.range = {4000, 5000}, .order = Order::content});
    if (in_region)
      use_region();
    else
      use_window();
    for (const std::uint32_t chunk : {2U, 0U, 1U}) receive(chunk);
    EXPECT_FALSE(state_->place(ChunkIndex{3}));
    EXPECT_TRUE(state_->complete());
    EXPECT_EQ(state_->progress().bytes, 5000U);
    expect_next(4000, 96);
    expect_next(4096, 4096);
    expect_next(8192, 808);
    EXPECT_TRUE(state_->exhausted());
    if (!in_region) continue;
    EXPECT_TRUE(std::ranges::equal(region_->mapped(), std::span(bytes_).subspan(4000, 5000)));
  }
}

TEST_F(SealedPullStateTest, DecryptsThroughAWindow) {
  start({.order = Order::content, .window_bytes = 2 * chunk_bytes});
  use_window();
  receive(1);
  EXPECT_FALSE(state_->take_next());
  receive(0);
  expect_next(0, chunk_bytes);
  expect_next(chunk_bytes, chunk_bytes);
  receive(3);
  receive(2);
  expect_next(2 * chunk_bytes, chunk_bytes);
  expect_next(3 * chunk_bytes, 100);
  EXPECT_TRUE(state_->exhausted());
}

TEST_F(SealedPullStateTest, DecryptsWhatItReadsWhenItsTurnComes) {
  start({.range = {100, whole}, .order = Order::content, .window_bytes = 1});
  ASSERT_TRUE(state_->read_from(source_));
  std::vector<std::byte> content;
  for (std::uint32_t chunk = 0; chunk < 4; ++chunk) {
    EXPECT_EQ(observer_.count<event::ChunkVerified>(), chunk);
    ASSERT_TRUE(state_->prepare_next());
    const auto view = state_->take_next();
    ASSERT_TRUE(view);
    content.insert(content.end(), view->bytes().begin(), view->bytes().end());
  }
  EXPECT_TRUE(state_->exhausted());
  EXPECT_TRUE(state_->prepare_next());
  EXPECT_TRUE(std::ranges::equal(content, std::span(bytes_).subspan(100)));
}

TEST_F(SealedPullStateTest, HandsOutNothingOfAChunkThatWasChangedWhereItReads) {
  source_->region().writable()[chunk_bytes + 5] ^= std::byte{1};
  start({.order = Order::content, .window_bytes = 1});
  ASSERT_TRUE(state_->read_from(source_));
  ASSERT_TRUE(state_->prepare_next());
  expect_next(0, chunk_bytes);
  const auto prepared = state_->prepare_next();
  ASSERT_FALSE(prepared);
  EXPECT_EQ(prepared.error().code, Errc::corrupted);
  EXPECT_FALSE(state_->take_next());
  EXPECT_EQ(observer_.count<event::ChunkRejected>(), 1U);
}

TEST_F(SealedPullStateTest, RecognizesTheSurfaceOfItsKeyAlone) {
  const PullState state({.key = key_}, observer_);
  EXPECT_TRUE(state.recognizes({.manifest = manifest_}));
  Manifest forged = manifest_;
  forged.name = "another";
  EXPECT_FALSE(state.recognizes({.manifest = forged}));
  forged = manifest_;
  forged.tag[0] ^= std::byte{1};
  EXPECT_FALSE(state.recognizes({.manifest = forged}));
  Manifest of_other_key = test::manifest_of(size);
  test::seal_manifest(of_other_key, test::key_of(2));
  EXPECT_FALSE(state.recognizes({.manifest = of_other_key}));
  EXPECT_FALSE(state.recognizes({.manifest = test::manifest_of(size)})) << "it is not sealed";
  EXPECT_FALSE(PullState({}, observer_).recognizes({.manifest = manifest_})) << "it is sealed";
}

TEST_F(SealedPullStateTest, RecognizesNoOtherEndThanTheSizeOfASurfaceThatDoesNotGrow) {
  for (const bool sealed : {true, false}) {
    const Manifest manifest = sealed ? manifest_ : test::manifest_of(size);
    const PullState state({.key = sealed ? std::optional(key_) : std::nullopt}, observer_);
    EXPECT_TRUE(state.recognizes({.manifest = manifest, .end = FinalSize(size)}));
    EXPECT_FALSE(state.recognizes({.manifest = manifest, .end = FinalSize(size - 1)}));
    EXPECT_FALSE(state.recognizes({.manifest = manifest, .end = FinalSize(whole)}));
  }
}

// A sealed surface with a capacity of eight chunks that ends after `size` bytes.
class GrowingSealedPullStateTest : public SealedPullStateTest {
 protected:
  static Manifest growing_manifest() {
    Manifest manifest = test::manifest_of(8 * chunk_bytes);
    manifest.size_pending = true;
    return manifest;
  }
  GrowingSealedPullStateTest() {
    for (std::uint32_t chunk = 0; chunk < 3; ++chunk) surface_.publish(ChunkIndex{chunk}, bytes_);
    surface_.set_final_size(size);
    surface_.publish(ChunkIndex{3}, bytes_);
    surface_.store()->end(SurfaceState::finished);
  }

  void start(PullState::Options options) {
    options.key = key_;
    state_.emplace(options, observer_);
    extent_ = state_->begin(growing_).value();
    state_->use(store_in_region(extent_, HeapRegion::make_for(growing_, extent_.range.length).value()));
  }
  ChunkVerdict receive(std::uint32_t chunk) {
    const auto placement = state_->place(ChunkIndex{chunk}).value();
    EXPECT_TRUE(surface_.store()->read(ChunkIndex{chunk}, 0, placement.bytes, ReadMode::may_block));
    std::ranges::copy(surface_.store()->trailer(ChunkIndex{chunk}), placement.trailer.begin());
    return state_->on_chunk(ChunkIndex{chunk}).value();
  }
  FinalSize end() const { return {size, surface_.keys().end_tag(size)}; }
  std::vector<FinalSize> forged_ends() const {
    EndTag changed = end().tag;
    changed[3] ^= std::byte{1};
    return {FinalSize(size),
            FinalSize(size, changed),
            FinalSize(size - 1, end().tag),
            FinalSize(2 * chunk_bytes, end().tag),
            FinalSize(0),
            FinalSize(8 * chunk_bytes),
            FinalSize(whole),
            FinalSize(size, SurfaceKeys(test::key_of(2), growing_).end_tag(size))};
  }

  Manifest growing_ = growing_manifest();
  test::SealedSurface surface_{growing_, key_};
};

TEST_F(GrowingSealedPullStateTest, TakesNoEndThatSomebodyElseNames) {
  start({});
  for (const FinalSize& forged : forged_ends()) {
    const auto told = state_->on_final_size(forged);
    ASSERT_FALSE(told) << forged.bytes;
    EXPECT_EQ(told.error().code, Errc::corrupted) << told.error().message();
    EXPECT_EQ(state_->progress().total, 8U * chunk_bytes);
  }
  ASSERT_TRUE(state_->on_final_size(end()));
  EXPECT_EQ(state_->progress().total, size);
  EXPECT_TRUE(state_->on_final_size(end()));
  for (const FinalSize& forged : forged_ends())
    EXPECT_EQ(state_->on_final_size(forged).error().code, Errc::corrupted) << forged.bytes;
  EXPECT_EQ(state_->progress().total, size);
}

// Or zeros behind the end would be content for whoever is not told of it.
TEST_F(GrowingSealedPullStateTest, TakesTheChunkThatHoldsTheEndOnceTheEndIsKnown) {
  start({});
  for (std::uint32_t chunk = 0; chunk < 3; ++chunk) EXPECT_EQ(receive(chunk), ChunkVerdict::good);
  EXPECT_EQ(receive(3), ChunkVerdict::again);
  EXPECT_EQ(state_->progress().bytes, 3U * chunk_bytes);
  ASSERT_TRUE(state_->on_final_size(end()));
  EXPECT_FALSE(state_->complete());
  EXPECT_EQ(receive(3), ChunkVerdict::good);
  EXPECT_TRUE(state_->complete());
  EXPECT_TRUE(std::ranges::equal(state_->view_all()->bytes(), bytes_));
}

TEST_F(GrowingSealedPullStateTest, ReadsAFinishedOneToItsEnd) {
  observer_.clear();
  state_.emplace(PullState::Options{.order = Order::content, .window_bytes = 1, .key = key_}, observer_);
  ASSERT_TRUE(state_->begin(growing_));
  ASSERT_TRUE(state_->read_from(surface_.store()));
  for (std::uint32_t chunk = 0; chunk < 4; ++chunk) {
    ASSERT_TRUE(state_->prepare_next());
    expect_next(chunk * chunk_bytes, chunk < 3 ? chunk_bytes : 100);
  }
  EXPECT_TRUE(state_->exhausted());
}

TEST_F(GrowingSealedPullStateTest, ReadsNothingFromAStoreThatEndsElsewhere) {
  test::SealedSurface other(growing_, key_);  // of the same manifest
  other.store()->set_final_size(FinalSize(size - 1, surface_.keys().end_tag(size)));
  other.store()->end(SurfaceState::finished);
  PullState state({.order = Order::content, .window_bytes = 1, .key = key_}, observer_);
  ASSERT_TRUE(state.begin(growing_));
  EXPECT_EQ(state.read_from(other.store()).error().code, Errc::corrupted);
}

TEST_F(GrowingSealedPullStateTest, RecognizesTheEndByItsTagAlone) {
  const PullState state({.key = key_}, observer_);
  EXPECT_TRUE(state.recognizes({.manifest = growing_})) << "no end is said yet";
  EXPECT_TRUE(state.recognizes({.manifest = growing_, .end = end()}));
  for (const FinalSize& forged : forged_ends())
    EXPECT_FALSE(state.recognizes({.manifest = growing_, .end = forged})) << forged.bytes;
  // Of a surface that is not sealed nobody can tell.
  EXPECT_TRUE(PullState({}, observer_).recognizes({.manifest = growing_manifest(), .end = FinalSize(size)}));
}

class RootedPullStateTest : public PullStateFixture {
 protected:
  RootedPullStateTest() { source_ = surface_.store; }
  void start() { PullStateFixture::start({.root = surface_.root}); }

  Manifest manifest_ = test::manifest_of(size);
  const test::RootedSurface surface_ = test::rooted_store(manifest_, bytes_);
};

TEST_F(RootedPullStateTest, TakesWhatIsUnderItsRootAlone) {
  start();
  use_region();
  for (std::uint32_t chunk = 0; chunk < 4; ++chunk) {
    const auto placement = state_->place(ChunkIndex{chunk}).value();
    fill(placement, chunk);
    placement.bytes[7] ^= std::byte{1};
    std::ranges::copy(chunk_tag(ChunkIndex{chunk}, placement.bytes), placement.trailer.begin());
    EXPECT_EQ(state_->on_chunk(ChunkIndex{chunk}), ChunkVerdict::again) << "anybody can make a checksum";
    fill(placement, chunk);
    EXPECT_EQ(state_->on_chunk(ChunkIndex{chunk}), ChunkVerdict::good);
  }
  EXPECT_TRUE(std::ranges::equal(state_->view_all()->bytes(), bytes_));
}

// Though Verify::copies asks for no more than copies to be verified.
TEST_F(RootedPullStateTest, HashesWhatItAdopts) {
  surface_.store->region().writable()[2 * chunk_bytes] ^= std::byte{1};
  start();
  state_->adopt(surface_.store);
  EXPECT_TRUE(state_->on_adopted(ChunkIndex{1}).value());
  EXPECT_EQ(observer_.count<event::ChunkVerified>(), 1U);
  EXPECT_EQ(observer_.count<event::ChunkAdopted>(), 0U);
  const auto changed = state_->on_adopted(ChunkIndex{2});
  ASSERT_FALSE(changed);
  EXPECT_EQ(changed.error().code, Errc::corrupted);
  EXPECT_EQ(state_->progress().bytes, chunk_bytes);
}

TEST_F(RootedPullStateTest, RecognizesTheSurfaceByTheHeadUnderItsRoot) {
  const PullState state({.root = surface_.root}, observer_);
  const TreeHead head = surface_.store->tree_head();
  EXPECT_TRUE(state.recognizes({.manifest = manifest_, .tree_head = head}));
  EXPECT_FALSE(state.recognizes({.manifest = manifest_})) << "without it anybody's manifest would do";
  TreeHead other_head = head;
  other_head[31] ^= std::byte{1};
  EXPECT_FALSE(state.recognizes({.manifest = manifest_, .tree_head = other_head}));
  Manifest other = manifest_;
  other.name = "another";
  EXPECT_FALSE(state.recognizes({.manifest = other, .tree_head = head}));
  other = manifest_;
  other.trailer_bytes = Manifest::tag_bytes;
  EXPECT_FALSE(state.recognizes({.manifest = other, .tree_head = head}));
  EXPECT_FALSE(PullState({.key = test::key_of(1), .root = surface_.root}, observer_)
                   .recognizes({.manifest = manifest_, .tree_head = head}));
}

}  // namespace
}  // namespace rgtp::core
