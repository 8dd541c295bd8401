#include "transport/default_transports.h"

#include <filesystem>

#include <rgtp/transports.h>

namespace rgtp::transport {

namespace {

std::vector<std::shared_ptr<Transport>> default_transports(const ShmOptions& memory) {
  std::vector<std::shared_ptr<Transport>> transports;
  std::error_code error;
  // Some containers have none; there packets do it all.
  if (std::filesystem::is_directory(memory.directory, error)) transports.push_back(shm_transport(memory));
  transports.push_back(udp_transport({.log = memory.log}));
  return transports;
}

}  // namespace

std::vector<std::shared_ptr<Transport>> transports_of(const ExposerOptions& options) {
  return options.transports.empty() ? default_transports({.log = options.log}) : options.transports;
}

std::vector<std::shared_ptr<Transport>> transports_of(const PullerOptions& options) {
  return options.transports.empty() ? default_transports({.trust = options.trust, .log = options.log})
                                    : options.transports;
}

}  // namespace rgtp::transport
