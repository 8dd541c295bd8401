#include "cli/routes.h"

#include <charconv>
#include <filesystem>

#include <pwd.h>

namespace rgtp::cli {

void add_route_option(CLI::App& command, std::string& route) {
  command
      .add_option("--route", route,
                  "auto: memory where the other side is on this\nhost, else packets; shm or udp alone")
      ->check(CLI::IsMember({"auto", "shm", "udp"}))
      ->option_text("auto|shm|udp [auto]");
}

void add_packet_options(CLI::App& command, UdpOptions& options, const std::string& verb) {
  command.add_option("--mtu", options.mtu, "largest IP packet to " + verb)
      ->check(CLI::Range(576, 9000))
      ->option_text("BYTES");
  command.add_flag_callback(
      "--no-offload", [&options] { options.offload = Offload::off; },
      "do not let the kernel cut and join packets");
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

std::optional<uid_t> user_called(const std::string& text) {
  uid_t user = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), user);
  if (error == std::errc{} && end == text.data() + text.size()) return user;
  const passwd* const entry = getpwnam(text.c_str());
  return entry != nullptr ? std::optional(entry->pw_uid) : std::nullopt;
}

std::string name_of_user(uid_t user) {
  const passwd* const entry = getpwuid(user);
  return entry != nullptr ? entry->pw_name : std::to_string(user);
}

}  // namespace rgtp::cli
