// A file from one process to another by TCP, as cheaply as Linux does it: what a pull into a file is compared
// with.
//
//     tcp_copy serve 10.0.0.1 7000 FILE     sends it by sendfile() to all who connect, each by a thread
//     tcp_copy fetch 10.0.0.1 7000 FILE     writes what comes; --splice: by a pipe, without user memory
//
// Both print a line of JSON a transfer. Nothing is verified. `samples` are bytes that had come by the end of
// each 100 ms, as pull_meter's are. The processor's time is that of the whole process, for transfers one
// after the other.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <exception>
#include <iostream>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <nlohmann/json.hpp>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "cpu_time.h"
#include "peers/descriptor.h"

namespace rgtp::bench {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t piece_bytes = 1024 * 1024;
constexpr std::chrono::milliseconds sample_interval(100);

struct CopyOptions {
  std::string address;
  std::uint16_t port = 0;
  std::string file;
  std::string congestion = "cubic";
  bool splice = false;
  double seconds = 0;  // then the transfer is given up; 0: never
};

// What has come, by and by.
class Progress {
 public:
  explicit Progress(double seconds) {
    if (seconds > 0)
      deadline_ =
          began_ + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  }
  // False once time is up.
  bool count(std::uint64_t bytes) {
    const auto now = Clock::now();
    for (; now >= next_sample_; next_sample_ += sample_interval) samples_.push_back(bytes_);
    bytes_ += bytes;
    return !deadline_ || now < *deadline_;
  }
  std::uint64_t bytes() const { return bytes_; }
  const std::vector<std::uint64_t>& samples() const { return samples_; }

 private:
  const Clock::time_point began_ = Clock::now();
  Clock::time_point next_sample_ = began_ + sample_interval;
  std::optional<Clock::time_point> deadline_;
  std::uint64_t bytes_ = 0;
  std::vector<std::uint64_t> samples_;
};

void choose_congestion(const Descriptor& socket, const std::string& name) {
  checked(::setsockopt(socket.get(), IPPROTO_TCP, TCP_CONGESTION, name.data(),
                       static_cast<socklen_t>(name.size())),
          "TCP_CONGESTION");
}

// Runs a transfer and prints what it came to.
template <class Transfer>
void report(double seconds, Transfer transfer) {
  const double cpu_before = cpu_seconds();
  const auto began = Clock::now();
  Progress progress(seconds);
  transfer(progress);
  const double took = std::chrono::duration<double>(Clock::now() - began).count();
  const nlohmann::ordered_json line = {{"bytes", progress.bytes()},
                                       {"seconds", took},
                                       {"goodput", static_cast<double>(progress.bytes()) / took},
                                       {"cpu_seconds", cpu_seconds() - cpu_before},
                                       {"samples", progress.samples()}};
  static std::mutex one_line_at_a_time;
  const std::lock_guard lock(one_line_at_a_time);
  std::cout << line.dump() << std::endl;
}

void send_file(const Descriptor& connection, const Descriptor& file, Progress& progress) {
  struct stat status {};
  checked(::fstat(file.get(), &status), "fstat");
  off_t sent = 0;
  while (sent < status.st_size)
    progress.count(static_cast<std::uint64_t>(checked(
        ::sendfile(connection.get(), file.get(), &sent, static_cast<std::size_t>(status.st_size - sent)),
        "sendfile")));
}

// A receiver that goes before the end is its own affair.
void send_to(const Descriptor& connection, const Descriptor& file) {
  try {
    report(0, [&](Progress& progress) { send_file(connection, file, progress); });
  } catch (const std::exception& error) {
    std::cerr << "tcp_copy: " << error.what() << '\n';
  }
}

[[noreturn]] void serve(const CopyOptions& options) {
  const Descriptor file = open_file(options.file, O_RDONLY);
  const Descriptor listening = make_socket(SOCK_STREAM);
  set_option(listening, SOL_SOCKET, SO_REUSEADDR, 1);
  choose_congestion(listening, options.congestion);
  bind_to(listening, ipv4(options.address, options.port));
  checked(::listen(listening.get(), SOMAXCONN), "listen");
  while (true) {
    Descriptor connection(checked(::accept(listening.get(), nullptr, nullptr), "accept"));
    std::thread([connection = std::move(connection), &file] { send_to(connection, file); }).detach();
  }
}

void receive_by_copy(const Descriptor& connection, const Descriptor& file, Progress& progress) {
  std::vector<char> piece(piece_bytes);
  while (const ssize_t got = checked(::read(connection.get(), piece.data(), piece.size()), "read")) {
    for (ssize_t put = 0; put < got;)
      put += checked(::write(file.get(), piece.data() + put, static_cast<std::size_t>(got - put)), "write");
    if (!progress.count(static_cast<std::uint64_t>(got))) return;
  }
}

void receive_by_splice(const Descriptor& connection, const Descriptor& file, Progress& progress) {
  int ends[2];
  checked(::pipe2(ends, O_CLOEXEC), "pipe");
  const Descriptor out(ends[0]);
  const Descriptor in(ends[1]);
  checked(::fcntl(in.get(), F_SETPIPE_SZ, static_cast<int>(piece_bytes)), "F_SETPIPE_SZ");
  while (const ssize_t got = checked(::splice(connection.get(), nullptr, in.get(), nullptr, piece_bytes,
                                              SPLICE_F_MOVE | SPLICE_F_MORE),
                                     "splice from the socket")) {
    for (ssize_t left = got; left > 0;)
      left -= checked(
          ::splice(out.get(), nullptr, file.get(), nullptr, static_cast<std::size_t>(left), SPLICE_F_MOVE),
          "splice to the file");
    if (!progress.count(static_cast<std::uint64_t>(got))) return;
  }
}

void fetch(const CopyOptions& options) {
  report(options.seconds, [&](Progress& progress) {
    const Descriptor file = open_file(options.file, O_WRONLY | O_CREAT | O_TRUNC);
    const Descriptor connection = make_socket(SOCK_STREAM);
    connect_to(connection, ipv4(options.address, options.port));
    if (options.splice)
      receive_by_splice(connection, file, progress);
    else
      receive_by_copy(connection, file, progress);
  });
}

CLI::App& add_command(CLI::App& app, const std::string& name, const std::string& help, CopyOptions& options) {
  CLI::App& command = *app.add_subcommand(name, help);
  command.add_option("ADDRESS", options.address)->required();
  command.add_option("PORT", options.port)->required();
  command.add_option("FILE", options.file)->required();
  return command;
}

int run(int argc, char** argv) {
  CLI::App app("A file from one process to another by TCP.");
  app.require_subcommand(1);
  CopyOptions options;
  add_command(app, "serve", "send a file to whoever connects", options)
      .add_option("--congestion", options.congestion, "the kernel's controller")
      ->capture_default_str();
  CLI::App& fetching = add_command(app, "fetch", "write what comes", options);
  fetching.add_flag("--splice", options.splice, "by a pipe, without user memory");
  fetching.add_option("--seconds", options.seconds, "end there, done or not; 0: never")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  std::signal(SIGPIPE, SIG_IGN);
  try {
    if (!fetching.parsed()) serve(options);
    fetch(options);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "tcp_copy: " << error.what() << '\n';
    return 1;
  }
}

}  // namespace

}  // namespace rgtp::bench

int main(int argc, char** argv) { return rgtp::bench::run(argc, argv); }
