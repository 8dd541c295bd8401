#include "shm/opened_segment.h"

#include <cstring>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include "shm/os_faults.h"
#include "shm/segment_fixture.h"
#include "shm/unix_socket.h"
#include "support/forked_child.h"

namespace rgtp::shm {
namespace {

using test::ForkedChild;

class OpenedSegmentTest : public SegmentTest {
 protected:
  // A good segment's bytes under the name, whose owner is this process, to be damaged.
  Bytes take_object() {
    owner_ = Owner::of_this_process(directory_.path()).value();
    const Exposed exposed = expose();
    Bytes object = read_file(this->object());
    exposed.segment->withdraw();
    // As it was before.
    const auto finished = static_cast<std::uint32_t>(SurfaceState::finished);
    put(object, live_offset + offsetof(LivePart, state), finished);
    return object;
  }
  template <class T>
  static void put(Bytes& object, std::size_t offset, T value) {
    std::memcpy(object.data() + offset, &value, sizeof value);
  }

  std::shared_ptr<Owner> owner_;
};

TEST_F(OpenedSegmentTest, WhereNothingStandsThereIsNoSuchSurface) {
  expect_not_opened(Errc::unknown_surface, "no segment of this surface");
}

TEST_F(OpenedSegmentTest, ACopyOfASegmentWhoseOwnerLivesIsTakenByItsContentAlone) {
  write_file(object(), take_object());
  const auto opened = open();
  ASSERT_TRUE(opened) << opened.error().message();
  EXPECT_EQ(read_all(**opened), bytes_);
}

TEST_F(OpenedSegmentTest, APlantedFifoIsRefusedAtOnce) {
  ASSERT_EQ(::mkfifo(object().c_str(), 0600), 0);
  expect_not_opened(Errc::malformed_data, "no segment");
}

TEST_F(OpenedSegmentTest, APlantedDirectoryIsRefused) {
  fs::create_directory(object());
  expect_not_opened(Errc::malformed_data, "no segment");
}

TEST_F(OpenedSegmentTest, APlantedLinkIsRefusedEvenWhereItLeadsToASegment) {
  write_file(directory_ / "elsewhere", take_object());
  fs::create_symlink(directory_ / "elsewhere", object());
  expect_not_opened(Errc::malformed_data, "no segment");
  fs::remove(object());
  fs::create_symlink(directory_ / "nowhere", object());
  expect_not_opened(Errc::malformed_data, "no segment");
}

TEST_F(OpenedSegmentTest, ASecondNameOfAnObjectIsRefused) {
  const Exposed exposed = expose();
  ASSERT_TRUE(open());
  fs::create_hard_link(object(), directory_ / "second");
  expect_not_opened(Errc::malformed_data, "no segment");
  fs::remove(directory_ / "second");
  EXPECT_TRUE(open());
}

TEST_F(OpenedSegmentTest, ASocketIsLeftToWhoeverAsksAtIt) {
  const Descriptor socket = unix_socket();
  ASSERT_EQ(bind_to(socket, object()), 0);
  const auto opened = open();
  ASSERT_TRUE(opened) << opened.error().message();
  EXPECT_EQ(*opened, nullptr);
}

TEST_F(OpenedSegmentTest, APlantedDeviceIsRefused) {
  if (::mknod(object().c_str(), S_IFCHR | 0600, ::makedev(1, 5)) != 0)
    GTEST_SKIP() << "devices cannot be made here";
  // A file system without devices refuses it before we do.
  const Errc code = open().error().code;
  EXPECT_TRUE(code == Errc::malformed_data || code == Errc::denied) << to_string(code);
}

TEST_F(OpenedSegmentTest, AnEmptyFileAndGarbageAreMalformed) {
  for (const std::size_t size : {0U, 1U, 31U, 32U, 512U, 768U, 4096U, 20'000U}) {
    write_file(object(), pattern(size, 5));
    expect_not_opened(Errc::malformed_data, "");
    write_file(object(), Bytes(size));
    expect_not_opened(Errc::malformed_data, "");
  }
}

TEST_F(OpenedSegmentTest, AHalfMadeOneIsMalformed) {
  Bytes half = take_object();
  put(half, 0, std::uint64_t{0});
  write_file(object(), half);
  expect_not_opened(Errc::malformed_data, "no segment");
}

TEST_F(OpenedSegmentTest, OneOfAnotherLengthThanItsHeaderSaysIsMalformed) {
  const Bytes good = take_object();
  for (const std::size_t size : {std::size_t{100}, std::size_t{512}, std::size_t{800}, std::size_t{4096},
                                 good.size() - 1, good.size() + 1}) {
    Bytes cut = good;
    cut.resize(size);
    write_file(object(), cut);
    expect_not_opened(Errc::malformed_data, "");
  }
}

TEST_F(OpenedSegmentTest, AnotherSurfacesSegmentUnderTheNameIsMalformed) {
  const Bytes object = take_object();
  const SurfaceId other = SurfaceId::random();
  write_file(directory_ / segment_name(other), object);
  expect_error(OpenedSegment::open(directory_.path(), other, Trust()), Errc::malformed_data,
               "another surface's");
}

TEST_F(OpenedSegmentTest, ANewerLayoutIsUnsupported) {
  Bytes newer = take_object();
  put(newer, 8, std::uint32_t{2});
  write_file(object(), newer);
  expect_not_opened(Errc::unsupported_version, "update");
}

TEST_F(OpenedSegmentTest, AStateThatCannotBeIsMalformed) {
  Bytes bad = take_object();
  for (const std::uint32_t state : {0U, 5U, 0xffff'ffffU}) {
    put(bad, live_offset + offsetof(LivePart, state), state);
    write_file(object(), bad);
    expect_not_opened(Errc::malformed_data, "state");
  }
}

TEST_F(OpenedSegmentTest, AFinalSizeThatCannotBeIsMalformedWhereItIsFinished) {
  Manifest manifest = manifest_;
  manifest.size_pending = true;
  owner_ = Owner::of_this_process(directory_.path()).value();
  Bytes bad;
  {
    Exposed exposed = begin(manifest);
    for (std::uint32_t chunk = 0; chunk < 4; ++chunk) exposed.publish(chunk, bytes_);
    exposed.store->set_final_size(bytes_.size());
    exposed.store->end(SurfaceState::finished);
    bad = read_file(object());
  }
  write_file(object(), bad);
  ASSERT_TRUE(open());
  for (const std::uint64_t size : {unknown_size, manifest.size + 1, unknown_size - 1}) {
    put(bad, live_offset + offsetof(LivePart, final_size), size);
    write_file(object(), bad);
    expect_not_opened(Errc::malformed_data, "size");
  }
}

// What a broker handed over, which is sealed as it should be, or not.
class HandedOver : public OpenedSegmentTest {
 protected:
  static constexpr int all = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;

  Result<std::shared_ptr<OpenedSegment>> take(const Bytes& object, int seals = all,
                                              uid_t user = ::geteuid()) const {
    Descriptor memory(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    EXPECT_EQ(::write(memory.get(), object.data(), object.size()), static_cast<ssize_t>(object.size()));
    EXPECT_EQ(::fcntl(memory.get(), F_ADD_SEALS, seals), 0);
    return OpenedSegment::take(std::move(memory), user, directory_.path(), manifest_.id);
  }
};

TEST_F(HandedOver, IsTakenWhereNobodyCanChangeItAnyMore) {
  const Bytes good = take_object();
  for (const int seals : {all, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE}) {
    const auto taken = take(good, seals);
    ASSERT_TRUE(taken) << taken.error().message();
    EXPECT_EQ(read_all(**taken), bytes_);
    // Who mapped it for writing before the other seal still writes.
    EXPECT_EQ((*taken)->region().is_unchangeable(), seals == all);
  }
  for (const int seals : {0, F_SEAL_SHRINK | F_SEAL_GROW, F_SEAL_SHRINK | F_SEAL_WRITE,
                          F_SEAL_GROW | F_SEAL_WRITE, F_SEAL_WRITE | F_SEAL_SEAL})
    expect_error(take(good, seals), Errc::malformed_data, "could still be changed");
  expect_error(take(good, all, ::geteuid() + 1), Errc::malformed_data, "not this surface's");
  expect_error(OpenedSegment::take(Descriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC)), ::geteuid(),
                                   directory_.path(), manifest_.id),
               Errc::malformed_data, "could still be changed");
}

TEST_F(HandedOver, IsNotTakenWithADamagedHeader) {
  const Bytes good = take_object();
  for (std::size_t at = 0; at < fixed_bytes; ++at) {
    Bytes bad = good;
    bad[at] ^= std::byte{0x41};
    const auto taken = take(bad);
    ASSERT_FALSE(taken) << "byte " << at;
    EXPECT_TRUE(taken.error().code == Errc::malformed_data || taken.error().code == Errc::unsupported_version)
        << at << ": " << taken.error().message();
  }
  Bytes newer = good;
  put(newer, 8, std::uint32_t{2});
  expect_error(take(newer), Errc::unsupported_version, "update");
  Bytes half = good;
  put(half, 0, std::uint64_t{0});
  expect_error(take(half), Errc::malformed_data, "");
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{100}, std::size_t{600}, good.size() - 1, good.size() + 1}) {
    Bytes cut = good;
    cut.resize(size);
    expect_error(take(cut), Errc::malformed_data, "");
  }
  Bytes bad_state = good;
  put(bad_state, live_offset + offsetof(LivePart, state), std::uint32_t{9});
  expect_error(take(bad_state), Errc::malformed_data, "state");
}

TEST_F(HandedOver, IsNoFileThatItsHeaderNames) {
  const Bytes good = take_object();
  const TemporaryDirectory files;
  write_file(files / "in", bytes_);
  const SegmentHeader header{.kind = RegionKind::file,
                             .owner = owner_->id(),
                             .manifest = manifest_,
                             .file = {.path = files / "in", .stamp = stamp_of(status_of(files / "in"))}};
  Bytes object(header.layout().object_bytes);
  std::array<std::byte, path_offset + max_path_bytes> encoded{};
  ASSERT_TRUE(encode_segment_header(header, encoded));
  std::copy_n(encoded.begin(), std::min(encoded.size(), object.size()), object.begin());
  put(object, 0, segment_magic);
  put(object, live_offset + offsetof(LivePart, state), static_cast<std::uint32_t>(SurfaceState::finished));
  put(object, live_offset + offsetof(LivePart, published), manifest_.chunk_count());
  put(object, live_offset + offsetof(LivePart, final_size), manifest_.size);
  expect_error(take(object), Errc::malformed_data, "not this surface's");
}

TEST_F(OpenedSegmentTest, BitsBehindTheLastChunkSayNothingAndFewerChunksAreNotAll) {
  const Bytes good = take_object();
  Bytes object = good;
  const auto layout = parse_segment_header(good, good.size()).value().layout();
  put(object, layout.bitmap_offset, ~std::uint64_t{0});
  write_file(this->object(), object);
  auto opened = open().value();
  EXPECT_TRUE(opened->was_finished());
  EXPECT_EQ(read_all(*opened), bytes_);
  EXPECT_EQ(opened->has_word(0), (std::uint64_t{1} << manifest_.chunk_count()) - 1);
  put(object, live_offset + offsetof(LivePart, published), manifest_.chunk_count() - 1);
  write_file(this->object(), object);
  EXPECT_FALSE(open().value()->was_finished());
}

TEST_F(OpenedSegmentTest, IsCopiedFromInsideTheKernel) {
  const Exposed exposed = expose();
  const auto ran = is_copied_inside_the_kernel(*open().value(), directory_.path());
  if (!ran) GTEST_SKIP() << "no seccomp filters here";
  EXPECT_TRUE(*ran);
}

TEST_F(OpenedSegmentTest, ADeniedObjectIsDenied) {
  const Exposed exposed = expose();
  ::chmod(object().c_str(), 0);
  const bool ran = on_a_thread_without_capabilities([&] { expect_not_opened(Errc::denied, "does not let"); });
  if (!ran) GTEST_SKIP() << "capabilities cannot be dropped here";
}

TEST_F(OpenedSegmentTest, ADeadOwnersIsNotOfferedAndWhoeverOpenedItKeepsTheBytes) {
  ForkedChild child([&](const ForkedChild::Parent& parent) {
    const Exposed exposed = expose();
    parent.tell("exposed");
    parent.wait_to_be_killed();
  });
  ASSERT_TRUE(child.read_line());
  const auto opened = open();
  ASSERT_TRUE(opened) << opened.error().message();
  EXPECT_TRUE((*opened)->has_owner());
  child.kill();
  EXPECT_FALSE((*opened)->has_owner());
  expect_error((*opened)->check_offered(), Errc::exposer_gone, "has ended");
  expect_not_opened(Errc::exposer_gone, "has ended");
  EXPECT_TRUE(std::ranges::equal((*opened)->mapped(), bytes_));
  EXPECT_EQ(read_all(**opened), bytes_);
}

TEST_F(OpenedSegmentTest, WithoutItsLockFileItIsNotOfferedToNewPullersAlone) {
  const Exposed exposed = expose();
  const auto opened = open().value();
  for (const std::string& name : names())
    if (owner_of_file_name(name)) fs::remove(directory_ / name);
  expect_not_opened(Errc::exposer_gone, "has ended");
  EXPECT_TRUE(opened->check_offered());
}

TEST_F(OpenedSegmentTest, AnotherUsersIsTakenOnlyWhereThatUserIsNamed) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give objects away";
  constexpr uid_t stranger = 12'345;
  const Exposed exposed = expose();
  ASSERT_EQ(::chown(object().c_str(), stranger, 0), 0);
  expect_not_opened(Errc::denied, "user 12345");
  expect_not_opened(Errc::denied, "user 12345", Trust({stranger + 1}));
  // Its lock file has to be that user's too.
  expect_not_opened(Errc::exposer_gone, "has ended", Trust({stranger}));
  for (const std::string& name : names())
    if (owner_of_file_name(name)) {
      ASSERT_EQ(::chown((directory_ / name).c_str(), stranger, 0), 0);
    }
  const auto opened = open(Trust({stranger + 1, stranger}));
  ASSERT_TRUE(opened) << opened.error().message();
  EXPECT_EQ(read_all(**opened), bytes_);
  expect_not_opened(Errc::denied, "user 12345");
}

