// What parse_segment_header() accepts has this one encoding, and offsets that fit the object. The first byte
// of the input chooses what is put right before: nothing, the magic and the checksum, or the offsets as well,
// so that what stands behind each check is reached.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "core/digest.h"
#include "fuzz/require.h"
#include "shm/segment_layout.h"

namespace {

using namespace rgtp::shm;

constexpr std::size_t object_bytes_at = 40;
constexpr std::size_t checksum_at = 72;
constexpr std::size_t path_length_at = 424;

using Object = std::array<std::byte, path_offset + max_path_bytes>;

template <class T>
T get(const Object& object, std::size_t offset) {
  T value;
  std::memcpy(&value, object.data() + offset, sizeof value);
  return value;
}
template <class T>
void put(Object& object, std::size_t offset, T value) {
  std::memcpy(object.data() + offset, &value, sizeof value);
}

std::size_t path_bytes_of(const Object& object) {
  return std::min<std::size_t>(get<std::uint32_t>(object, path_length_at), max_path_bytes);
}

void put_checksum(Object& object) {
  std::array<std::byte, fixed_bytes + max_path_bytes> covered{};
  std::copy_n(object.begin(), fixed_bytes, covered.begin());
  std::fill_n(covered.begin(), 8, std::byte{0});
  std::fill_n(covered.begin() + checksum_at, 8, std::byte{0});
  const std::size_t path_bytes = path_bytes_of(object);
  std::copy_n(object.begin() + path_offset, path_bytes, covered.begin() + fixed_bytes);
  put(object, checksum_at, rgtp::core::checksum64(std::span(covered).first(fixed_bytes + path_bytes)));
}

// As the manifest, where it is good, asks for them.
void put_offsets(Object& object) {
  const auto manifest = rgtp::core::parse_manifest(std::span(object).subspan(80, rgtp::core::manifest_bytes));
  if (!manifest) return;
  SegmentHeader header;
  header.kind = get<std::uint8_t>(object, 32) == 2 ? RegionKind::file : RegionKind::inline_bytes;
  header.manifest = *manifest;
  header.file.path = std::string(path_bytes_of(object), 'x');
  const SegmentLayout layout = header.layout();
  put(object, object_bytes_at, layout.object_bytes);
  put(object, 48, layout.bitmap_offset);
  put(object, 56, layout.trailers_offset);
  put(object, 64, layout.data_offset);
}

void require_layout_fits(const SegmentHeader& header, std::uint64_t object_bytes) {
  const SegmentLayout layout = header.layout();
  REQUIRE(layout.bitmap_offset >= path_offset + header.file.path.native().size());
  REQUIRE(layout.trailers_offset >= layout.bitmap_offset + layout.bitmap_bytes);
  REQUIRE(layout.data_offset >= layout.trailers_offset + layout.trailers_bytes);
  REQUIRE(layout.data_offset % 4096 == 0 && layout.bitmap_offset % 64 == 0 &&
          layout.trailers_offset % 64 == 0);
  REQUIRE(layout.data_offset + layout.data_bytes == object_bytes);
  REQUIRE(layout.bitmap_bytes * 8 >= header.manifest.chunk_count());
}

void parse_one(std::span<const std::byte> bytes, std::uint64_t object_bytes) {
  const auto prefix = parse_segment_prefix(bytes);
  const auto header = parse_segment_header(bytes, object_bytes);
  REQUIRE(!header || prefix);
  if (!prefix) return;
  REQUIRE(bytes.size() >= segment_prefix_bytes);
  REQUIRE(std::memcmp(prefix->owner.bytes.data(), bytes.data() + 16, 16) == 0);
  if (!header) return;
  REQUIRE(prefix->version == layout_version && prefix->owner == header->owner);
  REQUIRE(header->manifest.validate().has_value());
  require_layout_fits(*header, object_bytes);
  Object encoded{};
  REQUIRE(encode_segment_header(*header, encoded).has_value());
  put(encoded, 0, segment_magic);
  REQUIRE(std::ranges::equal(std::span(encoded).first(fixed_bytes), bytes.first(fixed_bytes)));
  const std::size_t path_bytes = header->file.path.native().size();
  REQUIRE(std::ranges::equal(std::span(encoded).subspan(path_offset, path_bytes),
                             bytes.subspan(path_offset, path_bytes)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const unsigned mode = data[0] % 3;
  const auto input = std::as_bytes(std::span(data, size)).subspan(1);
  Object object{};
  const std::size_t used = std::min(input.size(), object.size());
  std::copy_n(input.begin(), used, object.begin());
  if (mode == 2) put_offsets(object);
  if (mode >= 1) {
    put(object, 0, segment_magic);
    put_checksum(object);
  }
  const auto stated = get<std::uint64_t>(object, object_bytes_at);
  parse_one(object, stated);
  parse_one(std::span(object).first(used), stated);
  parse_one(object, object.size());
  return 0;
}
