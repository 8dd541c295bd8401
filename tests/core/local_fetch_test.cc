#include "core/local_fetch.h"

#include <algorithm>
#include <deque>

#include <gtest/gtest.h>

#include <rgtp/pending.h>

#include "support/adopting_sink.h"
#include "support/pattern.h"
#include "support/regions.h"
#include "support/surfaces.h"

namespace rgtp::core {
namespace {

constexpr std::uint32_t chunk_bytes = 4096;

// A loop that runs when the test says so, in the test's thread.
class FakeLoop : public EventLoop {
 public:
  Result<void> post(std::function<void()> task) override {
    posted_.push_back(std::move(task));
    return {};
  }
  bool on_loop_thread() const override { return true; }
  TimePoint now() const override { return {}; }
  std::unique_ptr<Timer> timer(std::function<void()> /*fire*/) override { return nullptr; }
  Result<std::unique_ptr<Watch>> watch(int /*fd*/, std::function<void(Watch::Ready)> /*ready*/) override {
    return fail(Errc::io_error, "no watches here");
  }
  void offload(std::function<void()> work, std::function<void()> done) override {
    offloaded_.emplace_back(std::move(work), std::move(done));
  }
  std::shared_ptr<void> on_closing(std::function<void()> /*end*/) override { return nullptr; }
  Pending<void> close() override { std::abort(); }  // nobody does
  void* native() override { return nullptr; }

  // One task; false where there is none.
  bool turn() {
    if (posted_.empty()) return false;
    const auto task = std::move(posted_.front());
    posted_.pop_front();
    task();
    return true;
  }
  // Until nothing is posted. A fetch that goes round without end fails the test.
  int run() {
    constexpr int too_many = 10'000;
    int turns = 0;
    while (turns < too_many && turn()) ++turns;
    EXPECT_LT(turns, too_many);
    return turns;
  }
  // The first job that waits for a worker, whole.
  bool work() {
    if (offloaded_.empty()) return false;
    const auto [work, done] = std::move(offloaded_.front());
    offloaded_.pop_front();
    work();
    posted_.push_back(done);
    return true;
  }
  std::size_t waiting_for_workers() const { return offloaded_.size(); }

 private:
  std::deque<std::function<void()>> posted_;
  std::deque<std::pair<std::function<void()>, std::function<void()>>> offloaded_;
};

// Each read of it is one that waits for a disk, or one that does not, as the test says by part.
class SlowStore : public Store {
 public:
  explicit SlowStore(std::shared_ptr<SurfaceStore> inner)
      : inner_(std::move(inner)), region_({inner_->mapped().begin(), inner_->mapped().end()}) {}
  const Manifest& manifest() const override { return inner_->manifest(); }
  const Region& region() const override { return region_; }
  bool has(ChunkIndex chunk) const override { return inner_->has(chunk); }
  std::uint32_t published() const override { return inner_->published(); }
  SurfaceState state() const override { return inner_->state(); }
  std::optional<std::uint64_t> final_size() const override { return inner_->final_size(); }
  Result<ReadStatus> read(ChunkIndex chunk, std::uint32_t offset, std::span<std::byte> out,
                          ReadMode mode) const override {
    const std::uint32_t length = manifest().length_of(chunk);
    bool& cached = offset >= length ? trailers_cached : bytes_cached;
    if (mode == ReadMode::cached_only && !cached) return ReadStatus::would_block;
    if (mode == ReadMode::may_block) {
      if (offset < length) bytes_cached = true;
      if (offset + out.size() > length) trailers_cached = true;
    }
    return inner_->read(chunk, offset, out, mode);
  }

  mutable bool bytes_cached = true;
  mutable bool trailers_cached = true;

 private:
  const std::shared_ptr<SurfaceStore> inner_;
  const test::FakeFileRegion region_;
};

class LocalFetchTest : public testing::Test {
 protected:
  static Manifest growing(std::uint64_t capacity) {
    Manifest manifest = test::manifest_of(capacity);
    manifest.size_pending = true;
    return manifest;
  }
  std::shared_ptr<LocalFetch> start(std::shared_ptr<const Store> store, Sink& sink) {
    auto fetch = std::make_shared<LocalFetch>(std::move(store), sink, loop_);
    fetch->start();
    return fetch;
  }
  // A store whose bytes have to be copied, since they are no memory.
  std::shared_ptr<SurfaceStore> file_store(std::shared_ptr<test::FakeFileRegion> region) const {
    auto store = std::make_shared<SurfaceStore>(test::manifest_of(bytes_.size()), std::move(region));
    for (std::uint32_t chunk = 0; chunk < store->manifest().chunk_count(); ++chunk)
      store->publish(
          ChunkIndex{chunk},
          chunk_tag(ChunkIndex{chunk}, test::chunk_of(store->manifest(), ChunkIndex{chunk}, bytes_)));
    store->end(SurfaceState::finished);
    return store;
  }
  static void expect_ended(const test::MemorySink& sink, Errc code) {
    EXPECT_EQ(sink.ends(), 1);
    EXPECT_EQ(sink.error(), code);
  }

