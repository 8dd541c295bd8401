// PullState with each of its storages against a model that thinks in single bytes.
#include <algorithm>
#include <random>

#include <gtest/gtest.h>

#include "core/pull_state.h"
#include "support/observers.h"
#include "support/pattern.h"
#include "support/surfaces.h"

namespace rgtp::core {
namespace {

constexpr std::uint32_t chunk_bytes = 4096;

enum class Storage { region, window, adopted };

struct Scenario {
  std::uint64_t size = 0;
  Range range;  // resolved
  Order order = Order::arrival;
  std::uint64_t window_bytes = whole;
  Storage storage = Storage::region;
};

// What a pull must do, told without chunk math: every byte of the range belongs to the chunk that its offset
// says.
class Model {
 public:
  Model(const Scenario& scenario, std::span<const std::byte> surface)
      : scenario_(scenario), surface_(surface) {
    for (std::uint64_t at = 0; at < scenario.range.length; ++at) {
      const auto chunk = static_cast<std::uint32_t>((scenario.range.offset + at) / chunk_bytes);
      if (chunks_.empty() || chunks_.back().index != chunk)
        chunks_.push_back({chunk, scenario.range.offset + at, 0, false});
      ++chunks_.back().length;
    }
  }

  struct Chunk {
    std::uint32_t index;
    std::uint64_t offset;
    std::uint64_t length;
    bool there;
  };

  // The chunks that may be received now.
  std::vector<std::uint32_t> wanted() const {
    std::size_t begin = 0;
    std::size_t end = chunks_.size();
    if (scenario_.window_bytes != whole) {
      begin = given_out_;
      const std::uint64_t window = std::max<std::uint64_t>(2, scenario_.window_bytes / chunk_bytes);
      if (window < end - begin) end = begin + window;
    }
    std::vector<std::uint32_t> indices;
    for (std::size_t i = begin; i < end; ++i) indices.push_back(chunks_[i].index);
    return indices;
  }
  bool is_there(std::uint32_t index) const {
    return std::ranges::any_of(chunks_,
                               [&](const Chunk& chunk) { return chunk.index == index && chunk.there; });
  }
  void arrive(std::uint32_t index) {
    for (std::size_t i = 0; i < chunks_.size(); ++i) {
      if (chunks_[i].index != index || chunks_[i].there) continue;
      chunks_[i].there = true;
      arrived_.push_back(i);
    }
  }
  // Which chunk next() gives, and that it was given.
  const Chunk* take_next() {
    if (given_out_ == chunks_.size()) return nullptr;
    if (scenario_.order == Order::content)
      return chunks_[given_out_].there ? &chunks_[given_out_++] : nullptr;
    return given_out_ < arrived_.size() ? &chunks_[arrived_[given_out_++]] : nullptr;
  }
  std::uint64_t bytes() const {
    std::uint64_t sum = 0;
    for (const Chunk& chunk : chunks_) sum += chunk.there ? chunk.length : 0;
    return sum;
  }
  bool complete() const { return bytes() == scenario_.range.length; }
  bool exhausted() const { return given_out_ == chunks_.size(); }
  std::span<const std::byte> bytes_of(const Chunk& chunk) const {
    return surface_.subspan(chunk.offset, chunk.length);
  }

 private:
  Scenario scenario_;
  std::span<const std::byte> surface_;
  std::vector<Chunk> chunks_;
  std::vector<std::size_t> arrived_;
  std::size_t given_out_ = 0;
};

// One pull of one random surface, step by step beside its model.
class Run {
 public:
  Run(const Scenario& scenario, std::uint64_t seed)
      : scenario_(scenario),
        random_(seed),
        bytes_(test::pattern(scenario.size, seed)),
        source_(test::published_store(test::manifest_of(scenario.size, chunk_bytes), bytes_)),
        model_(scenario, bytes_),
        state_({.range = asked_range(), .order = scenario.order, .window_bytes = scenario.window_bytes},
               observer_) {
    const auto extent = state_.begin(source_->manifest()).value();
    EXPECT_EQ(extent.range, scenario.range);
    switch (scenario.storage) {
      case Storage::region:
        state_.use(store_in_region(extent, HeapRegion::make(extent.range.length).value()));
        break;
      case Storage::window: state_.use(store_in_window(extent)); break;
      case Storage::adopted: state_.use(store_adopted(extent, source_)); break;
    }
  }

