// Finding surfaces on the network: exposers tell a multicast group what they have, whoever joins it hears.
//
//     auto sender = rgtp::GroupSender::open(group, "192.0.2.7:9000").value();
//     (void)sender.send(*rgtp::advertisement_of(surface.locator(), surface.manifest(),
//                                                rgtp::AdvertiseIds::no));               once a second
//
//     auto receiver = rgtp::GroupReceiver::open(group).value();
//     while (auto heard = receiver.receive()) ...                    whenever descriptor() is readable
//
// Anybody on the network can send such a datagram: what is heard is a hint where to look. One thread at a
// time uses an object.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include <rgtp/locator.h>
#include <rgtp/manifest.h>

namespace rgtp {

// Of the administratively scoped block for a site (RFC 2365, section 6.2), where nobody names another.
inline constexpr char default_group[] = "239.255.71.82:7182";

// What a group is told of one surface.
struct Advertisement {
  std::string name;
  std::uint64_t size = 0;  // the capacity, while the size is not known
  bool size_known = true;
  std::string host;
  std::uint16_t port = 0;
  // Whoever hears it may pull; who does not needs the locator from elsewhere.
  std::optional<SurfaceId> id;

  friend bool operator==(const Advertisement&, const Advertisement&) = default;
};

enum class AdvertiseIds { no, yes };
// Nothing for a surface that is not offered on a network.
RGTP_EXPORT std::optional<Advertisement> advertisement_of(const Locator& locator, const Manifest& manifest,
                                                          AdvertiseIds ids);

class RGTP_EXPORT GroupSender {
 public:
  // `group` is ADDRESS:PORT or [IPV6]:PORT of a multicast group; `from` is what the exposer binds, in the
  // same form: by its interface it is told, or by that of the default route where it is a wildcard. Errors:
  // invalid_argument, io_error, denied.
  [[nodiscard]] static Result<GroupSender> open(const std::string& group, const std::string& from);
  GroupSender(GroupSender&&) noexcept;
  GroupSender& operator=(GroupSender&&) noexcept;
  ~GroupSender();

  // One datagram, to this network alone. invalid_argument for a host or a name that is too long, io_error.
  [[nodiscard]] Result<void> send(const Advertisement& advertisement);

 private:
  struct State;
  explicit GroupSender(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

class RGTP_EXPORT GroupReceiver {
 public:
  // On every interface of this host. invalid_argument, address_in_use, io_error.
  [[nodiscard]] static Result<GroupReceiver> open(const std::string& group);
  GroupReceiver(GroupReceiver&&) noexcept;
  GroupReceiver& operator=(GroupReceiver&&) noexcept;
  ~GroupReceiver();

  // Readable while there is something to receive. Closed with this object.
  int descriptor() const;
  // What was heard next; nothing where there is no more now. Never waits.
  std::optional<Advertisement> receive();

 private:
  struct State;
  explicit GroupReceiver(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace rgtp
