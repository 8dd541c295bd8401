// The datagrams of the packet transport and their codec. WIRE.md has the diagrams.
//
// Encoding writes everything but the check; seal_datagram() adds that last. Parsing looks at length, version,
// type, reserved bits and the relations between fields; the caller looks at the cookie and then at the check,
// in that order, because a cookie is what makes an answer cost anything.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include <rgtp/manifest.h>

#include "core/manifest_codec.h"

namespace rgtp::packet {

inline constexpr std::uint16_t wire_magic = 0x4752;  // "RG"
inline constexpr std::uint8_t wire_version = 1;

// Every datagram begins with a header of this length, which for DATA is all there is beside the payload.
inline constexpr std::size_t header_bytes = 32;
inline constexpr std::size_t max_datagram_bytes = 9000;
inline constexpr std::size_t max_slice_bytes = max_datagram_bytes - header_bytes;
inline constexpr std::size_t min_slice_bytes = 512;  // where the chunk is not smaller itself

// A train is one segmented send of at most 64 datagrams that UDP's length field can count (IPv4: 65,535 less
// the headers of IP and UDP, and room for an option or two).
inline constexpr std::size_t max_train_slices = 64;
inline constexpr std::size_t max_train_bytes = 65487;

inline constexpr std::size_t cookie_bytes = 16;
inline constexpr std::size_t end_tag_bytes = 16;
inline constexpr std::size_t tree_head_bytes = 32;
inline constexpr std::size_t manifest_datagram_bytes = 72 + core::manifest_bytes + tree_head_bytes;
// As long as the longest answer to one that has no valid cookie.
inline constexpr std::size_t hello_bytes = manifest_datagram_bytes;
inline constexpr std::size_t pull_base_bytes = 64;
inline constexpr std::size_t run_bytes = 8;
// A PULL is no longer than DATA with the shortest slice: over IPv4 that fits into the packet of 576 bytes
// that every host takes, over IPv6 into the 1,280 that every link carries.
inline constexpr std::size_t max_runs = (header_bytes + min_slice_bytes - pull_base_bytes) / run_bytes;
static_assert(max_runs == 60);
inline constexpr std::size_t refuse_bytes = 48;
static_assert(refuse_bytes <= pull_base_bytes + run_bytes && refuse_bytes <= hello_bytes);
static_assert(hello_bytes == 408);

// A word is 64 chunks: its lowest bit is the first of them.
inline constexpr std::uint32_t word_chunks = 64;
inline constexpr std::uint32_t max_surface_words = Manifest::max_chunks / word_chunks;
static_assert(max_surface_words <= 65535, "word numbers have 16 bits");
inline constexpr std::size_t poll_bytes = 64;
static_assert(refuse_bytes <= poll_bytes);
inline constexpr std::size_t announce_base_bytes = 64;
inline constexpr std::size_t word_bytes = 8;
inline constexpr std::size_t advertise_base_bytes = 48;
inline constexpr std::size_t max_host_bytes = 253;  // of a DNS name (RFC 1035, section 2.3.4)
inline constexpr std::size_t max_advertise_bytes =
    advertise_base_bytes + max_host_bytes + Manifest::max_name_bytes;
static_assert(max_advertise_bytes == 556);
inline constexpr std::size_t max_announce_bytes = 1200;
inline constexpr std::size_t max_announce_words = (max_announce_bytes - announce_base_bytes) / word_bytes;
static_assert(max_announce_words == 142);

enum class Type : std::uint8_t {
  hello = 1,
  manifest = 2,
  pull = 3,
  data = 4,
  poll = 5,
  announce = 6,
  refuse = 7,
  advertise = 8,
};

using Cookie = std::array<std::byte, cookie_bytes>;

struct Hello {
  std::uint64_t pull_id = 0;
  std::uint32_t timestamp = 0;  // the puller's clock in microseconds, echoed
  std::uint8_t version_min = wire_version;
  std::uint8_t version_max = wire_version;
  std::uint16_t slice_capacity = 0;  // the longest slice that the path carries
  std::uint32_t first_ask = 0;
  std::uint32_t slices_wanted = 0;  // from the surface's beginning, to follow at once; 0 without a cookie
  SurfaceId id;
  Cookie cookie{};  // zero where there is none
  friend bool operator==(const Hello&, const Hello&) = default;
};

struct ManifestAnswer {
  std::uint64_t pull_id = 0;
  std::uint32_t timestamp = 0;
  std::uint16_t service_delay = 0;
  bool final_size_known = false;
  std::uint32_t cookie_lifetime_ms = 0;
  std::uint32_t published = 0;
  std::uint64_t final_size = 0;
  std::array<std::byte, end_tag_bytes> end_tag{};  // zero unless sealed
  Cookie cookie{};
  std::array<std::byte, core::manifest_bytes> manifest{};  // encoded: parsed by core
  std::array<std::byte, tree_head_bytes> tree_head{};      // zero unless there is a root
  friend bool operator==(const ManifestAnswer&, const ManifestAnswer&) = default;
};

// Slices first to first + count - 1 of one chunk.
struct Run {
  ChunkIndex chunk;
  std::uint16_t first = 0;
  std::uint16_t count = 0;
  friend bool operator==(const Run&, const Run&) = default;
};

struct PullRequest {
  std::uint64_t pull_id = 0;
  std::uint32_t timestamp = 0;
  std::uint32_t first_ask = 0;  // the i-th slice of the runs is answered under first_ask + i
  std::uint16_t slice_bytes = 0;
  std::uint16_t run_count = 0;
  SurfaceId id;
  Cookie cookie{};
  std::array<Run, max_runs> runs{};

