// A file from one process to another by TCP, as cheaply as Linux does it: what a pull into a file is compared
// with.
//
//     tcp_copy serve 10.0.0.1 7000 FILE          sends it by sendfile() to whoever connects, one after the
//     other tcp_copy fetch 10.0.0.1 7000 FILE          writes what comes; --splice: by a pipe, without user
//     memory
//
// Both print a line of JSON a transfer. Nothing is verified.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <exception>
#include <iostream>
#include <string>
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

struct CopyOptions {
  std::string address;
  std::uint16_t port = 0;
  std::string file;
  std::string congestion = "cubic";
  bool splice = false;
};

void choose_congestion(const Descriptor& socket, const std::string& name) {
  checked(::setsockopt(socket.get(), IPPROTO_TCP, TCP_CONGESTION, name.data(),
                       static_cast<socklen_t>(name.size())),
          "TCP_CONGESTION");
}

// Runs a transfer and prints what it came to. `transfer` returns bytes.
template <class Transfer>
void report(Transfer transfer) {
  const double cpu_before = cpu_seconds();
  const auto began = Clock::now();
  const std::uint64_t bytes = transfer();
  const double took = std::chrono::duration<double>(Clock::now() - began).count();
  const nlohmann::ordered_json line = {
      {"bytes", bytes}, {"seconds", took}, {"cpu_seconds", cpu_seconds() - cpu_before}};
  std::cout << line.dump() << std::endl;
}

std::uint64_t send_file(const Descriptor& connection, const Descriptor& file) {
  struct stat status {};
  checked(::fstat(file.get(), &status), "fstat");
  off_t sent = 0;
  while (sent < status.st_size)
    checked(::sendfile(connection.get(), file.get(), &sent, static_cast<std::size_t>(status.st_size - sent)),
            "sendfile");
  return static_cast<std::uint64_t>(sent);
}

[[noreturn]] void serve(const CopyOptions& options) {
  const Descriptor file = open_file(options.file, O_RDONLY);
  const Descriptor listening = make_socket(SOCK_STREAM);
  set_option(listening, SOL_SOCKET, SO_REUSEADDR, 1);
  choose_congestion(listening, options.congestion);
  bind_to(listening, ipv4(options.address, options.port));
  checked(::listen(listening.get(), 1), "listen");
  while (true) {
    const Descriptor connection(checked(::accept(listening.get(), nullptr, nullptr), "accept"));
    report([&] { return send_file(connection, file); });
  }
}

std::uint64_t receive_by_copy(const Descriptor& connection, const Descriptor& file) {
  std::vector<char> piece(piece_bytes);
  std::uint64_t total = 0;
  while (const ssize_t got = checked(::read(connection.get(), piece.data(), piece.size()), "read")) {
    for (ssize_t put = 0; put < got;)
      put += checked(::write(file.get(), piece.data() + put, static_cast<std::size_t>(got - put)), "write");
    total += static_cast<std::uint64_t>(got);
  }
  return total;
}

std::uint64_t receive_by_splice(const Descriptor& connection, const Descriptor& file) {
  int ends[2];
  checked(::pipe2(ends, O_CLOEXEC), "pipe");
  const Descriptor out(ends[0]);
  const Descriptor in(ends[1]);
  checked(::fcntl(in.get(), F_SETPIPE_SZ, static_cast<int>(piece_bytes)), "F_SETPIPE_SZ");
  std::uint64_t total = 0;
  while (const ssize_t got = checked(::splice(connection.get(), nullptr, in.get(), nullptr, piece_bytes,
                                              SPLICE_F_MOVE | SPLICE_F_MORE),
                                     "splice from the socket")) {
    for (ssize_t left = got; left > 0;)
      left -= checked(
          ::splice(out.get(), nullptr, file.get(), nullptr, static_cast<std::size_t>(left), SPLICE_F_MOVE),
          "splice to the file");
    total += static_cast<std::uint64_t>(got);
  }
  return total;
}

void fetch(const CopyOptions& options) {
  report([&] {
    const Descriptor file = open_file(options.file, O_WRONLY | O_CREAT | O_TRUNC);
    const Descriptor connection = make_socket(SOCK_STREAM);
    connect_to(connection, ipv4(options.address, options.port));
    return options.splice ? receive_by_splice(connection, file) : receive_by_copy(connection, file);
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
