#include "shm/segment_layout.h"

#include <algorithm>

#include "core/bitmap.h"
#include "core/bytes.h"
#include "core/crypto.h"
#include "core/digest.h"
#include "shm/os.h"

namespace rgtp::shm {

namespace {

constexpr std::string_view segment_prefix = "rgtp-";
constexpr std::string_view hash_label = "rgtp segment";
constexpr std::size_t checksum_offset = 72;
constexpr std::uint8_t flag_persistent = 1;

static_assert(fixed_bytes - 428 == 84 && 80 + core::manifest_bytes == 384);

constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t to) { return (value + to - 1) / to * to; }

// Over the fixed part, its magic and the checksum itself as zeros, and the path.
std::uint64_t checksum_of(std::span<const std::byte> fixed, std::span<const std::byte> path) {
  std::array<std::byte, fixed_bytes + max_path_bytes> both{};
  std::copy_n(fixed.begin(), fixed_bytes, both.begin());
  std::fill_n(both.begin(), sizeof segment_magic, std::byte{0});
  std::fill_n(both.begin() + checksum_offset, sizeof(std::uint64_t), std::byte{0});
  std::copy(path.begin(), path.end(), both.begin() + fixed_bytes);
  return core::checksum64(std::span(both).first(fixed_bytes + path.size()));
}

tl::unexpected<Error> malformed(std::string what) { return fail(Errc::malformed_data, std::move(what)); }

}  // namespace

std::string OwnerId::to_hex() const { return SurfaceId{bytes}.to_hex(); }
std::optional<OwnerId> OwnerId::from_hex(std::string_view text) {
  const auto parsed = SurfaceId::from_hex(text);
  return parsed ? std::optional(OwnerId{parsed->bytes}) : std::nullopt;
}
OwnerId OwnerId::random() {
  OwnerId id;
  core::fill_random(id.bytes);
  return id;
}

std::string segment_name(const SurfaceId& id) {
  std::array<std::byte, hash_label.size() + sizeof id.bytes> message{};
  const auto label = core::as_bytes(hash_label);
  std::copy(label.begin(), label.end(), message.begin());
  std::copy(id.bytes.begin(), id.bytes.end(), message.begin() + hash_label.size());
  SurfaceId hash;
  const auto digest = core::sha256(message);
  std::copy_n(digest.begin(), hash.bytes.size(), hash.bytes.begin());
  return std::string(segment_prefix) + hash.to_hex();
}

bool is_segment_name(std::string_view name) {
  return name.starts_with(segment_prefix) &&
         SurfaceId::from_hex(name.substr(segment_prefix.size())).has_value();
}

SegmentLayout SegmentHeader::layout() const {
  SegmentLayout layout;
  const std::uint32_t chunks = manifest.chunk_count();
  const std::uint64_t path_bytes = kind == RegionKind::file ? file.path.native().size() : 0;
  layout.bitmap_offset = round_up(path_offset + path_bytes, line_bytes);
  layout.bitmap_bytes = core::bitmap_words(chunks) * sizeof(core::BitmapWord);
  layout.trailers_offset = round_up(layout.bitmap_offset + layout.bitmap_bytes, line_bytes);
  layout.trailers_bytes = std::uint64_t{chunks} * manifest.trailer_bytes;
  const std::uint64_t index_end = layout.trailers_offset + layout.trailers_bytes;
  if (kind == RegionKind::inline_bytes) layout.data_bytes = manifest.stored_bytes();
  layout.data_offset =
      round_up(index_end, layout.data_bytes >= huge_page_bytes ? huge_page_bytes : page_bytes);
  layout.object_bytes = layout.data_offset + layout.data_bytes;
  return layout;
}

Result<void> encode_segment_header(const SegmentHeader& header, std::span<std::byte> out) {
  const SegmentLayout layout = header.layout();
  const bool is_file = header.kind == RegionKind::file;
  const std::string_view path = is_file ? std::string_view(header.file.path.native()) : std::string_view();
  if (path.size() > max_path_bytes)
    return fail(Errc::invalid_argument,
                "the file's path has more than 4,096 bytes: expose it by a shorter one");
  const FileStamp stamp = is_file ? header.file.stamp : FileStamp{};
  core::ByteWriter writer(out);
  writer.put(std::uint64_t{0});  // the magic's place
  writer.put(layout_version);
  writer.put(std::uint32_t{0});
  writer.put_bytes(header.owner.bytes);
  writer.put(static_cast<std::uint8_t>(header.kind));
  writer.put(header.persistent ? flag_persistent : std::uint8_t{0});
  writer.put_zeros(6);
  writer.put(layout.object_bytes);
  writer.put(layout.bitmap_offset);
  writer.put(layout.trailers_offset);
  writer.put(layout.data_offset);
  writer.put(std::uint64_t{0});  // the checksum's place
  core::encode_manifest(header.manifest, out.subspan(writer.used(), core::manifest_bytes));
  core::ByteWriter rest(out.subspan(writer.used() + core::manifest_bytes));
  rest.put(stamp.device);
  rest.put(stamp.inode);
  rest.put(stamp.size);
  rest.put(static_cast<std::uint64_t>(stamp.mtime_ns));
  rest.put(static_cast<std::uint64_t>(stamp.ctime_ns));
  rest.put(static_cast<std::uint32_t>(path.size()));
  rest.put_zeros(84);
  std::copy_n(core::as_bytes(path).begin(), path.size(), out.begin() + path_offset);
  const std::uint64_t checksum = checksum_of(out.first(fixed_bytes), out.subspan(path_offset, path.size()));
  core::ByteWriter(out.subspan(checksum_offset)).put(checksum);
  return {};
}