  std::span<const Run> asked() const { return {runs.data(), run_count}; }
  std::uint32_t slices() const;
};

// Words first to first + count - 1 of a surface's bitmap.
struct WordRange {
  std::uint16_t first = 0;
  std::uint16_t count = 0;

  std::uint32_t end() const { return std::uint32_t{first} + count; }
  friend bool operator==(const WordRange&, const WordRange&) = default;
};

// What has been published since, as far as these words tell?
struct Poll {
  std::uint64_t pull_id = 0;
  std::uint32_t timestamp = 0;
  std::uint32_t published = 0;  // how many chunks the puller knows to be published
  WordRange words;
  std::uint32_t rtt_us = 0;  // the puller's round-trip time, 0 where it has none
  SurfaceId id;
  Cookie cookie{};
  friend bool operator==(const Poll&, const Poll&) = default;
};

struct Announce {
  std::uint64_t pull_id = 0;
  std::uint32_t timestamp = 0;  // of the POLL or PULL
  std::uint16_t service_delay = 0;
  bool final_size_known = false;
  bool subscribed = false;           // the exposer will tell of more unasked
  std::uint32_t published_from = 0;  // as the POLL or the ANNOUNCE before had it, 0 where a PULL was answered
  std::uint32_t published_to = 0;
  std::uint64_t final_size = 0;
  std::array<std::byte, end_tag_bytes> end_tag{};  // zero unless sealed
  WordRange words;
  std::array<std::uint64_t, max_announce_words> bitmap{};  // of `words`; zero behind them

  std::span<const std::uint64_t> bits() const { return {bitmap.data(), words.count}; }
  friend bool operator==(const Announce&, const Announce&) = default;
};

struct Data {
  std::uint64_t pull_id = 0;
  std::uint32_t ask = 0;
  std::uint32_t timestamp = 0;
  ChunkIndex chunk = {};
  std::uint16_t slice = 0;
  std::uint16_t service_delay = 0;
  friend bool operator==(const Data&, const Data&) = default;
};

enum class Refusal : std::uint8_t {
  unknown = 1,
  withdrawn = 2,
  aborted = 3,
  denied = 4,
  source_changed = 5,
  slice_too_large = 6,  // value: the largest
  busy = 7,             // value: milliseconds
  retry = 8,            // with this cookie
  version = 9,          // version_min to version_max
};

struct Refuse {
  std::uint64_t pull_id = 0;
  std::uint32_t timestamp = 0;
  Refusal reason = Refusal::unknown;
  std::uint8_t version_min = wire_version;
  std::uint8_t version_max = wire_version;
  std::uint32_t value = 0;
  Cookie cookie{};
  friend bool operator==(const Refuse&, const Refuse&) = default;
};

// To a multicast group: that there is this surface.
struct Advertise {
  std::uint64_t size = 0;  // its capacity while the size is not known
  bool size_known = true;
  std::uint16_t port = 0;
  std::optional<SurfaceId> id;  // where it is to be pulled by whoever hears
  std::string host;
  std::string name;
  friend bool operator==(const Advertise&, const Advertise&) = default;
};

// The exposer's time between a request's arrival and its answer, in units of 10 microseconds.
std::uint16_t encode_service_delay(Duration delay);
Duration decode_service_delay(std::uint16_t delay);
// The puller's clock as it stands in datagrams.
std::uint32_t encode_timestamp(TimePoint now);
// The time that has passed since an echoed timestamp: right for up to 35 minutes.
Duration elapsed_since(std::uint32_t timestamp, TimePoint now);

// How many words an ANNOUNCE of so many bytes tells of: at least 1.
std::uint32_t announce_words_in(std::size_t datagram_bytes);

// Each writes its datagram without the check and returns the length. `out` is long enough.
std::size_t encode(const Hello& hello, std::span<std::byte> out);
std::size_t encode(const ManifestAnswer& answer, std::span<std::byte> out);
std::size_t encode(const PullRequest& request, std::span<std::byte> out);
std::size_t encode(const Poll& poll, std::span<std::byte> out);
std::size_t encode(const Announce& announce, std::span<std::byte> out);
std::size_t encode(const Refuse& refuse, std::span<std::byte> out);
std::size_t encode(const Advertise& advertise, std::span<std::byte> out);
// DATA's header alone: header_bytes.
std::size_t encode(const Data& data, std::span<std::byte> out);

// Writes the check into a header whose payload stands elsewhere, or behind it.
void seal_datagram(std::span<std::byte> header, std::span<const std::byte> payload);
void seal_datagram(std::span<std::byte> datagram);
// Whether the check is right.
bool check_matches(std::span<const std::byte> datagram);

// What stands at the same place in all versions; nothing where it is no datagram of ours.
struct Prefix {
  std::uint8_t version = 0;
  std::uint8_t type = 0;
  std::uint64_t pull_id = 0;
};
std::optional<Prefix> parse_prefix(std::span<const std::byte> datagram);

// Each gives nothing for a datagram that is not exactly what it should be, the check aside.
std::optional<Hello> parse_hello(std::span<const std::byte> datagram);
std::optional<ManifestAnswer> parse_manifest_answer(std::span<const std::byte> datagram);
std::optional<PullRequest> parse_pull(std::span<const std::byte> datagram);
std::optional<Poll> parse_poll(std::span<const std::byte> datagram);
std::optional<Announce> parse_announce(std::span<const std::byte> datagram);
std::optional<Refuse> parse_refuse(std::span<const std::byte> datagram);
std::optional<Advertise> parse_advertise(std::span<const std::byte> datagram);
// The payload is what follows header_bytes.
std::optional<Data> parse_data(std::span<const std::byte> datagram);

}  // namespace rgtp::packet
