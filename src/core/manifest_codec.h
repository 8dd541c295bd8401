// The manifest as bytes: fixed size, little-endian, the same in datagrams and segments.
//
//     offset  bytes  field
//          0      1  format, 1
//          1      1  protection
//          2      1  cipher suite
//          3      1  binary logarithm of the chunk size
//          4      2  trailer length
//          6      2  flags: bit 0 size_pending; the others are zero
//          8      8  size, or capacity under size_pending
//         16     16  surface id
//         32     16  tag, zero unless sealed
//         48      1  length of the name
//         49    255  name, zeros behind it
#pragma once

#include <span>

#include <rgtp/manifest.h>

namespace rgtp::core {

inline constexpr std::size_t manifest_bytes = 304;

// `out` has manifest_bytes; the manifest is valid.
void encode_manifest(const Manifest& manifest, std::span<std::byte> out);

// Exactly manifest_bytes, or malformed_data. What it returns has passed Manifest::validate().
[[nodiscard]] Result<Manifest> parse_manifest(std::span<const std::byte> bytes);

}  // namespace rgtp::core
