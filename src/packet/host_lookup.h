// The addresses of a host name, without holding anything up: the system's resolver can neither be told a
// deadline nor be interrupted, so it runs on a thread of its own that nobody waits for.
//
//     lookup = HostLookup::start(loop, "example.org", 9000, deadline, [](auto addresses) { ... });
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <rgtp/event_loop.h>

#include "packet/address.h"

namespace rgtp::packet {

class HostLookup {
 public:
  using Addresses = Result<std::vector<Address>>;
  using Resolver = std::function<Addresses(const std::string& host, std::uint16_t port)>;
  // Lookups under way in this process: one to a name server that never answers holds its thread for long.
  static constexpr int max_at_once = 64;

  // Loop's thread. Calls `done` there, once, never inside this call, unless the lookup is destroyed before:
  // host_not_found, timed_out after the deadline. `limit` or io_error where no thread is to be had.
  // `resolver` may block for as long as it likes; by default the system's.
  [[nodiscard]] static Result<std::unique_ptr<HostLookup>> start(EventLoop& loop, const std::string& host,
                                                                 std::uint16_t port, TimePoint deadline,
                                                                 std::function<void(Addresses)> done,
                                                                 Resolver resolver = {});
  ~HostLookup();
  HostLookup(const HostLookup&) = delete;
  HostLookup& operator=(const HostLookup&) = delete;

 private:
  struct Shared;
  HostLookup(std::shared_ptr<Shared> shared, std::unique_ptr<Timer> deadline);

  std::shared_ptr<Shared> shared_;
  std::unique_ptr<Timer> deadline_;
};

}  // namespace rgtp::packet
