// Multicast groups of one process alone, spoken to over the loopback interface: nothing leaves this host.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <thread>

#include <unistd.h>

#include <rgtp/group.h>

namespace rgtp::test {

inline std::string group_port() { return std::to_string(20'000 + ::getpid() % 20'000); }
// ADDRESS:PORT; tests that run side by side in a process each take another number.
inline std::string group_of_this_process(int number) {
  return "239.255.71." + std::to_string(number) + ":" + group_port();
}

// Nothing where there is none within a second.
inline std::optional<Advertisement> next_heard(GroupReceiver& receiver) {
  for (int tries = 0; tries < 200; ++tries) {
    if (auto heard = receiver.receive()) return heard;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return std::nullopt;
}

}  // namespace rgtp::test
