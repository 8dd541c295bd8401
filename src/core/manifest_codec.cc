#include "core/manifest_codec.h"

#include <bit>

#include "core/bytes.h"

namespace rgtp::core {

namespace {

constexpr std::uint8_t format = 1;
constexpr std::uint16_t flag_size_pending = 1;

static_assert(manifest_bytes == 4 * 1 + 2 * 2 + 8 + 16 + Manifest::tag_bytes + 1 + Manifest::max_name_bytes);

}  // namespace

void encode_manifest(const Manifest& manifest, std::span<std::byte> out) {
  assert(out.size() == manifest_bytes && manifest.validate());
  ByteWriter writer(out);
  writer.put(format);
  writer.put(static_cast<std::uint8_t>(manifest.protection));
  writer.put(static_cast<std::uint8_t>(manifest.suite));
  writer.put(static_cast<std::uint8_t>(std::countr_zero(manifest.chunk_bytes)));
  writer.put(manifest.trailer_bytes);
  writer.put(manifest.size_pending ? flag_size_pending : std::uint16_t{0});
  writer.put(manifest.size);
  writer.put_bytes(manifest.id.bytes);
  writer.put_bytes(manifest.tag);
  writer.put(static_cast<std::uint8_t>(manifest.name.size()));
  writer.put_bytes(as_bytes(manifest.name));
  writer.put_zeros(Manifest::max_name_bytes - manifest.name.size());
}

Result<Manifest> parse_manifest(std::span<const std::byte> bytes) {
  if (bytes.size() != manifest_bytes) return fail(Errc::malformed_data, "a manifest has 304 bytes");
  ByteReader reader(bytes);
  if (reader.get<std::uint8_t>() != format)
    return fail(Errc::unsupported_version, "the manifest is of a newer format: update this program");
  Manifest manifest;
  manifest.protection = static_cast<Protection>(reader.get<std::uint8_t>());
  manifest.suite = static_cast<CipherSuite>(reader.get<std::uint8_t>());
  const auto chunk_bits = reader.get<std::uint8_t>();
  if (chunk_bits > 31) return fail(Errc::malformed_data, "the manifest's chunk size is out of bounds");
  manifest.chunk_bytes = std::uint32_t{1} << chunk_bits;
  manifest.trailer_bytes = reader.get<std::uint16_t>();
  const auto flags = reader.get<std::uint16_t>();
  if ((flags & ~flag_size_pending) != 0)
    return fail(Errc::malformed_data, "the manifest has flags that this version does not know");
  manifest.size_pending = (flags & flag_size_pending) != 0;
  manifest.size = reader.get<std::uint64_t>();
  reader.get_into(manifest.id.bytes);
  reader.get_into(manifest.tag);
  const std::size_t name_bytes = reader.get<std::uint8_t>();
  const auto name = reader.get_bytes(name_bytes);
  manifest.name.assign(reinterpret_cast<const char*>(name.data()), name.size());
  reader.expect_zeros(Manifest::max_name_bytes - name_bytes);
  if (!reader.ok()) return fail(Errc::malformed_data, "the manifest's name is not padded with zeros");
  if (auto valid = manifest.validate(); !valid) {
    // What a caller passed wrongly is, from outside, bytes that are no manifest.
    Error error = std::move(valid).error();
    if (error.code == Errc::invalid_argument) error.code = Errc::malformed_data;
    return fail(std::move(error));
  }
  return manifest;
}

}  // namespace rgtp::core
