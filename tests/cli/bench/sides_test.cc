// The two sides of a transfer, and what they make of bytes that are not those that were exposed.
#include <algorithm>
#include <filesystem>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rgtp/locator.h>

#include "cli/bench/library_sides.h"
#include "cli/bench/side.h"
#include "core/descriptor.h"
#include "shm/segment_layout.h"

namespace rgtp::cli::bench {
namespace {

constexpr std::uint64_t size = 300'000;

class LibrarySides : public testing::Test {
 protected:
  Result<Pulled> pull(const std::string& route, const Content& expected, std::uint64_t times = 1,
                      Into into = Into::view) const {
    return parse_pulled(library_pulling_side(route, into)(ask_to_pull(offered_, expected, times)));
  }
  // As another program of this user's could.
  void flip_last_byte() const {
    const auto id = Locator::parse(offered_.where)->id();
    const core::Descriptor segment(
        ::open(("/dev/shm/" + shm::segment_name(*id)).c_str(), O_RDWR | O_CLOEXEC));
    struct stat status = {};
    ASSERT_EQ(::fstat(segment.get(), &status), 0);
    char byte = 0;
    ASSERT_EQ(::pread(segment.get(), &byte, 1, status.st_size - 1), 1);
    byte ^= 1;
    ASSERT_EQ(::pwrite(segment.get(), &byte, 1, status.st_size - 1), 1);
  }

  const Content content_ = Content::make(size).value();
  const Party::Answer exposer_ = library_exposing_side();
  const Offered offered_ = parse_offered(exposer_(ask_to_expose(content_, "127.0.0.1"))).value();
};

TEST_F(LibrarySides, PullTheSameBytesByEitherRoute) {
  for (const char* route : {"shm", "udp"}) {
    const auto pulled = pull(route, content_, 3);
    ASSERT_TRUE(pulled) << route << ": " << pulled.error().message();
    ASSERT_EQ(pulled->transfers.size(), 3U);
    for (const Transfer& transfer : pulled->transfers) {
      EXPECT_GT(transfer.first_byte_s, 0);
      EXPECT_GE(transfer.last_byte_s, transfer.first_byte_s);
    }
    EXPECT_GT(pulled->cost.peak_bytes, 0U);
  }
  const auto exposing = parse_exposing_cost(exposer_(ask_for_cost()));
  ASSERT_TRUE(exposing);
  EXPECT_GT(exposing->traffic.datagrams.value_or(0), 3 * size / 65'536) << "of three pulls by packets";
}

TEST_F(LibrarySides, PullIntoFilesThatAreGoneAfterwards) {
  for (const char* route : {"shm", "udp"}) {
    const auto pulled = pull(route, content_, 2, Into::file);
    ASSERT_TRUE(pulled) << route << ": " << pulled.error().message();
    EXPECT_EQ(pulled->transfers.size(), 2U);
  }
  EXPECT_FALSE(std::filesystem::exists("/dev/shm/rgtp-bench-" + std::to_string(::getpid())));
}

TEST_F(LibrarySides, FailByEitherRouteWhereAByteIsAnother) {
  flip_last_byte();
  for (const char* route : {"shm", "udp"}) {
    for (const Into into : {Into::view, Into::file}) {
      const auto pulled = pull(route, content_, 1, into);
      ASSERT_FALSE(pulled) << route;
      EXPECT_FALSE(pulled.error().text.empty());
    }
  }
}

TEST_F(LibrarySides, FailWhereTheDigestIsAnother) {
  // Of one byte less, and so many are too many.
  const Content other = Content::make(size - 1).value();
  for (const char* route : {"shm", "udp"}) {
    const auto pulled = pull(route, other);
    ASSERT_FALSE(pulled) << route;
    EXPECT_NE(pulled.error().text.find("bytes came"), std::string::npos) << pulled.error().text;
  }
}

// A way that is given what it is to bring.
class Bringing : public Pulling {
 public:
  explicit Bringing(std::vector<std::byte> bytes) : bytes_(std::move(bytes)) {}

  Result<void> pull(const std::string&, std::uint64_t, Consumer& consumer) override {
    consumer.take(std::span(bytes_).first(bytes_.size() / 2));
    consumer.take(std::span(bytes_).subspan(bytes_.size() / 2));
    return {};
  }

 private:
  const std::vector<std::byte> bytes_;
};

class AnyWay : public testing::Test {
 protected:
  Result<Pulled> pull() const {
    const auto side = pulling_side(
        [this]() -> Result<std::unique_ptr<Pulling>> { return std::make_unique<Bringing>(bytes_); });
    return parse_pulled(side(ask_to_pull({.where = "here", .took_s = 0}, content_, 2)));
  }

  const Content content_ = Content::make(5'000).value();
  std::vector<std::byte> bytes_ = [this] {
    const auto mapped = MappedContent::open(content_.path(), content_.size()).value();
    return std::vector(mapped.bytes().begin(), mapped.bytes().end());
  }();
};

TEST_F(AnyWay, IsMeasuredWhereItBringsTheContent) {
  const auto pulled = pull();
  ASSERT_TRUE(pulled) << pulled.error().text;
  EXPECT_EQ(pulled->transfers.size(), 2U);
}

TEST_F(AnyWay, FailsWhereOneBitIsAnother) {
  for (const std::size_t at : {std::size_t{0}, bytes_.size() / 2, bytes_.size() - 1}) {
    bytes_[at] ^= std::byte{0x10};
    EXPECT_FALSE(pull()) << at;
    bytes_[at] ^= std::byte{0x10};
  }
}

TEST_F(AnyWay, FailsWhereBytesAreMissingOrTooMany) {
  bytes_.pop_back();
  EXPECT_FALSE(pull());
  bytes_.resize(5'001);
  EXPECT_FALSE(pull());
}

TEST_F(AnyWay, TellsWhatWasThrown) {
  const auto side =
      pulling_side([]() -> Result<std::unique_ptr<Pulling>> { throw std::runtime_error("no such thing"); });
  const auto pulled = parse_pulled(side(ask_to_pull({.where = "here", .took_s = 0}, content_, 1)));
  ASSERT_FALSE(pulled);
  EXPECT_EQ(pulled.error().text, "no such thing");
}

}  // namespace
}  // namespace rgtp::cli::bench