  void to_the_end() {
    // Enough for every chunk to come, be corrupted a few times and be given out.
    for (int steps = 0; steps < 2000 && !testing::Test::HasFailure(); ++steps) {
      expect_same_state();
      if (state_.exhausted()) break;
      switch (random_() % 4) {
        case 0: take(); break;
        case 1: poke(); break;
        default: receive_some(); break;
      }
    }
    ASSERT_TRUE(state_.exhausted());
    ASSERT_FALSE(state_.take_next());
    expect_views_still_hold();
    expect_whole_range();
  }

 private:
  // "To the end" is sometimes said with `whole`.
  Range asked_range() {
    Range range = scenario_.range;
    if (range.offset + range.length == scenario_.size && random_() % 2 == 0) range.length = whole;
    return range;
  }

  void expect_same_state() {
    const Progress progress = state_.progress();
    ASSERT_EQ(progress.bytes, model_.bytes());
    ASSERT_EQ(progress.total, scenario_.range.length);
    ASSERT_LE(progress.bytes, progress.total);
    ASSERT_EQ(state_.complete(), model_.complete());
    ASSERT_EQ(state_.exhausted(), model_.exhausted());
    const auto wanted = model_.wanted();
    const ChunkRange range = state_.wanted();
    ASSERT_EQ(range.size(), wanted.size());
    for (const std::uint32_t index : wanted) ASSERT_TRUE(range.contains(ChunkIndex{index})) << index;
  }

  // One to three chunks come, mixed up as packets mix them: all are placed before the first is reported.
  void receive_some() {
    std::vector<std::uint32_t> missing;
    for (const std::uint32_t index : model_.wanted())
      if (!model_.is_there(index)) missing.push_back(index);
    if (missing.empty()) return take();
    std::ranges::shuffle(missing, random_);
    missing.resize(std::min<std::size_t>(missing.size(), 1 + random_() % 3));
    if (scenario_.storage == Storage::adopted) {
      for (const std::uint32_t chunk : missing) (void)state_.on_adopted(ChunkIndex{chunk});
      for (const std::uint32_t chunk : missing) model_.arrive(chunk);
      return;
    }
    std::vector<ChunkVerdict> expected;
    for (const std::uint32_t chunk : missing) expected.push_back(place_and_fill(ChunkIndex{chunk}));
    for (std::size_t i = 0; i < missing.size(); ++i) {
      ASSERT_EQ(state_.on_chunk(ChunkIndex{missing[i]}), expected[i]) << "chunk " << missing[i];
      if (expected[i] == ChunkVerdict::good) model_.arrive(missing[i]);
    }
    ASSERT_EQ(observer_.count<event::ChunkRejected>(), damaged_);
  }

  // A transport's work on one chunk, and what must be said of it: some arrive damaged.
  ChunkVerdict place_and_fill(ChunkIndex chunk) {
    const auto placement = state_.place(chunk);
    EXPECT_TRUE(placement);
    if (!placement) return ChunkVerdict::again;
    EXPECT_EQ(placement->bytes.size(), source_->manifest().length_of(chunk));
    EXPECT_EQ(placement->trailer.size(), Manifest::tag_bytes);
    std::ranges::copy(test::chunk_of(source_->manifest(), chunk, bytes_), placement->bytes.begin());
    std::ranges::copy(source_->trailer(chunk), placement->trailer.begin());
    if (random_() % 5 != 0) return ChunkVerdict::good;
    const auto part = random_() % 2 == 0 ? placement->bytes : placement->trailer;
    part[random_() % part.size()] ^= static_cast<std::byte>(1U << random_() % 8);
    ++damaged_;
    return ChunkVerdict::again;
  }