TEST_F(OpenedSegmentTest, WhatIsCutShortUnderAReaderIsAnErrorAndNoSignal) {
  const Exposed exposed = expose();
  const auto opened = open().value();
  ASSERT_TRUE(opened->is_whole());
  Bytes chunk(4096 + Manifest::tag_bytes);
  fs::resize_file(object(), 4096 + 8192);
  EXPECT_FALSE(opened->is_whole());
  EXPECT_EQ(opened->read(ChunkIndex{0}, 0, chunk, ReadMode::may_block), ReadStatus::done);
  for (const ReadMode mode : {ReadMode::may_block, ReadMode::cached_only})
    expect_error(opened->read(ChunkIndex{2}, 0, chunk, mode), Errc::source_changed, "cut short");
  fs::resize_file(object(), 0);
  expect_error(opened->read(ChunkIndex{0}, 0, chunk, ReadMode::may_block), Errc::source_changed, "cut short");
  expect_error(opened->read(ChunkIndex{0}, 4096, std::span(chunk).first(16), ReadMode::may_block),
               Errc::source_changed, "cut short");
  fs::resize_file(object(), 100'000);  // exposed is withdrawn through its own mapping
}

TEST_F(OpenedSegmentTest, ReadsWholeChunksWithTheirTrailersFromAnyOffset) {
  const Exposed exposed = expose();
  const auto opened = open().value();
  for (const std::uint32_t chunk : {0U, 3U}) {
    const std::uint32_t length = manifest_.length_of(ChunkIndex{chunk});
    Bytes expected(length + 64);
    ASSERT_EQ(exposed.store->read(ChunkIndex{chunk}, 0, expected, ReadMode::may_block), ReadStatus::done);
    for (const std::uint32_t from : {0U, 1U, length - 1, length, length + 1, length + 16, length + 40})
      for (const std::uint32_t end :
           {length - 1, length, length + 5, length + 16, length + 17, length + 64}) {
        if (end < from) continue;
        Bytes out(end - from, std::byte{0xee});
        ASSERT_EQ(opened->read(ChunkIndex{chunk}, from, out, ReadMode::may_block), ReadStatus::done);
        EXPECT_TRUE(std::ranges::equal(out, std::span(expected).subspan(from, end - from)))
            << chunk << ": " << from << " to " << end;
      }
  }
}

TEST_F(OpenedSegmentTest, ReadsTheSameWithoutItsDescriptors) {
  const Exposed exposed = expose();
  const auto opened = open().value();
  opened->close_descriptors();
  EXPECT_EQ(read_all(*opened), bytes_);
}

TEST_F(OpenedSegmentTest, IsNotWrittenTo) {
  const Exposed exposed = expose();
  const auto opened = open().value();
  EXPECT_TRUE(const_cast<Region&>(opened->region()).writable().empty());
  expect_error(const_cast<Region&>(opened->region()).write(0, pattern(1)), Errc::invalid_argument, "");
}

TEST_F(OpenedSegmentTest, LeavesNoDescriptorBehind) {
  const auto descriptors = [] { return std::distance(fs::directory_iterator("/proc/self/fd"), {}); };
  const Exposed exposed = expose();
  const auto before = descriptors();
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(open());
    ASSERT_FALSE(OpenedSegment::open(directory_.path(), SurfaceId::random(), Trust()));
  }
  EXPECT_EQ(descriptors(), before);
}

}  // namespace
}  // namespace rgtp::shm
