#include <charconv>

#include <rgtp/locator.h>

#include "core/bytes.h"

namespace rgtp {

namespace {

constexpr std::string_view base64url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::size_t secret_characters = 43;  // 32 bytes in base64url (RFC 4648, section 5) without padding

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool consists_of(std::string_view text, std::string_view also_allowed) {
  for (const char c : text)
    if (!is_letter_or_digit(c) && also_allowed.find(c) == std::string_view::npos) return false;
  return true;
}

tl::unexpected<Error> malformed(std::string what) {
  return fail(Errc::malformed_locator, "not a locator: " + std::move(what) +
                                           " (expected rgtp://HOST:PORT/ID, as `rgtp expose` prints it)");
}

using Bytes32 = std::array<std::byte, 32>;

void append_base64url(std::string& text, std::span<const std::byte, 32> bytes) {
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const std::byte byte : bytes) {
    bits = bits << 8 | std::to_integer<std::uint32_t>(byte);
    for (count += 8; count >= 6; count -= 6) text += base64url[bits >> (count - 6) & 63];
  }
  text += base64url[bits << (6 - count) & 63];
}

// Into `out`, and nowhere else: it may be a key.
bool decode_base64url(std::string_view text, Bytes32& out) {
  if (text.size() != secret_characters) return false;
  std::uint32_t bits = 0;
  unsigned count = 0;
  std::size_t used = 0;
  for (const char c : text) {
    const std::size_t digit = base64url.find(c);
    if (digit == std::string_view::npos) return false;
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out[used++] = static_cast<std::byte>(bits >> count & 255);
    }
  }
  // The bits left over must be zero: one secret, one text.
  return (bits & ((1U << count) - 1)) == 0;
}

Result<std::uint16_t> parse_port(std::string_view text) {
  std::uint32_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port == 0 || port > 65535)
    return malformed("the port is a number from 1 to 65535");
  return static_cast<std::uint16_t>(port);
}

Result<std::string> parse_host(std::string_view text) {
  if (text.starts_with('[')) {
    const std::string_view address = text.substr(1, text.size() - 2);
    if (!text.ends_with(']') || address.find(':') == std::string_view::npos || address.size() > 64 ||
        !consists_of(address, ":.%-_"))
      return malformed("in brackets stands an IPv6 address");
    return std::string(address);
  }
  // RFC 1123 names, and the underscore that people use all the same.
  if (text.empty() || text.size() > 253 || !consists_of(text, ".-_"))
    return malformed("the host is an IPv4 address, a name, or an IPv6 address in brackets");
  return std::string(text);
}

Result<Locator::Where> parse_native(std::string_view rest) {
  const std::size_t slash = rest.find('/');
  if (slash == std::string_view::npos) return malformed("the id is missing behind the host");
  const std::string_view authority = rest.substr(0, slash);
  const std::string_view path = rest.substr(slash + 1);
  if (authority == "local") {
    auto local = Locator::local(path);
    if (!local) return fail(std::move(local).error());
    return local->where();
  }
  auto id = SurfaceId::from_hex(path);
  if (!id) return malformed(id.error().text);
  if (authority.empty()) return Locator::Where(Locator::ThisHost{*id});
  const std::size_t colon = authority.rfind(':');
  if (colon == std::string_view::npos || authority.ends_with(']')) return malformed("the port is missing");
  auto port = parse_port(authority.substr(colon + 1));
  if (!port) return fail(std::move(port).error());
  auto host = parse_host(authority.substr(0, colon));
  if (!host) return fail(std::move(host).error());
  return Locator::Where(Locator::Network{std::move(*host), *port, *id});
}

struct Fragment {
  std::optional<Key> key;
  std::optional<Locator::Root> root;
};

Result<Fragment> parse_fragment(std::string_view text) {
  Fragment fragment;
  while (true) {
    const std::size_t end = text.find('&');
    const std::string_view part = text.substr(0, end);
    const bool is_key = part.starts_with("k=");
    if (!is_key && !part.starts_with("v=")) return malformed("behind '#' stands k=KEY or v=ROOT");
    Bytes32 bytes{};
    const bool decoded = decode_base64url(part.substr(2), bytes);
    const bool stands_twice = is_key ? fragment.key.has_value() : fragment.root.has_value();
    if (decoded && is_key) fragment.key.emplace(bytes);
    if (decoded && !is_key) fragment.root = bytes;
    wipe(bytes);
    if (!decoded || stands_twice)
      return malformed("a key or root has 43 characters of base64url and stands once");
    if (end == std::string_view::npos) return fragment;
    text = text.substr(end + 1);
  }
}

