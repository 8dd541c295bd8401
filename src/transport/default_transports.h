// The composition root: the one place that names every transport of the library.
#pragma once

#include <memory>
#include <vector>

#include <rgtp/exposer.h>
#include <rgtp/puller.h>

namespace rgtp::transport {

// In the order of Route::automatic(), nearest first; the user's own where there are any.
std::vector<std::shared_ptr<Transport>> transports_of(const ExposerOptions& options);
std::vector<std::shared_ptr<Transport>> transports_of(const PullerOptions& options);

}  // namespace rgtp::transport
