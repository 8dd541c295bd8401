#include "transport/default_transports.h"

#include <rgtp/transports.h>

namespace rgtp::transport {

std::vector<std::shared_ptr<Transport>> transports_or_default(std::vector<std::shared_ptr<Transport>> given,
                                                              const Log& log) {
  if (given.empty()) given.push_back(udp_transport({.log = log}));
  return given;
}

}  // namespace rgtp::transport