  const std::vector<std::byte> bytes_ = test::pattern(5 * chunk_bytes + 10);
  FakeLoop loop_;
};

TEST_F(LocalFetchTest, CallsNothingBeforeTheLoopTurns) {
  test::AdoptingSink sink;
  const auto store = test::published_store(test::manifest_of(bytes_.size()), bytes_);
  const auto fetch = start(store, sink);
  fetch->want_changed();
  fetch->on_store_changed();
  EXPECT_FALSE(sink.manifest());
  EXPECT_EQ(loop_.run(), 1);
  EXPECT_EQ(sink.manifest(), store->manifest());
}

TEST_F(LocalFetchTest, OffersMemoryAndTellsEveryChunkOnce) {
  test::AdoptingSink sink;
  const auto fetch = start(test::published_store(test::manifest_of(bytes_.size()), bytes_), sink);
  loop_.run();
  EXPECT_TRUE(sink.has_store());
  EXPECT_EQ(sink.told, (std::vector<std::uint32_t>{0, 1, 2, 3, 4, 5}));
  fetch->on_store_changed();
  loop_.run();
  EXPECT_EQ(sink.told.size(), 6U);
  EXPECT_EQ(sink.ends(), 0);
}

TEST_F(LocalFetchTest, CopiesWhereTheSinkHasStorageOfItsOwn) {
  test::MemorySink sink;
  const auto fetch = start(test::published_store(test::manifest_of(bytes_.size()), bytes_), sink);
  loop_.run();
  EXPECT_TRUE(sink.is_complete());
  EXPECT_TRUE(std::ranges::equal(sink.bytes(), bytes_));
}

TEST_F(LocalFetchTest, CopiesWhatIsNoMemoryThoughTheSinkWouldAdopt) {
  class WouldAdopt : public test::MemorySink {
   public:
    bool adopt(std::shared_ptr<const Store> /*store*/) override {
      ADD_FAILURE() << "it was offered";
      return true;
    }
  } sink;
  const auto fetch = start(file_store(std::make_shared<test::FakeFileRegion>(bytes_)), sink);
  loop_.run();
  EXPECT_TRUE(sink.is_complete());
}

TEST_F(LocalFetchTest, CopiesABoundedPieceInEachTurn) {
  const auto bytes = test::pattern(5 * 1024 * 1024);
  test::MemorySink sink;
  const auto fetch = start(test::published_store(test::manifest_of(bytes.size()), bytes), sink);
  EXPECT_TRUE(loop_.turn());
  EXPECT_TRUE(sink.is_there(ChunkIndex{255}));
  EXPECT_FALSE(sink.is_there(ChunkIndex{256}));
  EXPECT_EQ(loop_.run(), 4);
  EXPECT_TRUE(sink.is_complete());
  EXPECT_TRUE(std::ranges::equal(sink.bytes(), bytes));
}

TEST_F(LocalFetchTest, CopiesOnlyWhatIsWantedAndMoreWhenThatChanges) {
  test::MemorySink sink;
  sink.want({ChunkIndex{1}, ChunkIndex{3}});
  const auto fetch = start(test::published_store(test::manifest_of(bytes_.size()), bytes_), sink);
  loop_.run();
  for (std::uint32_t chunk = 0; chunk < 6; ++chunk)
    EXPECT_EQ(sink.is_there(ChunkIndex{chunk}), chunk == 1 || chunk == 2) << chunk;
  sink.want({ChunkIndex{3}, ChunkIndex{6}});
  loop_.run();
  EXPECT_FALSE(sink.is_there(ChunkIndex{3}));
  fetch->want_changed();
  loop_.run();
  EXPECT_TRUE(sink.is_there(ChunkIndex{3}) && sink.is_there(ChunkIndex{5}));
}

TEST_F(LocalFetchTest, TellsChunksInWhateverOrderTheyArePublished) {
  for (const bool adopts : {true, false}) {
    test::AdoptingSink adopting;
    test::MemorySink copying;
    test::MemorySink& sink = adopts ? adopting : copying;
    const auto store = test::unpublished_store(test::manifest_of(bytes_.size()), bytes_);
    const auto fetch = start(store, sink);
    loop_.run();
    EXPECT_TRUE(fetch->is_waiting());
    for (const std::uint32_t chunk : {4U, 0U, 5U, 2U, 3U, 1U}) {
      test::publish(*store, ChunkIndex{chunk});
      fetch->on_store_changed();
      loop_.run();
      EXPECT_TRUE(adopts ? adopting.told.back() == chunk : copying.is_there(ChunkIndex{chunk})) << chunk;
    }
    store->end(SurfaceState::finished);
    EXPECT_FALSE(fetch->is_waiting());
    EXPECT_TRUE(adopts ? adopting.told.size() == 6 : copying.is_complete());
    EXPECT_EQ(sink.ends(), 0);
  }
}

TEST_F(LocalFetchTest, TellsTheFinalSizeOnceAndBeforeTheChunkThatHoldsTheEnd) {
  test::AdoptingSink sink;
  const auto bytes = test::pattern(8 * chunk_bytes);
  const auto store = test::unpublished_store(growing(8 * chunk_bytes), bytes);
  const auto fetch = start(store, sink);
  test::publish(*store, ChunkIndex{0});
  loop_.run();
  EXPECT_FALSE(sink.final_size());
  store->set_final_size(2 * chunk_bytes + 5);
  test::publish(*store, ChunkIndex{2});
  test::publish(*store, ChunkIndex{1});
  store->end(SurfaceState::finished);
  fetch->on_store_changed();
  loop_.run();
  EXPECT_EQ(sink.final_size(), 2U * chunk_bytes + 5);
  EXPECT_EQ(sink.chunks_before_size, 1U);
  EXPECT_EQ(sink.told, (std::vector<std::uint32_t>{0, 1, 2}));
  EXPECT_EQ(sink.ends(), 0);
}

TEST_F(LocalFetchTest, TellsAFinalSizeThatComesBetweenTwoChunks) {
  // Known, and its chunk published, while the chunks before it are being told.
  test::AdoptingSink sink;
  const auto store = test::unpublished_store(growing(8 * chunk_bytes), test::pattern(8 * chunk_bytes));
  const auto fetch = start(store, sink);
  loop_.run();
  sink.on_told = [&] {
    sink.on_told = {};
    store->set_final_size(chunk_bytes + 1);
    test::publish(*store, ChunkIndex{1});
  };
  test::publish(*store, ChunkIndex{0});
  fetch->on_store_changed();
  loop_.run();
  fetch->on_store_changed();
  loop_.run();
  EXPECT_EQ(sink.told, (std::vector<std::uint32_t>{0, 1}));
  EXPECT_EQ(sink.chunks_before_size, 1U);
}

TEST_F(LocalFetchTest, StopsWhereTheSinkRefusesTheManifestOrTheFinalSize) {
  test::MemorySink refusing;
  refusing.refuse_manifest();
  const auto first = start(test::published_store(test::manifest_of(bytes_.size()), bytes_), refusing);
  loop_.run();
  EXPECT_FALSE(first->is_waiting());
  EXPECT_EQ(refusing.ends(), 0);

  test::AdoptingSink sink;
  sink.refuses_size = true;
  const auto store = test::unpublished_store(growing(8 * chunk_bytes), test::pattern(8 * chunk_bytes));
  store->set_final_size(chunk_bytes);
  test::publish(*store, ChunkIndex{0});
  const auto fetch = start(store, sink);
  loop_.run();
  EXPECT_TRUE(sink.told.empty());
  EXPECT_EQ(sink.ends(), 0);
  fetch->on_store_changed();
  EXPECT_EQ(loop_.run(), 0);
}

TEST_F(LocalFetchTest, EndsBehindTheChunksThatWerePublished) {
  for (const auto& [state, code] : {std::pair{SurfaceState::aborted, Errc::aborted},
                                    std::pair{SurfaceState::withdrawn, Errc::withdrawn}}) {
    test::AdoptingSink sink;
    const auto store = test::unpublished_store(test::manifest_of(bytes_.size()), bytes_);
    const auto fetch = start(store, sink);
    loop_.run();
    test::publish(*store, ChunkIndex{3});
    test::publish(*store, ChunkIndex{1});
    store->end(state);
    fetch->on_store_changed();
    loop_.run();
    EXPECT_EQ(sink.told, (std::vector<std::uint32_t>{1, 3}));
    expect_ended(sink, code);
    fetch->on_store_changed();
    fetch->want_changed();
    fetch->end({Errc::io_error, "late"});
    loop_.run();
    expect_ended(sink, code);
  }
}

TEST_F(LocalFetchTest, EndsBehindTheChunksThatAreCopied) {
  const auto bytes = test::pattern(3 * 1024 * 1024);
  test::MemorySink sink;
  const auto store =
      test::unpublished_store(test::manifest_of(bytes.size() + 1), test::pattern(bytes.size() + 1));
  for (std::uint32_t chunk = 0; chunk < 768; ++chunk) test::publish(*store, ChunkIndex{chunk});
  store->end(SurfaceState::aborted);
  const auto fetch = start(store, sink);
  loop_.turn();
  EXPECT_EQ(sink.ends(), 0);  // two more turns are to be copied
  loop_.run();
  expect_ended(sink, Errc::aborted);
  for (std::uint32_t chunk = 0; chunk < 768; ++chunk) ASSERT_TRUE(sink.is_there(ChunkIndex{chunk}));
}

TEST_F(LocalFetchTest, AnEndThatTheStoreCannotTellComesBehindTheChunksToo) {
  test::AdoptingSink sink;
  const auto store = test::unpublished_store(test::manifest_of(bytes_.size()), bytes_);
  const auto fetch = start(store, sink);
  test::publish(*store, ChunkIndex{2});
  fetch->end_behind_chunks({Errc::exposer_gone, "it has ended"});
  EXPECT_EQ(sink.ends(), 0);
  loop_.run();
  EXPECT_EQ(sink.told, std::vector<std::uint32_t>{2});
  expect_ended(sink, Errc::exposer_gone);
  EXPECT_FALSE(fetch->is_waiting());
}

TEST_F(LocalFetchTest, AnEndAtOnceComesAtOnceAndAlone) {
  test::AdoptingSink sink;
  const auto fetch = start(test::published_store(test::manifest_of(bytes_.size()), bytes_), sink);
  fetch->end({Errc::source_changed, "cut"});
  expect_ended(sink, Errc::source_changed);
  loop_.run();
  EXPECT_TRUE(sink.told.empty());
}

TEST_F(LocalFetchTest, CallsNothingAfterItWasCancelled) {
  test::AdoptingSink sink;
  const auto store = test::published_store(test::manifest_of(bytes_.size()), bytes_);
  {
    const auto fetch = start(store, sink);
    fetch->cancel();
    loop_.run();
    EXPECT_FALSE(sink.manifest());
  }
  // Inside a call.
  auto fetch = start(store, sink);
  sink.on_told = [&] { fetch->cancel(); };
  loop_.run();
  EXPECT_EQ(sink.told.size(), 1U);
  EXPECT_EQ(sink.ends(), 0);
  // And what is still posted finds nobody.
  sink.on_told = {};
  fetch = start(store, sink);
  fetch.reset();
  loop_.run();
  EXPECT_EQ(sink.told.size(), 1U);
}

TEST_F(LocalFetchTest, CopiesAgainWhatDoesNotVerifyAndGivesUpAfterEightTimes) {
  const auto store = test::unpublished_store(test::manifest_of(bytes_.size()), bytes_);
  for (std::uint32_t chunk = 0; chunk < 6; ++chunk)
    store->publish(ChunkIndex{chunk},
                   chunk == 2 ? Tag{}
                              : chunk_tag(ChunkIndex{chunk},
                                          test::chunk_of(store->manifest(), ChunkIndex{chunk}, bytes_)));
  store->end(SurfaceState::finished);
  test::MemorySink sink;
  const auto fetch = start(store, sink);
  EXPECT_EQ(loop_.run(), 8);
  EXPECT_EQ(sink.rejected(), 8U);
  expect_ended(sink, Errc::corrupted);
  EXPECT_TRUE(sink.is_there(ChunkIndex{1}));
  EXPECT_FALSE(sink.is_there(ChunkIndex{2}));
}

TEST_F(LocalFetchTest, TakesAChunkThatVerifiesLater) {
  const auto store = test::published_store(test::manifest_of(bytes_.size()), bytes_);
  store->end(SurfaceState::finished);
  std::byte& damaged = store->region().writable()[chunk_bytes];
  damaged ^= std::byte{1};
  test::MemorySink sink;
  const auto fetch = start(store, sink);
  for (int i = 0; i < 3; ++i) loop_.turn();
  EXPECT_EQ(sink.rejected(), 3U);
  damaged ^= std::byte{1};
  loop_.run();
  EXPECT_TRUE(sink.is_complete());
  EXPECT_EQ(sink.ends(), 0);
}

TEST_F(LocalFetchTest, LeavesReadsThatBlockToAWorker) {
  const auto region = std::make_shared<test::FakeFileRegion>(bytes_);
  region->evict();
  test::MemorySink sink;
  const auto fetch = start(file_store(region), sink);
  loop_.run();
  EXPECT_FALSE(sink.is_there(ChunkIndex{0}));
  ASSERT_EQ(loop_.waiting_for_workers(), 1U);
  // Nothing is asked of the disk on the loop, nor twice of a worker.
  fetch->want_changed();
  fetch->on_store_changed();
  loop_.run();
  EXPECT_EQ(loop_.waiting_for_workers(), 1U);
  EXPECT_EQ(region->blocking_reads(), 0);
  EXPECT_TRUE(loop_.work());
  loop_.run();
  EXPECT_TRUE(sink.is_complete());
  EXPECT_EQ(region->blocking_reads(), 1);
  EXPECT_TRUE(std::ranges::equal(sink.bytes(), bytes_));
}

TEST_F(LocalFetchTest, LeavesTrailersThatBlockToAWorkerToo) {
  const auto inner = test::published_store(test::manifest_of(bytes_.size()), bytes_);
  inner->end(SurfaceState::finished);
  const auto store = std::make_shared<SlowStore>(inner);
  store->trailers_cached = false;
  test::MemorySink sink;
  const auto fetch = start(store, sink);
  loop_.run();
  int jobs = 0;
  while (jobs < 10 && loop_.work()) {
    ++jobs;
    loop_.run();
  }
  EXPECT_EQ(jobs, 1);
  EXPECT_TRUE(sink.is_complete());
}

TEST_F(LocalFetchTest, CancelledWhileAWorkerReadsItCallsNothing) {
  const auto region = std::make_shared<test::FakeFileRegion>(bytes_);
  region->evict();
  test::MemorySink sink;
  auto fetch = start(file_store(region), sink);
  loop_.run();
  fetch->cancel();
  fetch.reset();
  EXPECT_TRUE(loop_.work());
  loop_.run();
  EXPECT_FALSE(sink.is_there(ChunkIndex{0}));
  EXPECT_EQ(sink.ends(), 0);
}

TEST_F(LocalFetchTest, EndsWithTheErrorOfARead) {
  const auto region = std::make_shared<test::FakeFileRegion>(bytes_);
  region->fail_reads(Errc::source_changed);
  test::MemorySink sink;
  const auto fetch = start(file_store(region), sink);
  loop_.run();
  expect_ended(sink, Errc::source_changed);
}

TEST_F(LocalFetchTest, DoesNotWaitForChunksThatAFinishedSurfaceLacks) {
  for (const bool adopts : {true, false}) {
    test::AdoptingSink adopting;
    test::MemorySink copying;
    test::MemorySink& sink = adopts ? adopting : copying;
    const auto store = test::unpublished_store(test::manifest_of(bytes_.size()), bytes_);
    for (const std::uint32_t chunk : {0U, 1U, 3U}) test::publish(*store, ChunkIndex{chunk});
    store->end(SurfaceState::finished);
    const auto fetch = start(store, sink);
    loop_.run();
    expect_ended(sink, Errc::malformed_data);
    EXPECT_TRUE(adopts ? adopting.told.size() == 3 : copying.is_there(ChunkIndex{3}));
  }
  // Nor for a size that will not come.
  test::AdoptingSink sink;
  const auto store = test::unpublished_store(growing(8 * chunk_bytes), test::pattern(8 * chunk_bytes));
  store->end(SurfaceState::finished);
  const auto fetch = start(store, sink);
  loop_.run();
  expect_ended(sink, Errc::malformed_data);
}

TEST_F(LocalFetchTest, WaitsForNothingWhereTheSurfaceIsEmpty) {
  test::AdoptingSink sink;
  const auto store = test::published_store(test::manifest_of(0), {});
  store->end(SurfaceState::finished);
  const auto fetch = start(store, sink);
  loop_.run();
  EXPECT_TRUE(sink.has_store());
  EXPECT_FALSE(fetch->is_waiting());
  EXPECT_EQ(sink.ends(), 0);
}

}  // namespace
}  // namespace rgtp::core
