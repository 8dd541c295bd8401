// How long a small datagram takes to another process and back, while something else uses the path:
//
//     echo_probe answer 10.0.0.1 7002
//     echo_probe ask    10.0.0.1 7002 --seconds 5
//
// Both run at real-time priority where they may, so that what is measured is the path's queues and not the
// wait for a processor. `ask` prints a line of JSON, in milliseconds.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <exception>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <sched.h>

#include "peers/descriptor.h"

namespace rgtp::bench {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int realtime_priority = 5;
constexpr timeval patience{0, 500'000};

struct ProbeOptions {
  std::string address;
  std::uint16_t port = 0;
  double seconds = 5;
  int interval_us = 2000;
};

[[noreturn]] void answer(const ProbeOptions& options) {
  const Descriptor socket = make_socket(SOCK_DGRAM);
  bind_to(socket, ipv4(options.address, options.port));
  std::uint64_t number = 0;
  while (true) {
    sockaddr_in from{};
    socklen_t length = sizeof from;
    const ssize_t got =
        ::recvfrom(socket.get(), &number, sizeof number, 0, reinterpret_cast<sockaddr*>(&from), &length);
    if (got == sizeof number)
      (void)::sendto(socket.get(), &number, sizeof number, 0, reinterpret_cast<const sockaddr*>(&from),
                     length);
  }
}

// Whether the answer to `number` came; later answers to earlier ones are passed over.
bool await_answer(const Descriptor& socket, std::uint64_t number) {
  std::uint64_t came = 0;
  while (::recv(socket.get(), &came, sizeof came, 0) == sizeof came)
    if (came == number) return true;
  return false;
}

void ask(const ProbeOptions& options) {
  const Descriptor socket = make_socket(SOCK_DGRAM);
  connect_to(socket, ipv4(options.address, options.port));
  checked(::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), "SO_RCVTIMEO");
  std::vector<double> times_ms;
  std::uint64_t lost = 0;
  std::uint64_t number = 0;
  const auto end = Clock::now() + std::chrono::duration<double>(options.seconds);
  while (Clock::now() < end) {
    const auto sent = Clock::now();
    ++number;
    (void)::send(socket.get(), &number, sizeof number, 0);
    if (await_answer(socket, number))
      times_ms.push_back(std::chrono::duration<double, std::milli>(Clock::now() - sent).count());
    else
      ++lost;
    std::this_thread::sleep_until(sent + std::chrono::microseconds(options.interval_us));
  }
  std::sort(times_ms.begin(), times_ms.end());
  const auto quantile = [&](double share) {
    if (times_ms.empty()) return 0.0;
    return times_ms[static_cast<std::size_t>(share * static_cast<double>(times_ms.size() - 1))];
  };
  const nlohmann::ordered_json line = {{"asked", number},         {"lost", lost},
                                       {"median", quantile(0.5)}, {"p90", quantile(0.9)},
                                       {"p99", quantile(0.99)},   {"longest", quantile(1)}};
  std::cout << line.dump() << std::endl;
}

CLI::App& add_command(CLI::App& app, const std::string& name, const std::string& help,
                      ProbeOptions& options) {
  CLI::App& command = *app.add_subcommand(name, help);
  command.add_option("ADDRESS", options.address)->required();
  command.add_option("PORT", options.port)->required();
  return command;
}

int run(int argc, char** argv) {
  CLI::App app("How long a small datagram takes to another process and back.");
  app.require_subcommand(1);
  ProbeOptions options;
  CLI::App& asking = add_command(app, "ask", "measure", options);
  asking.add_option("--seconds", options.seconds)->capture_default_str();
  asking.add_option("--interval", options.interval_us, "us from one to the next")->capture_default_str();
  add_command(app, "answer", "send back whatever comes", options);
  CLI11_PARSE(app, argc, argv);
  sched_param parameters{};
  parameters.sched_priority = realtime_priority;
  if (::sched_setscheduler(0, SCHED_FIFO, &parameters) != 0)
    std::cerr << "echo_probe: no real-time scheduling here, waits for a processor are counted\n";
  try {
    if (!asking.parsed()) answer(options);
    ask(options);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "echo_probe: " << error.what() << '\n';
    return 1;
  }
}

}  // namespace

}  // namespace rgtp::bench

int main(int argc, char** argv) { return rgtp::bench::run(argc, argv); }
