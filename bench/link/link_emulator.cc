// A link between two network namespaces, for whatever IP traffic crosses it:
//
//     ip netns add a; ip netns add b
//     link_emulator a link b link --rate 200 --delay 25 --loss 0.01 &
//     ip -n a addr add 10.0.0.1 peer 10.0.0.2 dev link; ip -n a link set link up      and the same in b
//
// One thread, real time where the kernel allows it: a packet should leave when the model says, not when a
// busy machine comes to it. How late packets were is among the counters.
#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <exception>
#include <iostream>

#include <nlohmann/json.hpp>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "link/emulator_options.h"
#include "link/link_model.h"
#include "link/tun_device.h"

namespace rgtp::bench {

namespace {

constexpr int realtime_priority = 10;
// How many packets of one side are taken before what is due is delivered again.
constexpr int packets_in_a_row = 32;
constexpr std::size_t longest_packet_bytes = 65'536;

TimePoint now() { return std::chrono::steady_clock::now(); }

void keep_time() {
  ::prctl(PR_SET_TIMERSLACK, 1000);  // ns; what follows needs none, and is not always allowed
  sched_param parameters{};
  parameters.sched_priority = realtime_priority;
  if (::sched_setscheduler(0, SCHED_FIFO, &parameters) != 0)
    std::cerr << "link_emulator: no real-time scheduling here, delays will be less exact\n";
}

// A descriptor that is readable once the program is to end.
int signals_to_end() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  return ::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

class Emulator {
 public:
  explicit Emulator(const EmulatorOptions& options)
      : ends_{TunDevice(options.ends[0].space, options.ends[0].device),
              TunDevice(options.ends[1].space, options.ends[1].device)},
        directions_{Direction{LinkModel(options.directions[0], 2 * options.seed)},
                    Direction{LinkModel(options.directions[1], 2 * options.seed + 1)}} {}

  void run_until(int ended) {
    std::array<pollfd, 3> watched{
        {{ends_[0].fd(), POLLIN, 0}, {ends_[1].fd(), POLLIN, 0}, {ended, POLLIN, 0}}};
    while ((watched[2].revents & POLLIN) == 0) {
      for (std::size_t i = 0; i < 2; ++i) deliver(directions_[i], ends_[1 - i]);
      const std::optional<timespec> wait = until_next_due();
      if (::ppoll(watched.data(), watched.size(), wait ? &*wait : nullptr, nullptr) <= 0) continue;
      for (std::size_t i = 0; i < 2; ++i)
        if ((watched[i].revents & POLLIN) != 0) take(ends_[i], directions_[i].model);
    }
  }

  void print_counters() const {
    for (std::size_t i = 0; i < 2; ++i) print(directions_[i], i == 0 ? "ab" : "ba");
  }

 private:
  struct Direction {
    LinkModel model;
    Duration latest{};          // of all packets, how much later than due
    std::uint64_t refused = 0;  // packets that the namespace had no room for
  };

  void take(TunDevice& end, LinkModel& model) {
    for (int i = 0; i < packets_in_a_row; ++i) {
      const std::optional<std::size_t> length = end.read(buffer_);
      if (!length) return;
      model.push(now(), std::span(buffer_).first(*length));
    }
  }

  void deliver(Direction& direction, TunDevice& end) {
    const TimePoint time = now();
    while (const auto delivery = direction.model.pop(time)) {
      direction.latest = std::max(direction.latest, time - delivery->due);
      if (!end.write(delivery->packet)) ++direction.refused;
    }
  }

  std::optional<timespec> until_next_due() const {
    std::optional<TimePoint> next;
    for (const Direction& direction : directions_)
      if (const auto due = direction.model.next_due(); due && (!next || *due < *next)) next = due;
    if (!next) return std::nullopt;
    const auto wait = std::max(*next - now(), Duration::zero());
    const auto seconds = std::chrono::floor<std::chrono::seconds>(wait);
    return timespec{seconds.count(), (wait - seconds).count()};
  }

  static void print(const Direction& direction, const char* name) {
    const LinkCounters& c = direction.model.counters();
    const nlohmann::ordered_json line = {
        {"direction", name},
        {"packets_in", c.packets_in},
        {"bytes_in", c.bytes_in},
        {"lost", c.lost},
        {"dropped", c.dropped},
        {"marked", c.marked},
        {"held_back", c.held_back},
        {"duplicated", c.duplicated},
        {"packets_out", c.packets_out},
        {"bytes_out", c.bytes_out},
        {"longest_queue_bytes", c.longest_queue_bytes},
        {"refused", direction.refused},
        {"latest_us", std::chrono::duration_cast<std::chrono::microseconds>(direction.latest).count()},
    };
    std::cout << line.dump() << std::endl;
  }

  std::array<TunDevice, 2> ends_;
  std::array<Direction, 2> directions_;
  std::array<std::byte, longest_packet_bytes> buffer_{};
};

int run(int argc, char** argv) {
  EmulatorCommandLine command_line;
  try {
    const EmulatorOptions options = command_line.parse(argc, argv);
    const int ended = signals_to_end();
    Emulator emulator(options);
    keep_time();
    emulator.run_until(ended);
    emulator.print_counters();
    return 0;
  } catch (const CLI::ParseError& error) {
    return command_line.exit(error);
  } catch (const std::exception& error) {
    std::cerr << "link_emulator: " << error.what() << '\n';
    return 1;
  }
}

}  // namespace

}  // namespace rgtp::bench

int main(int argc, char** argv) { return rgtp::bench::run(argc, argv); }