  // Things that must have no effect: chunks that are there already or not wanted.
  void poke() {
    const ChunkIndex chunk{static_cast<std::uint32_t>(random_() % (scenario_.size / chunk_bytes + 2))};
    const auto wanted = model_.wanted();
    const bool is_wanted = std::ranges::find(wanted, chunk.value) != wanted.end();
    if (is_wanted && !model_.is_there(chunk.value)) return;
    ASSERT_FALSE(state_.place(chunk));
    ASSERT_EQ(state_.on_chunk(chunk), ChunkVerdict::good);
    if (model_.is_there(chunk.value)) (void)state_.on_adopted(chunk);
  }

  void take() {
    const auto view = state_.take_next();
    const Model::Chunk* const chunk = model_.take_next();
    ASSERT_EQ(view.has_value(), chunk != nullptr);
    if (!view) return;
    ASSERT_EQ(view->offset(), chunk->offset);
    ASSERT_TRUE(std::ranges::equal(view->bytes(), model_.bytes_of(*chunk))) << "chunk " << chunk->index;
    views_.push_back(*view);
  }

  void expect_views_still_hold() const {
    std::uint64_t sum = 0;
    for (const View& view : views_) {
      ASSERT_TRUE(std::ranges::equal(view.bytes(), std::span(bytes_).subspan(view.offset(), view.size())));
      sum += view.size();
    }
    ASSERT_EQ(sum, scenario_.range.length);
  }

  void expect_whole_range() {
    const auto view = state_.view_all();
    ASSERT_EQ(view.has_value(), scenario_.storage != Storage::window);
    if (!view) return;
    ASSERT_EQ(view->offset(), scenario_.range.offset);
    ASSERT_TRUE(std::ranges::equal(
        view->bytes(), std::span(bytes_).subspan(scenario_.range.offset, scenario_.range.length)));
  }

  const Scenario scenario_;
  std::mt19937_64 random_;
  const std::vector<std::byte> bytes_;
  const std::shared_ptr<SurfaceStore> source_;
  Model model_;
  test::RecordingObserver observer_;
  PullState state_;
  std::size_t damaged_ = 0;
  std::vector<View> views_;
};

// Sizes and ends of ranges stand on borders of chunks, or one or two bytes beside them, more often than not.
std::uint64_t near_a_border(std::mt19937_64& random, std::uint64_t most) {
  std::uint64_t at = random() % (most + 1);
  if (random() % 3 != 0) {
    at = at / chunk_bytes * chunk_bytes + random() % 5;
    at = at < 2 ? at : at - 2;
  }
  return std::min(at, most);
}

Scenario random_scenario(std::mt19937_64& random, Storage storage) {
  Scenario scenario;
  scenario.storage = storage;
  scenario.size = near_a_border(random, 8 * chunk_bytes);
  scenario.range = {0, scenario.size};
  if (random() % 3 != 0) {
    scenario.range.offset = near_a_border(random, scenario.size);
    scenario.range.length = near_a_border(random, scenario.size - scenario.range.offset);
  }
  scenario.order = random() % 2 == 0 ? Order::arrival : Order::content;
  // A window goes with content order alone.
  if (scenario.order == Order::content && random() % 3 != 0)
    scenario.window_bytes = random() % (6 * chunk_bytes);
  return scenario;
}

void run_many(Storage storage, std::uint64_t first_seed) {
  for (std::uint64_t seed = first_seed; seed < first_seed + 1000; ++seed) {
    std::mt19937_64 random(seed);
    const Scenario scenario = random_scenario(random, storage);
    SCOPED_TRACE(testing::Message() << "seed " << seed << ": " << scenario.size << " bytes, range "
                                    << scenario.range.offset << " + " << scenario.range.length << ", window "
                                    << scenario.window_bytes);
    Run(scenario, seed).to_the_end();
    if (testing::Test::HasFailure()) return;
  }
}

TEST(PullModel, AgreesWithAPullIntoARegion) { run_many(Storage::region, 1000); }
TEST(PullModel, AgreesWithAPullThroughAWindow) { run_many(Storage::window, 2000); }
TEST(PullModel, AgreesWithAPullOfAnAdoptedStore) { run_many(Storage::adopted, 3000); }

}  // namespace
}  // namespace rgtp::core
