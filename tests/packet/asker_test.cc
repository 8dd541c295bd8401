#include "packet/asker.h"

#include <gtest/gtest.h>

#include "support/datagrams.h"
#include "support/memory_sink.h"

namespace rgtp::packet {
namespace {

using namespace std::chrono_literals;

// 25 chunks of 4,096 bytes, three slices each at the MTU of Ethernet.
class AskerTest : public testing::Test {
 protected:
  using Slices = std::vector<SliceId>;
  static constexpr std::uint16_t slice_bytes = 1371;
  enum class Surface { finished, growing };

  explicit AskerTest(std::uint32_t mtu = 1500) : path_(Path::Options{.mtu = mtu, .max_mtu = 1500}) {
    EXPECT_TRUE(sink_.on_manifest(manifest_));
    path_.set_cookie(test::cookie_of(1), now_, 1h);
  }

  // MANIFEST came, to a HELLO that had asked for so many slices.
  void greet(std::uint32_t slices_wanted, Surface surface = Surface::finished) {
    manifest_.size_pending = surface == Surface::growing;
    const TimePoint asked_at = now_;
    greeter_.on_sent(now_);
    if (slices_wanted > 0) greeter_.want(slices_wanted, path_.slice_capacity());
    now_ += 20ms;
    const bool growing = surface == Surface::growing;
    EXPECT_TRUE(availability_.begin(manifest_, growing ? 0 : manifest_.chunk_count(),
                                    growing ? std::nullopt : std::optional(manifest_.size)));
    slice_length_.begin(manifest_);
    asker_.on_greeted(now_, asked_at, greeter_, manifest_, availability_);
  }
  std::optional<PullRequest> written(std::size_t size) const {
    const auto datagram = std::span(out_).first(size);
    if (size == 0) return std::nullopt;
    EXPECT_TRUE(check_matches(datagram));
    return parse_pull(datagram);
  }
  std::optional<PullRequest> ask() { return written(asker_.ask(now_, out_)); }
  std::optional<PullRequest> probe() { return written(asker_.probe(now_, out_)); }
  std::optional<PullRequest> finish_probe() { return written(asker_.finish_probe(now_, out_)); }
  // All that may be asked for at once.
  Slices ask_all() {
    Slices slices;
    while (const auto pull = ask()) append(*pull, slices);
    return slices;
  }
  static void append(const PullRequest& pull, Slices& slices) {
    for (const packet::Run& run : pull.asked())
      for (std::uint32_t i = 0; i < run.count; ++i)
        slices.push_back({run.chunk, static_cast<std::uint16_t>(run.first + i)});
  }
  static Slices slices_of(const PullRequest& pull) {
    Slices slices;
    append(pull, slices);
    return slices;
  }
  event::Asked last_asked() const { return observer_.all<event::Asked>().back(); }

