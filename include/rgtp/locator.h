// A locator is the text that finds a surface.
//
//     rgtp://host:port/<id>        by packets, or through this host's memory where the exposer is here
//     rgtp:///<id>                 on this host only
//     rgtp://local/<name>          by a name between processes of one user on one host
//     rgtp+NAME://anything         for the transport called NAME, which alone understands the rest
//
// <id> is 32 hex digits; host is an IPv4 address, a host name, or an IPv6 address in brackets, which may
// carry a zone: [fe80::1%eth0]. Behind it may stand `#k=<key>` (sealed: 32 bytes) and `#v=<root>` (verified:
// SHA-256), both base64url without padding, joined by '&'. A locator is a bearer capability: whoever has it
// may pull.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include <rgtp/key.h>
#include <rgtp/types.h>

namespace rgtp {

class RGTP_EXPORT Locator {
 public:
  // A peer on the network; host without brackets.
  struct Network {
    std::string host;
    std::uint16_t port = 0;
    SurfaceId id;
    friend bool operator==(const Network&, const Network&) = default;
  };
  // A surface on this host, found by its id alone.
  struct ThisHost {
    SurfaceId id;
    friend bool operator==(const ThisHost&, const ThisHost&) = default;
  };
  // A rendezvous by name.
  struct Local {
    std::string name;
    friend bool operator==(const Local&, const Local&) = default;
  };
  // Text for another transport: `scheme` without "rgtp+", `rest` is what stands behind "://".
  struct Other {
    std::string scheme;
    std::string rest;
    friend bool operator==(const Other&, const Other&) = default;
  };
  using Where = std::variant<Network, ThisHost, Local, Other>;
  // SHA-256 over the manifest and a Merkle tree of the chunks (SECURITY.md).
  using Root = std::array<std::byte, 32>;

  // malformed_locator with a message that names the part that is wrong, never the secret parts. The text
  // stays the caller's: wipe() it where it holds a key.
  [[nodiscard]] static Result<Locator> parse(std::string_view text);
  // rgtp://local/<name>. A name is 1 to 128 of A-Z a-z 0-9 . _ - and does not begin with a dot.
  [[nodiscard]] static Result<Locator> local(std::string_view name);
  explicit Locator(Where where) : where_(std::move(where)) {}

  const Where& where() const { return where_; }
  // The surface's id where the locator holds one.
  std::optional<SurfaceId> id() const;
  const std::optional<Key>& key() const { return key_; }
  const std::optional<Root>& root() const { return root_; }
  // The same place with another key, another root, or none.
  Locator with(std::optional<Key> key, std::optional<Root> root) const;

  // The text that parse() takes, key included: for handing on, never for a log. wipe() it afterwards.
  std::string reveal() const;
  // The same with the key replaced by "...": for people. The id stays, since it names the surface.
  std::string to_string() const;

  friend bool operator==(const Locator&, const Locator&) = default;

 private:
  Where where_;
  std::optional<Key> key_;
  std::optional<Root> root_;
};

}  // namespace rgtp
