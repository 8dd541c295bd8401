#include "cli/routes.h"

#include <filesystem>

namespace rgtp::cli {

void add_route_option(CLI::App& command, std::string& route) {
  command.add_option("--route", route, "memory on this host, else packets; or one alone")
      ->check(CLI::IsMember({"auto", "shm", "udp"}))
      ->option_text("auto|shm|udp [auto]");
}

void add_packet_options(CLI::App& command, UdpOptions& options, const std::string& verb) {
  command.add_option("--mtu", options.mtu, "largest IP packet to " + verb)
      ->check(CLI::Range(576, 9000))
      ->option_text("BYTES")
      ->group(named_in_the_footer);
  command
      .add_flag_callback(
          "--no-offload", [&options] { options.offload = Offload::off; },
          "do not let the kernel cut and join packets")
      ->group(named_in_the_footer);
}

std::vector<std::shared_ptr<Transport>> transports_for(const std::string& route, const ShmOptions& memory,
                                                       const UdpOptions& udp) {
  std::vector<std::shared_ptr<Transport>> transports;
  std::error_code error;
  const bool has_memory = std::filesystem::is_directory(memory.directory, error);
  if (route == "shm" || (route == "auto" && has_memory)) transports.push_back(shm_transport(memory));
  if (route != "shm") transports.push_back(udp_transport(udp));
  return transports;
}

}  // namespace rgtp::cli
