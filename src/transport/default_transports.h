// The composition root: the one place that names every transport of the library.
#pragma once

#include <memory>
#include <vector>

#include <rgtp/log.h>
#include <rgtp/transport.h>

namespace rgtp::transport {

// In the order of Route::automatic(); `given` where the user gave any.
std::vector<std::shared_ptr<Transport>> transports_or_default(std::vector<std::shared_ptr<Transport>> given,
                                                              const Log& log);

}  // namespace rgtp::transport
