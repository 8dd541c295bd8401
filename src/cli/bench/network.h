// A path that is there: network namespaces and the link between them.
#pragma once

#include <memory>
#include <string>

#include <rgtp/error.h>

#include "cli/bench/party.h"
#include "cli/bench/path.h"

namespace rgtp::cli::bench {

// Gone when it is destroyed, and nothing outside of its namespaces is touched.
class Network {
 public:
  // What is no loopback needs root, iproute2, and an emulated link the program of the link emulator: no_route
  // says what is missing. Frames of a veth pair are really cut to its MTU of 1,500, where ethtool is there.
  [[nodiscard]] static Result<Network> open(const Path& path, const std::string& link_emulator);
  Network(Network&&) noexcept;
  Network& operator=(Network&&) = delete;
  ~Network();

  const Party::Place& exposers() const;
  const Party::Place& pullers() const;
  // Of the exposers, IPv4.
  const std::string& address() const;

 private:
  class Link;

  explicit Network(std::unique_ptr<Link> link);

  std::unique_ptr<Link> link_;  // null: this host's loopback
};

}  // namespace rgtp::cli::bench