bool is_scheme_name(std::string_view text) {
  if (text.empty() || text.size() > 32) return false;
  for (const char c : text)
    if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9')) return false;
  return true;
}

bool is_printable_ascii(std::string_view text) {
  for (const char c : text)
    if (static_cast<unsigned char>(c) <= ' ' || static_cast<unsigned char>(c) >= 127) return false;

  return true;
}

struct Printer {
  std::string operator()(const Locator::Network& network) const {
    const bool ipv6 = network.host.find(':') != std::string::npos;
    return "rgtp://" + (ipv6 ? "[" + network.host + "]" : network.host) + ":" + std::to_string(network.port) +
           "/" + network.id.to_hex();
  }
  std::string operator()(const Locator::ThisHost& host) const { return "rgtp:///" + host.id.to_hex(); }
  std::string operator()(const Locator::Local& local) const { return "rgtp://local/" + local.name; }
  std::string operator()(const Locator::Other& other) const {
    return "rgtp+" + other.scheme + "://" + other.rest;
  }
};

}  // namespace

Result<Locator> Locator::local(std::string_view name) {
  if (name.empty() || name.size() > 128 || name.starts_with('.') || !consists_of(name, "._-"))
    return malformed("a local name has 1 to 128 of A-Z a-z 0-9 . _ - and does not begin with a dot");
  return Locator(Local{std::string(name)});
}

Result<Locator> Locator::parse(std::string_view text) {
  if (text.size() > 4096) return malformed("it is longer than 4,096 characters");
  if (!is_printable_ascii(text)) return malformed("it holds white space or something that is not ASCII");
  Fragment fragment;
  if (const std::size_t hash = text.find('#'); hash != std::string_view::npos) {
    auto parsed = parse_fragment(text.substr(hash + 1));
    if (!parsed) return fail(std::move(parsed).error());
    fragment = *parsed;
    text = text.substr(0, hash);
  }
  const std::size_t colon = text.find("://");
  if (colon == std::string_view::npos) return malformed("it does not begin with rgtp://");
  const std::string_view scheme = text.substr(0, colon);
  const std::string_view rest = text.substr(colon + 3);
  std::optional<Where> where;
  if (scheme == "rgtp") {
    auto parsed = parse_native(rest);
    if (!parsed) return fail(std::move(parsed).error());
    where = std::move(*parsed);
  } else if (scheme.starts_with("rgtp+") && is_scheme_name(scheme.substr(5))) {
    where = Other{std::string(scheme.substr(5)), std::string(rest)};
  } else {
    return malformed("it does not begin with rgtp://");
  }
  Locator locator(std::move(*where));
  locator.key_ = fragment.key;
  locator.root_ = fragment.root;
  return locator;
}

std::optional<SurfaceId> Locator::id() const {
  if (const auto* network = std::get_if<Network>(&where_)) return network->id;
  if (const auto* host = std::get_if<ThisHost>(&where_)) return host->id;
  return std::nullopt;
}

Locator Locator::with(std::optional<Key> key, std::optional<Root> root) const {
  Locator other(where_);
  other.key_ = std::move(key);
  other.root_ = root;
  return other;
}

std::string Locator::reveal() const {
  const std::string place = std::visit(Printer{}, where_);
  // Once: a string that grows leaves copies of the key behind.
  std::string text;
  text.reserve(place.size() + 2 * (3 + secret_characters) + 1);  // and for a line's end
  text += place;
  if (key_) append_base64url(text += "#k=", key_->bytes());
  if (root_) append_base64url(text += key_ ? "&v=" : "#v=", *root_);
  return text;
}

std::string Locator::to_string() const {
  if (!key_) return reveal();
  std::string text = with(std::nullopt, std::nullopt).reveal() + "#k=...";
  if (root_) append_base64url(text += "&v=", *root_);
  return text;
}

}  // namespace rgtp
