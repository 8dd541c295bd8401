// Memory of a user who is not trusted: only what the locator itself verifies is taken from it, nothing of it
// is mapped, and whatever its owner does to it is an error.
#include <algorithm>
#include <fstream>
#include <functional>
#include <optional>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rgtp/rgtp.h>

#include "core/manifest_codec.h"
#include "core/surface_store.h"
#include "shm/exposed_segment.h"
#include "support/bytes.h"
#include "support/forked_child.h"
#include "support/pattern.h"
#include "support/temporary_directory.h"
#include "support/users.h"

namespace rgtp::test {
namespace {

class Strangers : public testing::Test {
 protected:
  static constexpr uid_t stranger = 47'911;
  static constexpr std::uint32_t chunk_bytes = 4096;

  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can become others";
    ASSERT_EQ(::chmod(directory_.path().c_str(), 01777), 0);
  }

  std::vector<std::shared_ptr<Transport>> transports() const {
    return {shm_transport({.directory = directory_.path()}), udp_transport()};
  }
  // Somebody who exposes it, says where, and then does that until it is told to end.
  ForkedChild exposer(const ExposeOptions& options,
                      const std::function<void(const Locator&)>& then = {}) const {
    return ForkedChild([this, options, then](const ForkedChild::Parent& parent) {
      if (!become(stranger)) return;
      Exposer exposer = Exposer::open({.transports = transports()}).value();
      const Surface surface = exposer.expose(Source::bytes(bytes_), options).get().value();
      parent.tell(surface.locator().reveal());
      if (then) then(surface.locator());
      if (then) parent.tell("done");
      parent.wait_to_be_killed();
    });
  }
  Result<View> pull(const Locator& locator, const Route& route = Route::automatic()) {
    Puller puller = Puller::open({.transports = transports()}).value();
    Pull pull = puller.pull(locator, {.route = route});
    auto view = pull.complete().get();
    came_by_ = pull.transport();
    not_taken_.clear();
    for (const std::string& reason : pull.stats().routes_not_taken) not_taken_ += reason;
    return view;
  }
  static ExposeOptions sealed() {
    return {.chunk_bytes = chunk_bytes, .protection = Protection::sealed, .access = Access::everyone()};
  }
  static bool maps_a_segment() {
    std::ifstream lines("/proc/self/maps");
    for (std::string line; std::getline(lines, line);)
      if (line.find("/rgtp-") != std::string::npos) return true;
    return false;
  }
  static std::vector<std::byte> bytes_of_hex(const std::string& text) {
    std::vector<std::byte> bytes;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2)
      bytes.push_back(static_cast<std::byte>(std::stoul(text.substr(i, 2), nullptr, 16)));
    return bytes;
  }
  // The stranger's own hand on the object.
  core::Descriptor open_object(const Locator& locator) const {
    return core::Descriptor(
        ::open((directory_ / shm::segment_name(*locator.id())).c_str(), O_RDWR | O_CLOEXEC));
  }

  const TemporaryDirectory directory_{"/dev/shm"};
  const std::vector<std::byte> bytes_ = pattern(300 * chunk_bytes + 5);
  std::string came_by_;
  std::string not_taken_;
};

TEST_F(Strangers, GiveWhatTheLocatorVerifiesAndNothingOfItIsMapped) {
  ExposeOptions rooted{.chunk_bytes = chunk_bytes, .rooted = true, .access = Access::everyone()};
  for (const ExposeOptions& options : {sealed(), rooted}) {
    ForkedChild child = exposer(options);
    const Locator locator = Locator::parse(*child.read_line()).value();
    const auto view = pull(locator, Route::only("shm"));
    ASSERT_TRUE(view) << view.error().message();
    EXPECT_EQ(came_by_, "shm");
    EXPECT_TRUE(std::ranges::equal(view->bytes(), bytes_));
    // While it lasts, too.
    Puller puller = Puller::open({.transports = transports()}).value();
    for (const Order order : {Order::arrival, Order::content}) {
      Pull under_way = puller.pull(locator, {.order = order, .route = Route::only("shm")});
      ASSERT_TRUE(under_way.next().get().value());
      EXPECT_FALSE(maps_a_segment());
    }
    child.kill();
    EXPECT_TRUE(std::ranges::equal(view->bytes(), bytes_));
  }
}

TEST_F(Strangers, AreRefusedWhereNothingVerifiesTheirBytes) {
  ForkedChild child = exposer({.chunk_bytes = chunk_bytes, .access = Access::everyone()});
  const Locator locator = Locator::parse(*child.read_line()).value();
  EXPECT_EQ(pull(locator, Route::only("shm")).error().code, Errc::denied);
}

