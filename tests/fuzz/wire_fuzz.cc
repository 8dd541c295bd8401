// What a parser of datagrams accepts has this one encoding, the check aside, and keeps the format's limits.
#include <algorithm>
#include <vector>

#include "fuzz/require.h"
#include "packet/wire.h"

namespace {

using namespace rgtp::packet;
using Bytes = std::vector<std::byte>;

// `message` encodes to the first `length` bytes of the datagram.
template <class Message>
void require_same(const Message& message, Bytes datagram, std::size_t length) {
  Bytes encoded(max_datagram_bytes);
  REQUIRE(encode(message, encoded) == length);
  encoded.resize(length);
  datagram.resize(length);
  std::fill_n(datagram.begin() + 4, 4, std::byte{0});
  REQUIRE(encoded == datagram);
}

void require_limits(const PullRequest& pull) {
  REQUIRE(pull.run_count >= 1 && pull.run_count <= max_runs);
  REQUIRE(pull.slices() >= 1 && pull.slices() <= max_train_slices);
  REQUIRE(pull.slice_bytes >= 1 && pull.slice_bytes <= max_slice_bytes);
  REQUIRE(pull.slices() * (pull.slice_bytes + header_bytes) <= max_train_bytes);
}

void require_words(const WordRange& words) {
  REQUIRE(words.count >= 1 && words.count <= max_announce_words && words.end() <= max_surface_words);
}

void parse_all(const Bytes& datagram) {
  int parsed = 0;
  if (const auto hello = parse_hello(datagram)) {
    ++parsed;
    REQUIRE(hello->version_min <= hello->version_max);
    REQUIRE(hello->slice_capacity >= min_slice_bytes && hello->slice_capacity <= max_slice_bytes);
    require_same(*hello, datagram, datagram.size());
  }
  if (const auto answer = parse_manifest_answer(datagram)) {
    ++parsed;
    require_same(*answer, datagram, datagram.size());
  }
  if (const auto pull = parse_pull(datagram)) {
    ++parsed;
    require_limits(*pull);
    require_same(*pull, datagram, datagram.size());
  }
  if (const auto poll = parse_poll(datagram)) {
    ++parsed;
    require_words(poll->words);
    require_same(*poll, datagram, datagram.size());
  }
  if (const auto announce = parse_announce(datagram)) {
    ++parsed;
    require_words(announce->words);
    REQUIRE(datagram.size() <= max_announce_bytes);
    REQUIRE(announce->published_from <= announce->published_to);
    REQUIRE(announce->published_to <= rgtp::Manifest::max_chunks);
    require_same(*announce, datagram, datagram.size());
  }
  if (const auto refuse = parse_refuse(datagram)) {
    ++parsed;
    require_same(*refuse, datagram, datagram.size());
  }
  if (const auto advertise = parse_advertise(datagram)) {
    ++parsed;
    REQUIRE(!advertise->host.empty() && advertise->host.size() <= max_host_bytes);
    require_same(*advertise, datagram, datagram.size());
  }
  if (const auto data = parse_data(datagram)) {
    ++parsed;
    require_same(*data, datagram, header_bytes);
  }
  REQUIRE(parsed <= 1);
  const auto prefix = parse_prefix(datagram);
  REQUIRE(parsed == 0 || (prefix && prefix->version == wire_version));
  if (prefix) {
    Bytes sealed = datagram;
    seal_datagram(sealed);
    REQUIRE(check_matches(sealed));
    sealed.back() ^= std::byte{1};
    REQUIRE(!check_matches(sealed));
  }
}

// The same bytes with what every datagram of this type begins with, and as long as it has to be.
void parse_as(Type type, Bytes datagram, std::size_t length) {
  datagram.resize(length);
  datagram[0] = std::byte{wire_magic & 0xff};
  datagram[1] = std::byte{wire_magic >> 8};
  datagram[2] = std::byte{wire_version};
  datagram[3] = static_cast<std::byte>(type);
  parse_all(datagram);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  const Bytes datagram(bytes.begin(), bytes.end());
  parse_all(datagram);
  parse_as(Type::hello, datagram, hello_bytes);
  parse_as(Type::manifest, datagram, manifest_datagram_bytes);
  parse_as(Type::refuse, datagram, refuse_bytes);
  parse_as(Type::poll, datagram, poll_bytes);
  Bytes advertise = datagram;
  advertise.resize(std::clamp(size, advertise_base_bytes + 1, max_advertise_bytes));
  std::fill_n(advertise.begin() + 8, 8, std::byte{0});  // its pull id
  parse_as(Type::advertise, advertise, advertise.size());
  const std::size_t words = size > announce_base_bytes ? (size - announce_base_bytes) / word_bytes : 0;
  parse_as(Type::announce, datagram,
           announce_base_bytes + word_bytes * std::clamp<std::size_t>(words, 1, max_announce_words));
  parse_as(Type::data, datagram, std::clamp(size, header_bytes + 1, max_datagram_bytes));
  const std::size_t runs = size > pull_base_bytes ? (size - pull_base_bytes) / run_bytes : 0;
  parse_as(Type::pull, datagram, pull_base_bytes + run_bytes * std::clamp<std::size_t>(runs, 1, max_runs));
  return 0;
}
