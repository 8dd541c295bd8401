#include "packet/pacer.h"

#include <algorithm>

namespace rgtp::packet {

void Pacer::on_ask(TimePoint now, std::uint64_t bytes, std::uint64_t rate) {
  if (rate == 0) return;
  const std::chrono::duration<double> takes(static_cast<double>(bytes) / static_cast<double>(rate));
  next_ = std::min(std::max(next_, now - max_catch_up) + std::chrono::duration_cast<Duration>(takes),
                   now + max_ahead);
}

}  // namespace rgtp::packet