TEST_F(Strangers, AreToldApartFromAWrongKey) {
  ForkedChild child = exposer(sealed());
  const Locator locator = Locator::parse(*child.read_line()).value();
  EXPECT_EQ(pull(locator.with(Key::random(), {}), Route::only("shm")).error().code, Errc::wrong_key);
}

// By somebody who knows the id, because it went by, and the whole manifest with it.
TEST_F(Strangers, AreNotBelievedWhoPlantASegmentUnderTheName) {
  for (const bool knows_the_manifest : {false, true}) {
    ForkedChild victim([this](const ForkedChild::Parent& parent) {
      Exposer exposer = Exposer::open({.transports = {udp_transport()}}).value();
      ExposeOptions options = sealed();
      options.access.reset();
      const Surface surface = exposer.expose(Source::bytes(bytes_), options).get().value();
      std::array<std::byte, core::manifest_bytes> encoded;
      core::encode_manifest(surface.manifest(), encoded);
      parent.tell(surface.locator().reveal());
      parent.tell(hex(encoded));
      parent.wait_to_be_killed();
    });
    const Locator locator = Locator::parse(*victim.read_line()).value();
    Manifest manifest = core::parse_manifest(bytes_of_hex(*victim.read_line())).value();
    if (!knows_the_manifest) manifest.tag[0] ^= std::byte{1};
    ForkedChild planter([&](const ForkedChild::Parent& parent) {
      if (!become(stranger)) return;
      auto segment = shm::ExposedSegment::create(
          directory_.path(),
          {.kind = shm::RegionKind::inline_bytes, .owner = {}, .manifest = manifest, .file = {}},
          Access::everyone());
      core::SurfaceStore store(manifest, std::make_shared<shm::SegmentRegion>(*segment));
      for (ChunkIndex chunk{0}; chunk.value < manifest.chunk_count(); ++chunk.value)
        store.publish(chunk, core::Tag{});
      store.end(SurfaceState::finished);
      if (!(*segment)->link()) return;
      parent.tell("planted");
      parent.wait_to_be_killed();
    });
    ASSERT_EQ(planter.read_line(), "planted");
    const auto view = pull(locator);
    ASSERT_TRUE(view) << view.error().message();
    EXPECT_TRUE(std::ranges::equal(view->bytes(), bytes_));
    EXPECT_EQ(came_by_, "udp");
    EXPECT_NE(not_taken_.find("not trusted"), std::string::npos) << not_taken_;
    EXPECT_EQ(not_taken_.find("failed verification") != std::string::npos, knows_the_manifest) << not_taken_;
    planter.kill();
    std::filesystem::remove(directory_ / shm::segment_name(manifest.id));
  }
}

TEST_F(Strangers, WhoChangeOrCutTheirMemoryCauseAnErrorAndNoSignal) {
  const auto overwrite = [this](const Locator& locator) {
    const auto other = pattern(bytes_.size(), 5);
    const core::Descriptor object = open_object(locator);
    struct stat status = {};
    (void)::fstat(object.get(), &status);
    (void)::pwrite(object.get(), other.data(), other.size(),
                   status.st_size - static_cast<off_t>(other.size()));
  };
  const auto cut = [this](const Locator& locator) {
    (void)::ftruncate(open_object(locator).get(), 4096 * 40);
  };
  for (const auto& attack :
       {std::function<void(const Locator&)>(overwrite), std::function<void(const Locator&)>(cut)}) {
    ForkedChild child = exposer(sealed(), attack);
    const Locator locator = Locator::parse(*child.read_line()).value();
    ASSERT_EQ(child.read_line(), "done");
    const auto view = pull(locator, Route::only("shm"));
    ASSERT_FALSE(view);
    EXPECT_TRUE(view.error().code == Errc::corrupted || view.error().code == Errc::denied ||
                view.error().code == Errc::source_changed)
        << view.error().message();
  }
}

TEST_F(Strangers, WhoCutTheirMemoryWhileItIsReadCauseAnErrorAndNoSignal) {
  ForkedChild child = exposer(sealed(), [this](const Locator& locator) {
    const core::Descriptor object = open_object(locator);
    struct stat status = {};
    (void)::fstat(object.get(), &status);
    for (int i = 0; i < 3000; ++i) {
      (void)::ftruncate(object.get(), 4096 * 40);
      (void)::ftruncate(object.get(), status.st_size);
    }
  });
  const Locator locator = Locator::parse(*child.read_line()).value();
  for (int i = 0; i < 30; ++i) {
    const auto view = pull(locator, Route::only("shm"));
    EXPECT_TRUE(!view || std::ranges::equal(view->bytes(), bytes_));
  }
  EXPECT_EQ(child.read_line(), "done");
}

}  // namespace
}  // namespace rgtp::test