std::optional<SegmentPrefix> parse_segment_prefix(std::span<const std::byte> object) {
  core::ByteReader reader(object);
  SegmentPrefix prefix;
  if (reader.get<std::uint64_t>() != segment_magic) return std::nullopt;
  prefix.version = reader.get<std::uint32_t>();
  (void)reader.get<std::uint32_t>();
  reader.get_into(prefix.owner.bytes);
  (void)reader.get<std::uint8_t>();
  prefix.persistent = (reader.get<std::uint8_t>() & flag_persistent) != 0;
  return reader.ok() ? std::optional(prefix) : std::nullopt;
}

Result<SegmentHeader> parse_segment_header(std::span<const std::byte> object, std::uint64_t object_bytes) {
  const auto prefix = parse_segment_prefix(object);
  if (!prefix) return malformed("it is no segment");
  if (prefix->version > layout_version)
    return fail(Errc::unsupported_version,
                "it has a newer layout than this program knows: update this program");
  if (prefix->version != layout_version || object.size() < path_offset)
    return malformed("it is no whole segment");
  const auto fixed = object.first(fixed_bytes);
  core::ByteReader reader(fixed.subspan(12));
  reader.expect_zeros(4);
  SegmentHeader header;
  reader.get_into(header.owner.bytes);
  const auto kind = reader.get<std::uint8_t>();
  const auto flags = reader.get<std::uint8_t>();
  reader.expect_zeros(6);
  SegmentLayout stated;
  stated.object_bytes = reader.get<std::uint64_t>();
  stated.bitmap_offset = reader.get<std::uint64_t>();
  stated.trailers_offset = reader.get<std::uint64_t>();
  stated.data_offset = reader.get<std::uint64_t>();
  const auto checksum = reader.get<std::uint64_t>();
  const auto manifest = reader.get_bytes(core::manifest_bytes);
  header.file.stamp.device = reader.get<std::uint64_t>();
  header.file.stamp.inode = reader.get<std::uint64_t>();
  header.file.stamp.size = reader.get<std::uint64_t>();
  header.file.stamp.mtime_ns = static_cast<std::int64_t>(reader.get<std::uint64_t>());
  header.file.stamp.ctime_ns = static_cast<std::int64_t>(reader.get<std::uint64_t>());
  const auto path_bytes = reader.get<std::uint32_t>();
  reader.expect_zeros(84);
  if (!reader.ok() || (kind != 1 && kind != 2) || (flags & ~flag_persistent) != 0)
    return malformed("its header has fields that cannot be");
  header.kind = static_cast<RegionKind>(kind);
  header.persistent = (flags & flag_persistent) != 0;
  const bool is_file = header.kind == RegionKind::file;
  if (path_bytes > max_path_bytes || path_bytes > object.size() - path_offset || is_file != (path_bytes > 0))
    return malformed("its header names no path that can be");
  const auto path = object.subspan(path_offset, path_bytes);
  if (checksum != checksum_of(fixed, path)) return malformed("its header is damaged");
  const std::string_view path_text(reinterpret_cast<const char*>(path.data()), path.size());
  if (path_text.find('\0') != std::string_view::npos || (is_file && path_text.front() != '/'))
    return malformed("its header names no absolute path");
  header.file.path = path_text;
  if (!is_file && header.file.stamp != FileStamp{}) return malformed("its header has fields that cannot be");
  auto parsed = core::parse_manifest(manifest);
  if (!parsed) return fail(std::move(parsed).error());
  header.manifest = std::move(*parsed);
  if (is_file && (header.manifest.size_pending || header.manifest.size != header.file.stamp.size))
    return malformed("its manifest is not its file's");
  const SegmentLayout layout = header.layout();
  if (stated.object_bytes != layout.object_bytes || stated.bitmap_offset != layout.bitmap_offset ||
      stated.trailers_offset != layout.trailers_offset || stated.data_offset != layout.data_offset)
    return malformed("its offsets are not what its manifest asks for");
  if (layout.object_bytes != object_bytes)
    return malformed("it has " + std::to_string(object_bytes) + " bytes where its header says " +
                     std::to_string(layout.object_bytes));
  return header;
}

}  // namespace rgtp::shm
