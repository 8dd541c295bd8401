#include "packet/wire.h"

#include <algorithm>

#include "core/bytes.h"
#include "core/digest.h"

namespace rgtp::packet {

namespace {

using core::ByteReader;
using core::ByteWriter;

constexpr std::size_t check_offset = 4;
constexpr std::size_t prefix_bytes = 16;
constexpr std::uint16_t flag_final_size_known = 1;
constexpr std::uint16_t flag_subscribed = 2;
constexpr std::uint16_t flag_size_known = 1;
constexpr std::uint16_t flag_has_id = 2;
constexpr auto service_delay_unit = std::chrono::microseconds(10);

void put_prefix(ByteWriter& writer, Type type, std::uint64_t pull_id) {
  writer.put(wire_magic);
  writer.put(wire_version);
  writer.put(static_cast<std::uint8_t>(type));
  writer.put_zeros(sizeof(std::uint32_t));  // the check
  writer.put(pull_id);
}

// A reader behind the prefix, where the datagram is of this type and length.
std::optional<ByteReader> open(std::span<const std::byte> datagram, Type type, std::size_t min_length,
                               std::size_t max_length) {
  if (datagram.size() < min_length || datagram.size() > max_length) return std::nullopt;
  const auto prefix = parse_prefix(datagram);
  if (!prefix || prefix->version != wire_version || prefix->type != static_cast<std::uint8_t>(type))
    return std::nullopt;
  return ByteReader(datagram.subspan(prefix_bytes));
}

// What ends a surface comes with the flag that says so.
bool ends_agree(bool known, std::uint64_t size, const std::array<std::byte, end_tag_bytes>& tag) {
  return known || (size == 0 && tag == std::array<std::byte, end_tag_bytes>{});
}

// As many words as one ANNOUNCE carries, of the largest surface at most.
bool are_words(const WordRange& words) {
  return words.count >= 1 && words.count <= max_announce_words && words.end() <= max_surface_words;
}

std::uint64_t pull_id_of(std::span<const std::byte> datagram) {
  ByteReader reader(datagram.subspan(8, 8));
  return reader.get<std::uint64_t>();
}

std::uint32_t compute_check(std::span<const std::byte> header, std::span<const std::byte> payload) {
  std::array<std::byte, header_bytes> without_check;
  std::copy(header.begin(), header.end(), without_check.begin());
  std::fill_n(without_check.begin() + check_offset, sizeof(std::uint32_t), std::byte{0});
  return core::datagram_check(without_check, payload, pull_id_of(header));
}

}  // namespace

std::uint32_t PullRequest::slices() const {
  std::uint32_t total = 0;
  for (const Run& run : asked()) total += run.count;
  return total;
}

std::uint16_t encode_service_delay(Duration delay) {
  return static_cast<std::uint16_t>(std::clamp<Duration::rep>(delay / service_delay_unit, 0, 65535));
}

Duration decode_service_delay(std::uint16_t delay) { return delay * service_delay_unit; }

std::uint32_t encode_timestamp(TimePoint now) {
  return static_cast<std::uint32_t>(now.time_since_epoch() / std::chrono::microseconds(1));
}

Duration elapsed_since(std::uint32_t timestamp, TimePoint now) {
  return std::chrono::microseconds(static_cast<std::int32_t>(encode_timestamp(now) - timestamp));
}

std::uint32_t announce_words_in(std::size_t datagram_bytes) {
  const std::size_t room = std::max(datagram_bytes, announce_base_bytes + word_bytes) - announce_base_bytes;
  return static_cast<std::uint32_t>(std::min(room / word_bytes, max_announce_words));
}

std::size_t encode(const Hello& hello, std::span<std::byte> out) {
  ByteWriter writer(out);
  put_prefix(writer, Type::hello, hello.pull_id);
  writer.put(hello.timestamp);
  writer.put(hello.version_min);
  writer.put(hello.version_max);
  writer.put(hello.slice_capacity);
  writer.put(hello.first_ask);
  writer.put(hello.slices_wanted);
  writer.put_bytes(hello.id.bytes);
  writer.put_bytes(hello.cookie);
  writer.put_zeros(hello_bytes - writer.used());
  return writer.used();
}

std::size_t encode(const ManifestAnswer& answer, std::span<std::byte> out) {
  ByteWriter writer(out);
  put_prefix(writer, Type::manifest, answer.pull_id);
  writer.put(answer.timestamp);
  writer.put(answer.service_delay);
  writer.put(answer.final_size_known ? flag_final_size_known : std::uint16_t{0});
  writer.put(answer.cookie_lifetime_ms);
  writer.put(answer.published);
  writer.put(answer.final_size);
  writer.put_bytes(answer.end_tag);
  writer.put_bytes(answer.cookie);
  writer.put_bytes(answer.manifest);
  writer.put_bytes(answer.tree_head);
  assert(writer.used() == manifest_datagram_bytes);
  return writer.used();
}

std::size_t encode(const PullRequest& request, std::span<std::byte> out) {
  ByteWriter writer(out);
  put_prefix(writer, Type::pull, request.pull_id);
  writer.put(request.timestamp);
  writer.put(request.first_ask);
  writer.put(request.slice_bytes);
  writer.put(request.run_count);
  writer.put_zeros(4);
  writer.put_bytes(request.id.bytes);
  writer.put_bytes(request.cookie);
  assert(writer.used() == pull_base_bytes);
  for (const Run& run : request.asked()) {
    writer.put(run.chunk.value);
    writer.put(run.first);
    writer.put(run.count);
  }
  return writer.used();
}

std::size_t encode(const Poll& poll, std::span<std::byte> out) {
  ByteWriter writer(out);
  put_prefix(writer, Type::poll, poll.pull_id);
  writer.put(poll.timestamp);
  writer.put(poll.published);
  writer.put(poll.words.first);
  writer.put(poll.words.count);
  writer.put(poll.rtt_us);
  writer.put_bytes(poll.id.bytes);
  writer.put_bytes(poll.cookie);
  assert(writer.used() == poll_bytes);
  return writer.used();
}

std::size_t encode(const Announce& announce, std::span<std::byte> out) {
  ByteWriter writer(out);
  put_prefix(writer, Type::announce, announce.pull_id);
  writer.put(announce.timestamp);
  writer.put(announce.service_delay);
  writer.put(static_cast<std::uint16_t>((announce.final_size_known ? flag_final_size_known : 0) |
                                        (announce.subscribed ? flag_subscribed : 0)));
  writer.put(announce.published_from);
  writer.put(announce.published_to);
  writer.put(announce.final_size);
  writer.put_bytes(announce.end_tag);
  writer.put(announce.words.first);
  writer.put(announce.words.count);
  writer.put_zeros(4);
  assert(writer.used() == announce_base_bytes);
  for (const std::uint64_t word : announce.bits()) writer.put(word);
  return writer.used();
}

std::size_t encode(const Refuse& refuse, std::span<std::byte> out) {
  ByteWriter writer(out);
  put_prefix(writer, Type::refuse, refuse.pull_id);
  writer.put(refuse.timestamp);
  writer.put(static_cast<std::uint8_t>(refuse.reason));
  writer.put(refuse.version_min);
  writer.put(refuse.version_max);
  writer.put_zeros(1);
  writer.put(refuse.value);
  writer.put_zeros(4);
  writer.put_bytes(refuse.cookie);
  assert(writer.used() == refuse_bytes);
  return writer.used();
}

std::size_t encode(const Advertise& advertise, std::span<std::byte> out) {
  ByteWriter writer(out);
  put_prefix(writer, Type::advertise, 0);
  writer.put(advertise.size);
  writer.put(static_cast<std::uint16_t>((advertise.size_known ? flag_size_known : 0) |
                                        (advertise.id ? flag_has_id : 0)));
  writer.put(advertise.port);
  writer.put(static_cast<std::uint8_t>(advertise.host.size()));
  writer.put(static_cast<std::uint8_t>(advertise.name.size()));
  writer.put_zeros(2);
  writer.put_bytes(advertise.id.value_or(SurfaceId{}).bytes);
  assert(writer.used() == advertise_base_bytes);
  writer.put_bytes(core::as_bytes(advertise.host));
  writer.put_bytes(core::as_bytes(advertise.name));
  return writer.used();
}

std::size_t encode(const Data& data, std::span<std::byte> out) {
  ByteWriter writer(out);
  put_prefix(writer, Type::data, data.pull_id);
  writer.put(data.ask);
  writer.put(data.timestamp);
  writer.put(data.chunk.value);
  writer.put(data.slice);
  writer.put(data.service_delay);
  assert(writer.used() == header_bytes);
  return writer.used();
}

void seal_datagram(std::span<std::byte> header, std::span<const std::byte> payload) {
  assert(header.size() == header_bytes);
  const std::uint32_t check = compute_check(header, payload);
  ByteWriter(header.subspan(check_offset)).put(check);
}

void seal_datagram(std::span<std::byte> datagram) {
  seal_datagram(datagram.first(header_bytes), datagram.subspan(header_bytes));
}

bool check_matches(std::span<const std::byte> datagram) {
  if (datagram.size() < header_bytes) return false;
  ByteReader reader(datagram.subspan(check_offset));
  return reader.get<std::uint32_t>() ==
         compute_check(datagram.first(header_bytes), datagram.subspan(header_bytes));
}

std::optional<Prefix> parse_prefix(std::span<const std::byte> datagram) {
  if (datagram.size() < header_bytes || datagram.size() > max_datagram_bytes) return std::nullopt;
  ByteReader reader(datagram);
  if (reader.get<std::uint16_t>() != wire_magic) return std::nullopt;
  Prefix prefix;
  prefix.version = reader.get<std::uint8_t>();
  prefix.type = reader.get<std::uint8_t>();
  prefix.pull_id = pull_id_of(datagram);
  return prefix;
}

std::optional<Hello> parse_hello(std::span<const std::byte> datagram) {
  auto reader = open(datagram, Type::hello, hello_bytes, hello_bytes);
  if (!reader) return std::nullopt;
  Hello hello;
  hello.pull_id = pull_id_of(datagram);
  hello.timestamp = reader->get<std::uint32_t>();
  hello.version_min = reader->get<std::uint8_t>();
  hello.version_max = reader->get<std::uint8_t>();
  hello.slice_capacity = reader->get<std::uint16_t>();
  hello.first_ask = reader->get<std::uint32_t>();
  hello.slices_wanted = reader->get<std::uint32_t>();
  reader->get_into(hello.id.bytes);
  reader->get_into(hello.cookie);
  reader->expect_zeros(reader->left());
  if (!reader->ok() || hello.version_min > hello.version_max || hello.slice_capacity < min_slice_bytes ||
      hello.slice_capacity > max_slice_bytes)
    return std::nullopt;
  return hello;
}

std::optional<ManifestAnswer> parse_manifest_answer(std::span<const std::byte> datagram) {
  auto reader = open(datagram, Type::manifest, manifest_datagram_bytes, manifest_datagram_bytes);
  if (!reader) return std::nullopt;
  ManifestAnswer answer;
  answer.pull_id = pull_id_of(datagram);
  answer.timestamp = reader->get<std::uint32_t>();
  answer.service_delay = reader->get<std::uint16_t>();
  const auto flags = reader->get<std::uint16_t>();
  answer.final_size_known = (flags & flag_final_size_known) != 0;
  answer.cookie_lifetime_ms = reader->get<std::uint32_t>();
  answer.published = reader->get<std::uint32_t>();
  answer.final_size = reader->get<std::uint64_t>();
  reader->get_into(answer.end_tag);
  reader->get_into(answer.cookie);
  reader->get_into(answer.manifest);
  reader->get_into(answer.tree_head);
  if (!reader->ok() || (flags & ~flag_final_size_known) != 0) return std::nullopt;
  if (!ends_agree(answer.final_size_known, answer.final_size, answer.end_tag)) return std::nullopt;
  return answer;
}

std::optional<PullRequest> parse_pull(std::span<const std::byte> datagram) {
  auto reader =
      open(datagram, Type::pull, pull_base_bytes + run_bytes, pull_base_bytes + max_runs * run_bytes);
  if (!reader) return std::nullopt;
  PullRequest request;
  request.pull_id = pull_id_of(datagram);
  request.timestamp = reader->get<std::uint32_t>();
  request.first_ask = reader->get<std::uint32_t>();
  request.slice_bytes = reader->get<std::uint16_t>();
  request.run_count = reader->get<std::uint16_t>();
  reader->expect_zeros(4);
  reader->get_into(request.id.bytes);
  reader->get_into(request.cookie);
  if (!reader->ok() || request.run_count == 0 || request.run_count > max_runs ||
      reader->left() != request.run_count * run_bytes)
    return std::nullopt;
  for (std::size_t i = 0; i < request.run_count; ++i) {
    Run& run = request.runs[i];
    run.chunk.value = reader->get<std::uint32_t>();
    run.first = reader->get<std::uint16_t>();
    run.count = reader->get<std::uint16_t>();
    if (run.count == 0) return std::nullopt;
  }
  const std::uint32_t slices = request.slices();
  if (request.slice_bytes == 0 || request.slice_bytes > max_slice_bytes || slices > max_train_slices ||
      slices * (request.slice_bytes + header_bytes) > max_train_bytes)
    return std::nullopt;
  return request;
}

std::optional<Poll> parse_poll(std::span<const std::byte> datagram) {
  auto reader = open(datagram, Type::poll, poll_bytes, poll_bytes);
  if (!reader) return std::nullopt;
  Poll poll;
  poll.pull_id = pull_id_of(datagram);
  poll.timestamp = reader->get<std::uint32_t>();
  poll.published = reader->get<std::uint32_t>();
  poll.words.first = reader->get<std::uint16_t>();
  poll.words.count = reader->get<std::uint16_t>();
  poll.rtt_us = reader->get<std::uint32_t>();
  reader->get_into(poll.id.bytes);
  reader->get_into(poll.cookie);
  if (!reader->ok() || poll.published > Manifest::max_chunks || !are_words(poll.words)) return std::nullopt;
  return poll;
}

std::optional<Announce> parse_announce(std::span<const std::byte> datagram) {
  auto reader = open(datagram, Type::announce, announce_base_bytes + word_bytes, max_announce_bytes);
  if (!reader) return std::nullopt;
  Announce announce;
  announce.pull_id = pull_id_of(datagram);
  announce.timestamp = reader->get<std::uint32_t>();
  announce.service_delay = reader->get<std::uint16_t>();
  const auto flags = reader->get<std::uint16_t>();
  announce.final_size_known = (flags & flag_final_size_known) != 0;
  announce.subscribed = (flags & flag_subscribed) != 0;
  announce.published_from = reader->get<std::uint32_t>();
  announce.published_to = reader->get<std::uint32_t>();
  announce.final_size = reader->get<std::uint64_t>();
  reader->get_into(announce.end_tag);
  announce.words.first = reader->get<std::uint16_t>();
  announce.words.count = reader->get<std::uint16_t>();
  reader->expect_zeros(4);
  if (!reader->ok() || (flags & ~(flag_final_size_known | flag_subscribed)) != 0 ||
      !are_words(announce.words) || reader->left() != announce.words.count * word_bytes)
    return std::nullopt;
  if (announce.published_from > announce.published_to || announce.published_to > Manifest::max_chunks ||
      !ends_agree(announce.final_size_known, announce.final_size, announce.end_tag))
    return std::nullopt;
  for (std::size_t i = 0; i < announce.words.count; ++i) announce.bitmap[i] = reader->get<std::uint64_t>();
  return announce;
}

std::optional<Refuse> parse_refuse(std::span<const std::byte> datagram) {
  auto reader = open(datagram, Type::refuse, refuse_bytes, refuse_bytes);
  if (!reader) return std::nullopt;
  Refuse refuse;
  refuse.pull_id = pull_id_of(datagram);
  refuse.timestamp = reader->get<std::uint32_t>();
  const auto reason = reader->get<std::uint8_t>();
  refuse.reason = static_cast<Refusal>(reason);
  refuse.version_min = reader->get<std::uint8_t>();
  refuse.version_max = reader->get<std::uint8_t>();
  reader->expect_zeros(1);
  refuse.value = reader->get<std::uint32_t>();
  reader->expect_zeros(4);
  reader->get_into(refuse.cookie);
  if (!reader->ok() || reason == 0 || reason > static_cast<std::uint8_t>(Refusal::version) ||
      refuse.version_min > refuse.version_max)
    return std::nullopt;
  if ((refuse.reason == Refusal::retry) != (refuse.cookie != Cookie{})) return std::nullopt;
  return refuse;
}

std::optional<Advertise> parse_advertise(std::span<const std::byte> datagram) {
  auto reader = open(datagram, Type::advertise, advertise_base_bytes + 1, max_advertise_bytes);
  if (!reader || pull_id_of(datagram) != 0) return std::nullopt;
  const auto take_text = [&](std::size_t length) {
    const auto bytes = reader->get_bytes(length);
    return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  };
  Advertise advertise;
  advertise.size = reader->get<std::uint64_t>();
  const auto flags = reader->get<std::uint16_t>();
  advertise.size_known = (flags & flag_size_known) != 0;
  advertise.port = reader->get<std::uint16_t>();
  const auto host_bytes = reader->get<std::uint8_t>();
  const auto name_bytes = reader->get<std::uint8_t>();
  reader->expect_zeros(2);
  SurfaceId id;
  reader->get_into(id.bytes);
  const bool has_id = (flags & flag_has_id) != 0;
  if (!reader->ok() || (flags & ~(flag_size_known | flag_has_id)) != 0 || (!has_id && id != SurfaceId{}) ||
      host_bytes == 0 || host_bytes > max_host_bytes ||
      reader->left() != std::size_t{host_bytes} + name_bytes)
    return std::nullopt;
  if (has_id) advertise.id = id;
  advertise.host = take_text(host_bytes);
  advertise.name = take_text(name_bytes);
  return advertise;
}

std::optional<Data> parse_data(std::span<const std::byte> datagram) {
  auto reader = open(datagram, Type::data, header_bytes + 1, max_datagram_bytes);
  if (!reader) return std::nullopt;
  Data data;
  data.pull_id = pull_id_of(datagram);
  data.ask = reader->get<std::uint32_t>();
  data.timestamp = reader->get<std::uint32_t>();
  data.chunk.value = reader->get<std::uint32_t>();
  data.slice = reader->get<std::uint16_t>();
  data.service_delay = reader->get<std::uint16_t>();
  return data;
}

}  // namespace rgtp::packet
