#include "transport/surface_protection.h"

namespace rgtp::transport {

Result<SurfaceProtection> SurfaceProtection::apply(const ExposeOptions& options, Manifest& manifest) {
  SurfaceProtection protection;
  const bool sealed = options.protection == Protection::sealed;
  if (!sealed && options.suite != CipherSuite::none)
    return fail(Errc::invalid_argument, "a cipher suite is a sealed surface's: set its protection too");
  if (!sealed && options.key_in_local_name)
    return fail(Errc::invalid_argument,
                "a surface that is not sealed has no key to stand under its local name");
  if (options.rooted) {
    protection.rooted = true;
    manifest.trailer_bytes = static_cast<std::uint16_t>(Manifest::tag_bytes +
                                                        manifest.proof_hashes() * Manifest::proof_hash_bytes);
  }
  if (sealed) {
    manifest.protection = Protection::sealed;
    manifest.suite = options.suite == CipherSuite::none ? core::preferred_suite() : options.suite;
    if (auto valid = manifest.validate(); !valid) return fail(std::move(valid).error());
    protection.key = Key::random();
    protection.keys = std::make_shared<const core::SurfaceKeys>(*protection.key, manifest);
    manifest.tag = protection.keys->manifest_tag();
  }
  return protection;
}

ChunkStorer::ChunkStorer(const Manifest& manifest, const SurfaceProtection& protection)
    : manifest_(manifest) {
  if (protection.is_sealed()) cipher_.emplace(manifest.suite, *protection.keys);
}

Result<ChunkStorer::Stored> ChunkStorer::store(ChunkIndex chunk, std::span<const std::byte> plain,
                                               std::optional<std::uint64_t> size, Region& region) {
  if (!cipher_) return Stored{plain, core::chunk_tag(chunk, plain)};
  const std::uint32_t counted = core::counted_bytes(manifest_, chunk, size.value_or(manifest_.size));
  const std::uint64_t offset = manifest_.offset_of(chunk);
  if (!region.writable().empty()) {
    if (auto reserved = region.reserve(offset, plain.size()); !reserved)
      return fail(std::move(reserved).error());
    const auto place = region.writable().subspan(offset, plain.size());
    return Stored{place, cipher_->seal(chunk, plain, counted, place)};
  }
  buffer_.resize(plain.size());
  const Stored stored{buffer_, cipher_->seal(chunk, plain, counted, buffer_)};
  if (auto written = region.write(offset, buffer_); !written) return fail(std::move(written).error());
  return stored;
}

}  // namespace rgtp::transport
