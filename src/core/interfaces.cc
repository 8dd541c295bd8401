// The destructors of the public interfaces: one place for their type information.
#include <rgtp/event_loop.h>
#include <rgtp/transport.h>

namespace rgtp {

Region::~Region() = default;
Store::~Store() = default;
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
