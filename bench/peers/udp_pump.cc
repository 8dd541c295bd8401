// How fast datagrams go between two processes here with nothing but the kernel between them: what a pull's
// rate is compared with.
//
//     udp_pump receive 10.0.0.1 7001             counts until nothing came for 300 ms
//     udp_pump send    10.0.0.1 7001 --seconds 3
//
// Trains of 44 datagrams of 1,400 bytes are cut by the kernel (UDP_SEGMENT) and put together again (UDP_GRO).
// Nobody holds the sender back, so that what counts is what the receiver got. Each prints a line of JSON.
#include <array>
#include <chrono>
#include <cstdint>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <netinet/udp.h>
#include <nlohmann/json.hpp>

#include "cpu_time.h"
#include "peers/descriptor.h"

namespace rgtp::bench {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int datagram_bytes = 1400;
constexpr std::size_t train_bytes = 44 * datagram_bytes;
constexpr std::size_t memory_bytes = 1024 * train_bytes;  // more than a cache holds, as a surface is
constexpr std::size_t buffers = 8;
constexpr std::size_t buffer_bytes = 64 * 1024;
constexpr timeval silence{0, 300'000};
constexpr int receive_buffer_bytes = 4 * 1024 * 1024;

struct PumpOptions {
  std::string address;
  std::uint16_t port = 0;
  double seconds = 3;
};

void report(std::uint64_t bytes, double took, double cpu) {
  const nlohmann::ordered_json line = {{"bytes", bytes}, {"seconds", took}, {"cpu_seconds", cpu}};
  std::cout << line.dump() << std::endl;
}

double seconds_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

void send(const PumpOptions& options) {
  const Descriptor socket = make_socket(SOCK_DGRAM);
  connect_to(socket, ipv4(options.address, options.port));
  set_option(socket, IPPROTO_UDP, UDP_SEGMENT, datagram_bytes);
  const std::vector<char> memory(memory_bytes, 'x');
  const double cpu_before = cpu_seconds();
  const auto began = Clock::now();
  std::uint64_t sent = 0;
  while (seconds_between(began, Clock::now()) < options.seconds) {
    const ssize_t put = ::send(socket.get(), memory.data() + sent % memory_bytes, train_bytes, 0);
    // A receiver that was not there yet, or is gone, is told by the next send; a full device queue by
    // ENOBUFS.
    if (put < 0 && errno != ECONNREFUSED && errno != ENOBUFS) checked(put, "send");
    if (put > 0) sent += static_cast<std::uint64_t>(put);
  }
  report(sent, seconds_between(began, Clock::now()), cpu_seconds() - cpu_before);
}

class Receiver {
 public:
  explicit Receiver(const PumpOptions& options)
      : socket_(make_socket(SOCK_DGRAM)), memory_(buffers * buffer_bytes) {
    set_option(socket_, IPPROTO_UDP, UDP_GRO, 1);
    set_option(socket_, SOL_SOCKET, SO_RCVBUF, receive_buffer_bytes);
    bind_to(socket_, ipv4(options.address, options.port));
    for (std::size_t i = 0; i < buffers; ++i) {
      parts_[i] = {memory_.data() + i * buffer_bytes, buffer_bytes};
      messages_[i].msg_hdr.msg_iov = &parts_[i];
      messages_[i].msg_hdr.msg_iovlen = 1;
    }
  }

  void run() {
    const std::uint64_t first = receive();
    const auto began = Clock::now();
    checked(::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof silence), "SO_RCVTIMEO");
    const double cpu_before = cpu_seconds();
    auto last = began;
    std::uint64_t bytes = 0;  // after the first, with which the clock began
    for (std::uint64_t got = first; got > 0; last = Clock::now()) {
      got = receive();
      if (got == 0) break;
      bytes += got;
    }
    report(bytes, seconds_between(began, last), cpu_seconds() - cpu_before);
  }

 private:
  // Bytes; 0 where nothing came in time.
  std::uint64_t receive() {
    const int got = ::recvmmsg(socket_.get(), messages_.data(), buffers, MSG_WAITFORONE, nullptr);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    checked(got, "recvmmsg");
    std::uint64_t bytes = 0;
    for (std::size_t i = 0; i < static_cast<std::size_t>(got); ++i) bytes += messages_[i].msg_len;
    return bytes;
  }

  Descriptor socket_;
  std::vector<char> memory_;
  std::array<iovec, buffers> parts_{};
  std::array<mmsghdr, buffers> messages_{};
};

CLI::App& add_command(CLI::App& app, const std::string& name, const std::string& help, PumpOptions& options) {
  CLI::App& command = *app.add_subcommand(name, help);
  command.add_option("ADDRESS", options.address)->required();
  command.add_option("PORT", options.port)->required();
  return command;
}

int run(int argc, char** argv) {
  CLI::App app("How fast datagrams go between two processes.");
  app.require_subcommand(1);
  PumpOptions options;
  CLI::App& sending = add_command(app, "send", "as fast as it goes", options);
  sending.add_option("--seconds", options.seconds)->capture_default_str();
  add_command(app, "receive", "count until nothing comes any more", options);
  CLI11_PARSE(app, argc, argv);
  try {
    if (sending.parsed())
      send(options);
    else
      Receiver(options).run();
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "udp_pump: " << error.what() << '\n';
    return 1;
  }
}

}  // namespace

}  // namespace rgtp::bench

int main(int argc, char** argv) { return rgtp::bench::run(argc, argv); }
