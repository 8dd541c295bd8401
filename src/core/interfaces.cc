// The destructors of the public interfaces: one place for their type information; and what they do
// themselves.
#include <algorithm>

#include <rgtp/event_loop.h>
#include <rgtp/transport.h>

namespace rgtp {

Region::~Region() = default;
Store::~Store() = default;
std::uint64_t Store::has_word(std::uint32_t word) const {
  const std::uint32_t first = word * 64;
  const std::uint32_t count = std::min(64U, manifest().chunk_count() - first);
  std::uint64_t bits = 0;
  for (std::uint32_t i = 0; i < count; ++i)
    if (has(ChunkIndex{first + i})) bits |= std::uint64_t{1} << i;
  return bits;
}
Observer::~Observer() = default;
Timer::~Timer() = default;
Watch::~Watch() = default;
EventLoop::~EventLoop() = default;
Sink::~Sink() = default;
Fetch::~Fetch() = default;
Follower::~Follower() = default;
Exposure::~Exposure() = default;
Transport::~Transport() = default;
std::shared_ptr<void> Transport::attach(EventLoop& /*loop*/) { return nullptr; }

}  // namespace rgtp
