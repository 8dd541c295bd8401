// Whatever the transport: the bytes that were exposed come out, all of them, in the order asked for.
#include <set>

#include "conformance/fixture.h"
#include "support/files.h"
#include "support/temporary_directory.h"

namespace rgtp::test {
namespace {

TEST_P(Conformance, SurfacesOfEverySizeAroundTheChunkBordersArriveExactly) {
  for (const std::size_t size :
       {0U, 1U, chunk_bytes - 1, chunk_bytes, chunk_bytes + 1, 100 * chunk_bytes + 17}) {
    const auto bytes = pattern(size, size + 1);
    const Surface surface = expose(bytes);
    Pull p = pull(surface);
    const auto view = p.complete().get();
    ASSERT_TRUE(view) << view.error().message();
    EXPECT_TRUE(same_bytes(view->bytes(), bytes)) << size;
    EXPECT_EQ(p.stats().bytes, size);
    EXPECT_EQ(p.manifest()->size, size);
    EXPECT_EQ(p.transport(), GetParam().winner);
  }
}

TEST_P(Conformance, AFileIsServedInPlaceAndWrittenUnderItsNameWhenComplete) {
  const TemporaryDirectory directory;
  const auto bytes = pattern(1'000'003);
  const auto source = directory / "source.bin";
  write_file(source, bytes);
  const Surface surface = exposer_->expose(Source::file(source), protected_by({})).get().value();
  EXPECT_EQ(surface.manifest().name, "source.bin");
  const auto target = directory / "target.bin";
  Pull p = pull(surface, {.into = target});
  const auto view = p.complete().get();
  ASSERT_TRUE(view) << view.error().message();
  EXPECT_TRUE(same_bytes(view->bytes(), bytes));
  EXPECT_TRUE(same_bytes(read_file(target), bytes));
}

TEST_P(Conformance, AFileThatCannotBeWrittenIsATypedError) {
  const Surface surface = expose(pattern(10'000));
  Pull p = pull(surface, {.into = "/nonexistent-directory/file"});
  EXPECT_EQ(p.complete().get().error().code, Errc::not_found);
  EXPECT_EQ(p.next().get().error().code, Errc::not_found);
}

TEST_P(Conformance, ContentOrderGivesChunksFromFirstToLast) {
  const auto bytes = pattern(200'001);
  const Surface surface = expose(bytes);
  Pull p = pull(surface, {.order = Order::content, .window_bytes = 10 * chunk_bytes});
  std::vector<std::byte> got;
  while (true) {
    auto chunk = p.next().get();
    ASSERT_TRUE(chunk) << chunk.error().message();
    if (!*chunk) break;
    EXPECT_EQ((*chunk)->offset(), got.size());
    got.insert(got.end(), (*chunk)->bytes().begin(), (*chunk)->bytes().end());
  }
  EXPECT_TRUE(same_bytes(got, bytes));
  EXPECT_FALSE(p.next().get().value());  // and stays at the end
}

TEST_P(Conformance, AWindowedPullHoldsNoMoreThanItsWindowAheadOfTheConsumer) {
  const auto bytes = pattern(100 * chunk_bytes);
  const Surface surface = expose(bytes);
  // Memory that the transport has anyway needs no window.
  if (GetParam().gives_memory) GTEST_SKIP() << "such pulls hand out the exposer's own memory";
  Pull p = pull(surface, {.order = Order::content, .window_bytes = 8 * chunk_bytes});
  auto first = p.next().get().value();
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_LE(p.stats().chunks, 9U);
  EXPECT_GE(p.stats().chunks, GetParam().reads_memory ? 1U : 8U);
}

TEST_P(Conformance, CompleteOnAWindowedPullIsAnError) {
  const Surface surface = expose(pattern(10'000));
  Pull p = pull(surface, {.order = Order::content});
  EXPECT_EQ(p.complete().get().error().code, Errc::invalid_argument);
}

TEST_P(Conformance, ArrivalOrderGivesEveryChunkOnce) {
  const auto bytes = pattern(50 * chunk_bytes + 1);
  const Surface surface = expose(bytes);
  Pull p = pull(surface);
  std::set<std::uint64_t> offsets;
  while (auto chunk = p.next().get().value()) {
    EXPECT_TRUE(offsets.insert(chunk->offset()).second);
    EXPECT_TRUE(same_bytes(chunk->bytes(), std::span(bytes).subspan(chunk->offset(), chunk->size())));
  }
  EXPECT_EQ(offsets.size(), 51U);
}

TEST_P(Conformance, RangesAreExactAndPastTheEndAreOutOfRange) {
  const auto bytes = pattern(10 * chunk_bytes + 5);
  const Surface surface = expose(bytes);
  const std::vector<Range> ranges = {{0, 0},
                                     {0, 1},
                                     {chunk_bytes - 1, 2},
                                     {chunk_bytes, chunk_bytes},
                                     {3 * chunk_bytes + 7, 4 * chunk_bytes},
                                     {10 * chunk_bytes + 4, 1},
                                     {bytes.size(), 0},
                                     {5, whole}};
  for (const Range& range : ranges) {
    Pull p = pull(surface, {.range = range});
    const auto view = p.complete().get();
    ASSERT_TRUE(view) << view.error().message();
    const auto expected = std::span(bytes).subspan(range.offset);
    const auto length = std::min<std::uint64_t>(range.length, expected.size());
    EXPECT_TRUE(same_bytes(view->bytes(), expected.first(length))) << range.offset;
  }
  for (const Range& range : {Range{bytes.size() + 1, 0}, Range{0, bytes.size() + 1}, Range{whole, 1}}) {
    Pull p = pull(surface, {.range = range});
    EXPECT_EQ(p.complete().get().error().code, Errc::out_of_range);
  }
}

TEST_P(Conformance, ARangeIntoAFileWritesJustTheRange) {
  const TemporaryDirectory directory;
  const auto bytes = pattern(10 * chunk_bytes);
  const Surface surface = expose(bytes);
  const auto target = directory / "part";
  Pull p = pull(surface, {.into = target, .range = {1000, 20'000}});
  ASSERT_TRUE(p.complete().get());
  EXPECT_TRUE(same_bytes(read_file(target), std::span(bytes).subspan(1000, 20'000)));
}

TEST_P(Conformance, ASurfaceAboveMaxSizeIsTooLarge) {
  const Surface surface = expose(pattern(10'000));
  Pull p = pull(surface, {.max_size = 9'999});
  EXPECT_EQ(p.complete().get().error().code, Errc::too_large);
  Pull fits = pull(surface, {.max_size = 10'000});
  EXPECT_TRUE(fits.complete().get());
}

TEST_P(Conformance, ProgressNeverPassesTheTotalAndIsWholeOnlyWhenTheBytesAreThere) {
  const auto bytes = pattern(300'000);
  const Surface surface = expose(bytes);
  std::vector<Progress> seen;
  Pull p = pull(surface, {.range = {40'001, 250'000},
                          .on_progress = [&](const Progress& progress) { seen.push_back(progress); }});
  ASSERT_TRUE(p.complete().get());
  ASSERT_FALSE(seen.empty());
  for (std::size_t i = 0; i < seen.size(); ++i) {
    EXPECT_EQ(seen[i].total, 250'000U);
    EXPECT_LE(seen[i].bytes, seen[i].total);
    if (i > 0) {
      EXPECT_GT(seen[i].bytes, seen[i - 1].bytes);
    }
  }
  EXPECT_EQ(seen.back().bytes, 250'000U);
  // One report a chunk, so none could be whole before the last chunk was there.
  EXPECT_EQ(seen.size(), p.stats().chunks);
}

TEST_P(Conformance, AViewOutlivesItsPullItsPullerAndTheSurface) {
  const auto bytes = pattern(100'000);
  std::optional<View> view;
  {
    const Surface surface = expose(bytes);
    Pull p = pull(surface);
    view = p.complete().get().value();
  }
  puller_.reset();
  exposer_.reset();
  EXPECT_TRUE(same_bytes(view->bytes(), bytes));
}

TEST_P(Conformance, WhatIsExposedIsACopyOfBorrowedBytes) {
  auto bytes = pattern(100'000);
  const auto original = bytes;
  const Surface surface =
      exposer_->expose(Source::bytes(std::span<const std::byte>(bytes)), protected_by({})).get().value();
  std::fill(bytes.begin(), bytes.end(), std::byte{0});
  Pull p = pull(surface);
  EXPECT_TRUE(same_bytes(p.complete().get().value().bytes(), original));
}

TEST_P(Conformance, VerifiedBytesAreCounted) {
  const Surface surface = expose(pattern(100'000));
  Pull p = pull(surface);
  ASSERT_TRUE(p.complete().get());
  EXPECT_EQ(p.stats().verified_bytes, GetParam().gives_memory ? 0U : 100'000U);
}

}  // namespace
}  // namespace rgtp::test
