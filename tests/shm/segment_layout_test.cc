#include "shm/segment_layout.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "core/digest.h"
#include "shm/file_bytes.h"
#include "support/surfaces.h"

namespace rgtp::shm {
namespace {

// Places from SEGMENT.md, where other programs would take them from.
constexpr std::size_t version_at = 8;
constexpr std::size_t owner_at = 16;
constexpr std::size_t kind_at = 32;
constexpr std::size_t object_bytes_at = 40;
constexpr std::size_t bitmap_at = 48;
constexpr std::size_t trailers_at = 56;
constexpr std::size_t data_at = 64;
constexpr std::size_t checksum_at = 72;
constexpr std::size_t manifest_at = 80;
constexpr std::size_t stamp_at = 384;
constexpr std::size_t path_length_at = 424;
constexpr std::size_t path_at = 768;

SurfaceId id_from(unsigned first) {
  SurfaceId id;
  for (std::byte& byte : id.bytes) byte = static_cast<std::byte>(first++);
  return id;
}

SegmentHeader inline_header(std::uint64_t size, std::uint32_t chunk_bytes = 4096) {
  SegmentHeader header;
  header.owner = OwnerId{id_from(100).bytes};
  header.manifest = test::manifest_of(size, chunk_bytes);
  header.manifest.id = id_from(0);
  return header;
}

SegmentHeader growing_header(std::uint64_t capacity) {
  SegmentHeader header = inline_header(capacity);
  header.manifest.size_pending = true;
  return header;
}

SegmentHeader file_header(std::uint64_t size, const std::string& path) {
  SegmentHeader header = inline_header(size);
  header.kind = RegionKind::file;
  header.file = {.path = path,
                 .stamp = {.device = 0x1112131415161718,
                           .inode = 0x2122232425262728,
                           .size = size,
                           .mtime_ns = 0x3132333435363738,
                           .ctime_ns = -5}};
  return header;
}

// An object's beginning with its true length; what stands behind the header are zeros.
struct Object {
  Bytes bytes;
  std::uint64_t length = 0;