  TimePoint now_ = test::start_time;
  Manifest manifest_ = test::manifest_of(25 * 4096);
  test::RecordingObserver observer_;
  test::MemorySink sink_;
  Path path_;
  Greeter greeter_;
  Availability availability_;
  RequestWriter writer_{0x1234, manifest_.id, path_, observer_};
  Recovery recovery_{path_, observer_};
  Reassembly reassembly_;
  Picker picker_{reassembly_, availability_, sink_};
  SliceLength slice_length_{path_, picker_, recovery_, observer_};
  Asker asker_{path_, picker_, reassembly_, slice_length_, recovery_, writer_, observer_};
  std::array<std::byte, RequestWriter::max_bytes> out_{};
};

class AskerOnAShortMtu : public AskerTest {
 protected:
  AskerOnAShortMtu() : AskerTest(fallback_mtu) {}
};

TEST_F(AskerTest, AsksForAsMuchAsThePathAllowsAndBooksIt) {
  greet(0);
  const std::uint32_t allowed = path_.slices_allowed(now_, slice_bytes);
  const auto pull = ask();
  ASSERT_TRUE(pull);
  EXPECT_EQ(pull->first_ask, 0U);
  EXPECT_EQ(pull->slice_bytes, slice_bytes);
  EXPECT_EQ(pull->slices(), allowed);
  EXPECT_EQ(recovery_.outstanding(), allowed);
  EXPECT_EQ(last_asked().first_ask, 0U);
  EXPECT_EQ(last_asked().slices, allowed);
  EXPECT_EQ(last_asked().again, 0U);
  const auto next = ask();
  ASSERT_TRUE(next);
  EXPECT_EQ(next->first_ask, allowed);
}

TEST_F(AskerTest, StopsWhereTheWindowIsFull) {
  greet(0);
  EXPECT_FALSE(ask_all().empty());
  EXPECT_FALSE(path_.window_is_open(slice_bytes));
  EXPECT_TRUE(picker_.has_more());
}

TEST_F(AskerTest, HasNothingToAskForWhereNothingIsWanted) {
  sink_.want({ChunkIndex{0}, ChunkIndex{0}});
  greet(0);
  EXPECT_FALSE(ask());
  EXPECT_EQ(recovery_.next_ask(), 0U);
}

TEST_F(AskerTest, ProbesWithTheLastSlicesAgainByTwoRequests) {
  greet(0);
  const Slices asked = ask_all();
  ASSERT_GT(asked.size(), Asker::probe_slices);
  const auto first = probe();
  ASSERT_TRUE(first);
  EXPECT_EQ(slices_of(*first), Slices(asked.end() - 4, asked.end() - 2));
  EXPECT_EQ(first->first_ask, asked.size());
  EXPECT_EQ(last_asked().again, 2U);
  const auto second = finish_probe();
  ASSERT_TRUE(second);
  EXPECT_EQ(slices_of(*second), Slices(asked.end() - 2, asked.end()));
  EXPECT_EQ(second->first_ask, asked.size() + 2);
  EXPECT_EQ(last_asked().again, 2U);
  EXPECT_EQ(observer_.count<event::ProbeTimeout>(), 1U);
  EXPECT_FALSE(finish_probe());
}

TEST_F(AskerTest, TheSecondRequestOfAProbeIsForWhatIsStillMissing) {
  greet(0);
  const Slices asked = ask_all();
  ASSERT_TRUE(probe());
  reassembly_.receive(asked.back(), std::vector<std::byte>(slice_bytes));
  const auto second = finish_probe();
  ASSERT_TRUE(second);
  EXPECT_EQ(slices_of(*second), Slices(asked.end() - 2, asked.end() - 1));
}

TEST_F(AskerTest, ProbesForASingleSliceOnce) {
  sink_.want({ChunkIndex{0}, ChunkIndex{1}});
  greet(0);
  const Slices asked = ask_all();
  ASSERT_EQ(asked.size(), 3U);
  for (std::size_t i = 0; i < 2; ++i) reassembly_.receive(asked[i], std::vector<std::byte>(slice_bytes));
  const auto pull = probe();
  ASSERT_TRUE(pull);
  EXPECT_EQ(slices_of(*pull), Slices{asked[2]});
  EXPECT_FALSE(finish_probe());
}

TEST_F(AskerTest, ProbesWithEachSliceOnce) {
  sink_.want({ChunkIndex{0}, ChunkIndex{1}});
  greet(0);
  EXPECT_EQ(ask_all().size(), 3U);
  for (int i = 0; i < 3; ++i) {
    const auto pull = probe();
    ASSERT_TRUE(pull);
    Slices slices = slices_of(*pull);
    EXPECT_EQ(std::ranges::adjacent_find(slices), slices.end());
  }
}

TEST_F(AskerTest, BeginsFromScratchWhereAProbeWouldShowNothing) {
  greet(0);
  for (const SliceId& slice : ask_all()) reassembly_.receive(slice, std::vector<std::byte>(slice_bytes));
  ASSERT_GT(recovery_.outstanding(), 0U);
  EXPECT_FALSE(probe());
  EXPECT_EQ(recovery_.outstanding(), 0U);
  EXPECT_EQ(observer_.count<event::ProbeTimeout>(), 0U);
}

TEST_F(AskerTest, FromScratchAllThatIsMissingIsAskedForAgain) {
  greet(0);
  const Slices asked = ask_all();
  reassembly_.receive(asked[0], std::vector<std::byte>(slice_bytes));
  asker_.ask_from_scratch();
  EXPECT_EQ(path_.in_flight(), 0U);
  const Slices again = ask_all();
  ASSERT_GE(again.size(), asked.size() - 1);
  EXPECT_TRUE(std::equal(asked.begin() + 1, asked.end(), again.begin()));
}

TEST_F(AskerTest, BooksTheSlicesThatFollowAHello) {
  greet(7);
  EXPECT_EQ(recovery_.outstanding(), 7U);
  EXPECT_EQ(observer_.count<event::Asked>(), 0U);
  const auto pull = ask();
  ASSERT_TRUE(pull);
  EXPECT_EQ(pull->first_ask, 7U);
  EXPECT_EQ(slices_of(*pull)[0], (SliceId{ChunkIndex{2}, 1}));
  EXPECT_EQ(last_asked().again, 0U);
}

TEST_F(AskerTest, AsksForWhatItWantsWhereOtherSlicesFollowAHello) {
  sink_.want({ChunkIndex{3}, ChunkIndex{25}});
  greet(7);
  EXPECT_EQ(recovery_.outstanding(), 7U);
  const auto pull = ask();
  ASSERT_TRUE(pull);
  EXPECT_EQ(pull->first_ask, 7U);
  EXPECT_EQ(slices_of(*pull)[0], (SliceId{ChunkIndex{3}, 0}));
}

TEST_F(AskerTest, NothingFollowsAHelloWhileTheSurfaceGrows) {
  greet(7, Surface::growing);
  EXPECT_EQ(recovery_.outstanding(), 0U);
  EXPECT_EQ(recovery_.next_ask(), 7U);
}

TEST_F(AskerOnAShortMtu, AsksForOneLongerSliceToSearchForMore) {
  greet(0);
  const auto first = ask();
  ASSERT_TRUE(first);
  EXPECT_LT(first->slice_bytes, slice_bytes);
  now_ += 1s;
  const auto longer = ask();
  ASSERT_TRUE(longer);
  EXPECT_EQ(longer->slice_bytes, slice_bytes);
  EXPECT_EQ(longer->slices(), 1U);
  // What may not arrive at all would show nothing.
  const auto probed = probe();
  ASSERT_TRUE(probed);
  EXPECT_EQ(probed->slice_bytes, first->slice_bytes);
}

}  // namespace
}  // namespace rgtp::packet
