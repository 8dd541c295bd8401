// --route and what goes with it: which transports the command uses.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <rgtp/transports.h>

namespace rgtp::cli {

// The help of a command fits on a screen: what is rarely used is named in its last lines.
inline constexpr const char* named_in_the_footer = "In the footer";

// Adds --mtu and --no-offload, named in the footer; `verb` is what packets are done with.
void add_packet_options(CLI::App& command, UdpOptions& options, const std::string& verb);

// Adds --route auto|shm|udp.
void add_route_option(CLI::App& command, std::string& route);

// Memory before packets; one of them alone where the route says so, so that `shm` opens no socket. Under
// `auto` a host without /dev/shm has packets alone.
std::vector<std::shared_ptr<Transport>> transports_for(const std::string& route, const ShmOptions& memory,
                                                       const UdpOptions& udp);

}  // namespace rgtp::cli