  explicit Object(const SegmentHeader& header)
      : bytes(path_offset + max_path_bytes), length(header.layout().object_bytes) {
    EXPECT_TRUE(encode_segment_header(header, bytes));
    put(0, segment_magic);
  }
  template <class T>
  T get(std::size_t offset) const {
    T value;
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
  }
  template <class T>
  Object& put(std::size_t offset, T value) {
    std::memcpy(bytes.data() + offset, &value, sizeof value);
    return *this;
  }
  // As a hostile writer, who can compute it too.
  Object& with_checksum() {
    Bytes covered(bytes.begin(), bytes.begin() + fixed_bytes);
    std::fill_n(covered.begin(), 8, std::byte{0});
    std::fill_n(covered.begin() + checksum_at, 8, std::byte{0});
    const auto path_length = std::min<std::size_t>(get<std::uint32_t>(path_length_at), max_path_bytes);
    covered.insert(covered.end(), bytes.begin() + path_at,
                   bytes.begin() + static_cast<std::ptrdiff_t>(path_at + path_length));
    return put(checksum_at, core::checksum64(covered));
  }
  Result<SegmentHeader> parsed() const { return parse_segment_header(bytes, length); }
};

void expect_same(const SegmentHeader& parsed, const SegmentHeader& header) {
  EXPECT_EQ(parsed.kind, header.kind);
  EXPECT_EQ(parsed.owner, header.owner);
  EXPECT_EQ(parsed.manifest, header.manifest);
  EXPECT_EQ(parsed.file.path, header.file.path);
  EXPECT_EQ(parsed.file.stamp, header.file.stamp);
  EXPECT_EQ(parsed.layout(), header.layout());
}

std::string longest_path() { return "/" + std::string(max_path_bytes - 1, 'p'); }

TEST(SegmentLayout, SaysTheSameAfterEncodingAndParsing) {
  for (const SegmentHeader& header :
       {inline_header(0), inline_header(1), inline_header(4096), inline_header(3'000'000),
        inline_header(Manifest::max_size, Manifest::max_chunk_bytes), growing_header(0), growing_header(1),
        growing_header(5 * 4096 + 1), file_header(0, "/a"), file_header(123'456, "/tmp/some file"),
        file_header(77, longest_path())}) {
    const Object object(header);
    const auto parsed = object.parsed();
    ASSERT_TRUE(parsed) << parsed.error().message() << ", " << header.manifest.size << " bytes";
    expect_same(*parsed, header);
  }
}

TEST(SegmentLayout, ParsesWhatIsCutBehindThePath) {
  // A segment may be shorter than the most that a path takes.
  const SegmentHeader header = file_header(5, "/abc");
  const Object object(header);
  const auto parsed = parse_segment_header(std::span(object.bytes).first(path_at + 4), object.length);
  ASSERT_TRUE(parsed);
  expect_same(*parsed, header);
}

TEST(SegmentLayout, HasEachFieldWhereTheDocumentSays) {
  SegmentHeader header = file_header(10'000, "/data/x");
  const Object object(header);
  EXPECT_EQ(std::memcmp(object.bytes.data(), "rgtpshm1", 8), 0);
  EXPECT_EQ(object.get<std::uint32_t>(version_at), 1U);
  EXPECT_EQ(object.get<std::uint32_t>(12), 0U);
  EXPECT_EQ(std::memcmp(object.bytes.data() + owner_at, header.owner.bytes.data(), 16), 0);
  EXPECT_EQ(object.get<std::uint8_t>(kind_at), 2);
  // A path of 7 bytes ends at 775: bitmap at 832, one word; trailers of three chunks at 896; data on a page.
  EXPECT_EQ(object.get<std::uint64_t>(bitmap_at), 832U);
  EXPECT_EQ(object.get<std::uint64_t>(trailers_at), 896U);
  EXPECT_EQ(object.get<std::uint64_t>(data_at), 4096U);
  EXPECT_EQ(object.get<std::uint64_t>(object_bytes_at), 4096U);
  // The manifest as in datagrams: format, protection, suite, log2 of the chunk size, ..., size, id.
  EXPECT_EQ(object.get<std::uint8_t>(manifest_at), 1);
  EXPECT_EQ(object.get<std::uint8_t>(manifest_at + 3), 12);
  EXPECT_EQ(object.get<std::uint64_t>(manifest_at + 8), 10'000U);
  EXPECT_EQ(std::memcmp(object.bytes.data() + manifest_at + 16, header.manifest.id.bytes.data(), 16), 0);
  EXPECT_EQ(object.get<std::uint64_t>(stamp_at), 0x1112131415161718U);
  EXPECT_EQ(object.get<std::uint64_t>(stamp_at + 8), 0x2122232425262728U);
  EXPECT_EQ(object.get<std::uint64_t>(stamp_at + 16), 10'000U);
  EXPECT_EQ(object.get<std::uint64_t>(stamp_at + 24), 0x3132333435363738U);
  EXPECT_EQ(object.get<std::int64_t>(stamp_at + 32), -5);
  EXPECT_EQ(object.get<std::uint32_t>(path_length_at), 7U);
  EXPECT_EQ(std::memcmp(object.bytes.data() + path_at, "/data/x", 7), 0);
  const auto zeros = std::span(object.bytes).subspan(428, path_at - 428);
  EXPECT_TRUE(std::ranges::all_of(zeros, [](std::byte byte) { return byte == std::byte{0}; }));
  EXPECT_EQ(Object(object).with_checksum().bytes, object.bytes);
}

TEST(SegmentLayout, PutsDataOnPagesAndMuchOfItOnHugeOnes) {
  const auto below = inline_header(2 * 1024 * 1024 - 1, 65'536).layout();
  EXPECT_EQ(below.bitmap_offset, 768U);
  EXPECT_EQ(below.bitmap_bytes, 8U);
  EXPECT_EQ(below.trailers_offset, 832U);
  EXPECT_EQ(below.trailers_bytes, 32U * 16U);
  EXPECT_EQ(below.data_offset, 4096U);
  EXPECT_EQ(below.object_bytes, 4096U + 2 * 1024 * 1024 - 1);
  const auto from = inline_header(2 * 1024 * 1024, 65'536).layout();
  EXPECT_EQ(from.data_offset, 2U * 1024 * 1024);
  EXPECT_EQ(from.object_bytes, 4U * 1024 * 1024);
  // Under a capacity every chunk is stored at its full length.
  EXPECT_EQ(growing_header(4097).layout().data_bytes, 2U * 4096);
  EXPECT_EQ(inline_header(0).layout().object_bytes, 4096U);
}

TEST(SegmentLayout, SaysWhetherItIsPersistent) {
  for (const bool persistent : {false, true}) {
    SegmentHeader header = inline_header(10);
    header.persistent = persistent;
    const Object object(header);
    EXPECT_EQ(object.get<std::uint8_t>(kind_at + 1), persistent ? 1 : 0);
    EXPECT_EQ(object.parsed().value().persistent, persistent);
  }
}

TEST(SegmentLayout, ALongPathThatDoesNotFitIsNotEncoded) {
  Bytes out(path_offset + max_path_bytes);
  const auto encoded = encode_segment_header(file_header(1, longest_path() + "p"), out);
  expect_error(encoded, Errc::invalid_argument, "4,096");
}

TEST(SegmentLayout, EverySingleDamagedByteIsNoticed) {
  for (const SegmentHeader& header : {inline_header(10'000), file_header(10'000, "/some/where")}) {
    const Object good(header);
    const std::size_t path_end = path_at + header.file.path.native().size();
    for (std::size_t at = 0; at < path_end; ++at) {
      if (at == fixed_bytes) at = path_at;  // between them is the live part, which changes by itself
      if (at == path_end) break;
      for (const unsigned damage : {0x01U, 0x80U, 0xffU}) {
        Object object = good;
        object.bytes[at] ^= static_cast<std::byte>(damage);
        ASSERT_FALSE(object.parsed()) << "byte " << at << " damaged by " << damage;
      }
    }
  }
}

TEST(SegmentLayout, AnObjectThatIsCutShortAnywhereIsNotTaken) {
  for (const SegmentHeader& header : {inline_header(10'000), file_header(10'000, "/some/where")}) {
    const Object object(header);
    const std::size_t needed = path_at + header.file.path.native().size();
    for (std::size_t length = 0; length < needed; ++length)
      ASSERT_FALSE(parse_segment_header(std::span(object.bytes).first(length), object.length)) << length;
    for (const std::uint64_t length : {std::uint64_t{0}, object.length - 1, object.length + 1, whole})
      expect_error(parse_segment_header(object.bytes, length), Errc::malformed_data,
                   "bytes where its header says");
  }
}

template <class T>
struct Hostile {
  std::size_t at;
  T value;
};

template <class T>
void expect_refused(const SegmentHeader& header, std::initializer_list<Hostile<T>> fields) {
  for (const Hostile<T>& field : fields) {
    Object object(header);
    ASSERT_NE(object.get<T>(field.at), field.value) << "says nothing: byte " << field.at;
    const auto parsed = object.put(field.at, field.value).with_checksum().parsed();
    ASSERT_FALSE(parsed) << "byte " << field.at << " as " << std::uint64_t{field.value};
    // A manifest says itself what is wrong with it.
    const bool in_manifest = field.at >= manifest_at && field.at < stamp_at;
    if (!in_manifest) {
      EXPECT_EQ(parsed.error().code, Errc::malformed_data) << "byte " << field.at;
    }
  }
}

TEST(SegmentLayout, HostileOffsetsUnderARightChecksumAreRefused) {
  for (const SegmentHeader& header : {inline_header(10'000), file_header(10'000, "/some/where")}) {
    for (const std::size_t at : {object_bytes_at, bitmap_at, trailers_at, data_at}) {
      const auto stated = Object(header).get<std::uint64_t>(at);
      for (const std::uint64_t value : {std::uint64_t{0}, stated - 1, stated + 1, stated + 64, stated + 4096,
                                        std::uint64_t{1} << 63, whole - 4095, whole})
        expect_refused<std::uint64_t>(header, {{at, value}});
    }
  }
}

TEST(SegmentLayout, AnOffsetIsNotTakenEvenWhereTheObjectIsAsLongAsItSays) {
  const SegmentHeader header = inline_header(10'000);
  for (const std::uint64_t more : {std::uint64_t{1}, std::uint64_t{4096}}) {
    Object object(header);
    object.length += more;
    object.put(object_bytes_at, object.length).with_checksum();
    expect_error(object.parsed(), Errc::malformed_data, "offsets");
  }
}

TEST(SegmentLayout, HostileKindsFlagsAndFillingAreRefused) {
  for (const std::uint8_t flags : std::initializer_list<std::uint8_t>{2, 4, 0x80, 0xff})
    expect_refused<std::uint8_t>(inline_header(10), {{kind_at + 1, flags}});
  expect_refused<std::uint8_t>(inline_header(10), {{kind_at, 0}, {kind_at, 2}, {kind_at, 3}, {kind_at, 255}});
  expect_refused<std::uint8_t>(file_header(10, "/x"), {{kind_at, 0}, {kind_at, 1}, {kind_at, 3}});
  for (const std::size_t zero :
       {std::size_t{12}, std::size_t{15}, kind_at + 2, kind_at + 7, std::size_t{428}, fixed_bytes - 1})
    expect_refused<std::uint8_t>(inline_header(10), {{zero, 1}});
  // An inline segment has no file.
  for (std::size_t at = stamp_at; at < stamp_at + 40; at += 8)
    expect_refused<std::uint64_t>(inline_header(10), {{at, 1}});
}

TEST(SegmentLayout, HostileManifestsUnderARightChecksumAreRefused) {
  const SegmentHeader header = inline_header(10'000);
  expect_refused<std::uint8_t>(header, {{manifest_at, 0},       // format
                                        {manifest_at, 2},       //
                                        {manifest_at + 1, 9},   // protection
                                        {manifest_at + 3, 11},  // chunks below 4 KiB
                                        {manifest_at + 3, 25},  // and above 16 MiB
                                        {manifest_at + 3, 255},
                                        {manifest_at + 7, 1},     // unknown flag
                                        {manifest_at + 40, 1}});  // a tag without a seal
  expect_refused<std::uint16_t>(header, {{manifest_at + 4, 0}, {manifest_at + 4, 0xffff}});
  expect_refused<std::uint64_t>(
      header,
      {{manifest_at + 8, whole}, {manifest_at + 8, Manifest::max_size + 1}, {manifest_at + 8, 9'999}});
}

TEST(SegmentLayout, AFileOfAnotherSizeOrStillGrowingIsRefused) {
  const SegmentHeader header = file_header(10'000, "/x");
  expect_refused<std::uint64_t>(header, {{stamp_at + 16, 9'999}, {stamp_at + 16, 10'001}});
  expect_refused<std::uint16_t>(header, {{manifest_at + 6, 1}});
}

TEST(SegmentLayout, HostilePathsAreRefused) {
  const auto with_path = [](std::string_view path) {
    Object object(file_header(10, "/some/where"));
    std::memcpy(object.bytes.data() + path_at, path.data(), path.size());
    return object.with_checksum().parsed();
  };
  ASSERT_TRUE(with_path("/some/where"));
  expect_error(with_path("some//where"), Errc::malformed_data, "absolute path");
  expect_error(with_path(std::string_view("\0some/where", 11)), Errc::malformed_data, "absolute path");
  expect_error(with_path(std::string_view("/some\0where", 11)), Errc::malformed_data, "absolute path");
  expect_error(with_path(std::string_view("/some/wher\0", 11)), Errc::malformed_data, "absolute path");
}

TEST(SegmentLayout, APathLengthBeyondTheObjectOrTheLimitIsRefused) {
  const SegmentHeader header = file_header(10, "/some/where");
  expect_refused<std::uint32_t>(header, {{path_length_at, 0},
                                         {path_length_at, 12},
                                         {path_length_at, max_path_bytes + 1},
                                         {path_length_at, 0x7fff'ffff},
                                         {path_length_at, 0xffff'ffff}});
  expect_refused<std::uint32_t>(inline_header(10), {{path_length_at, 1}, {path_length_at, 0xffff'ffff}});
  // Within the limit, but behind what was read of the object.
  const Object object(header);
  EXPECT_FALSE(parse_segment_header(std::span(object.bytes).first(path_at + 10), object.length));
}

TEST(SegmentLayout, ANewerVersionIsUnsupportedAndAnOlderOneMalformed) {
  Object object(inline_header(10));
  for (const std::uint32_t version : {2U, 3U, 0xffff'ffffU}) {
    expect_error(object.put(version_at, version).parsed(), Errc::unsupported_version, "update");
    // Whatever else stands there: its checksum may be elsewhere.
    EXPECT_EQ(parse_segment_header(std::span(object.bytes).first(segment_prefix_bytes), segment_prefix_bytes)
                  .error()
                  .code,
              Errc::unsupported_version);
  }
  expect_error(object.put(version_at, std::uint32_t{0}).with_checksum().parsed(), Errc::malformed_data, "");
}

TEST(SegmentLayout, WithoutItsMagicItIsNoSegment) {
  Object object(inline_header(10));
  expect_error(object.put(0, std::uint64_t{0}).with_checksum().parsed(), Errc::malformed_data, "no segment");
  EXPECT_FALSE(parse_segment_prefix(object.bytes));
}

TEST(SegmentLayout, APrefixTellsWhoseASegmentOfAnyVersionIs) {
  const SegmentHeader header = inline_header(10);
  Object object(header);
  object.put(version_at, std::uint32_t{99});
  const auto prefix = parse_segment_prefix(std::span(object.bytes).first(segment_prefix_bytes));
  ASSERT_TRUE(prefix);
  EXPECT_EQ(prefix->version, 99U);
  EXPECT_EQ(prefix->owner, header.owner);
  for (std::size_t length = 0; length < segment_prefix_bytes; ++length)
    EXPECT_FALSE(parse_segment_prefix(std::span(object.bytes).first(length))) << length;
}

TEST(SegmentName, IsAHashThatDoesNotTellTheId) {
  const SurfaceId id = id_from(0);
  // SHA-256 of "rgtp segment" and the bytes 00 to 0f, its first half.
  EXPECT_EQ(segment_name(id), "rgtp-d299f418b456f1a0fd2491acf426f86c");
  for (int i = 0; i < 100; ++i) {
    const SurfaceId random = SurfaceId::random();
    const std::string name = segment_name(random);
    EXPECT_EQ(name.size(), 5U + 32U);
    EXPECT_EQ(name, segment_name(random));
    EXPECT_NE(name, segment_name(id));
    // No eight of its digits stand there either, in whatever place.
    for (std::size_t at = 0; at + 8 <= 32; ++at)
      EXPECT_EQ(name.find(random.to_hex().substr(at, 8)), std::string::npos);
    EXPECT_TRUE(is_segment_name(name));
  }
}

TEST(SegmentName, IsToldFromTheOtherNames) {
  for (const char* name : {"", "rgtp-", "rgtp-0", "rgtp-1000", "rgtp-owner-0123456789abcdef0123456789abcdef",
                           "rgtp-0123456789abcdef0123456789abcde", "rgtp-0123456789abcdef0123456789abcdef0",
                           "rgtp-0123456789abcdef0123456789abcdeg", "0123456789abcdef0123456789abcdef"})
    EXPECT_FALSE(is_segment_name(name)) << name;
}

TEST(OwnerIds, AreReadBackFromTheirDigitsAndNeverTheSame) {
  const OwnerId id = OwnerId::random();
  EXPECT_EQ(OwnerId::from_hex(id.to_hex()), id);
  EXPECT_NE(OwnerId::random(), id);
  EXPECT_FALSE(OwnerId::from_hex("0123"));
  EXPECT_FALSE(OwnerId::from_hex(id.to_hex() + "0"));
}

}  // namespace
}  // namespace rgtp::shm
