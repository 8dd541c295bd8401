// Shared memory against what it replaces, between two processes, medians of interleaved rounds:
//
//     memory_bench [ROUNDS]
//
// First byte: from pull() on an open Puller to the first byte of a 64 MiB surface, beside bare open + fstat +
// mmap + read of a file of the same size in /dev/shm. Bytes: 256 MiB pulled and read, for the first time and
// again, beside TCP over loopback (received into memory and read), memcpy and a scan of private memory.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rgtp/rgtp.h>

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t mib = 1024 * 1024;
constexpr std::size_t small_bytes = 64 * mib;
constexpr std::size_t large_bytes = 256 * mib;
constexpr int surfaces_for_first_time = 12;

volatile std::uint64_t sink;

std::uint64_t scan(std::span<const std::byte> bytes) {
  std::uint64_t sums[4] = {};
  const auto* const words = reinterpret_cast<const std::uint64_t*>(bytes.data());
  for (std::size_t i = 0; i + 4 <= bytes.size() / 8; i += 4)
    for (std::size_t lane = 0; lane < 4; ++lane) sums[lane] += words[i + lane];
  return sums[0] + sums[1] + sums[2] + sums[3];
}

double seconds_of(const std::function<void()>& work) {
  const auto began = Clock::now();
  work();
  return std::chrono::duration<double>(Clock::now() - began).count();
}

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::exit(1);
}

void read_all(int fd, void* out, std::size_t size) {
  for (auto* at = static_cast<char*>(out); size > 0;) {
    const ssize_t got = ::read(fd, at, size);
    if (got <= 0) give_up("read");
    at += got;
    size -= static_cast<std::size_t>(got);
  }
}

void write_all(int fd, const void* in, std::size_t size) {
  for (auto* at = static_cast<const char*>(in); size > 0;) {
    const ssize_t put = ::write(fd, at, size);
    if (put <= 0) give_up("write");
    at += put;
    size -= static_cast<std::size_t>(put);
  }
}

// The other process: exposes the surfaces, prints their locators, and sends large_bytes to whoever connects,
// until its stdin ends.
void serve(int commands, int answers) {
  std::vector<std::byte> bytes(large_bytes);
  for (std::size_t i = 0; i < bytes.size(); i += 8) std::memcpy(&bytes[i], &i, 8);
  auto exposer = rgtp::Exposer::open().value();
  std::vector<rgtp::Surface> surfaces;
  const auto expose = [&](std::size_t size) {
    surfaces.push_back(exposer.expose(rgtp::Source::bytes(std::span(bytes).first(size))).get().value());
    std::string line = surfaces.back().locator().reveal();
    line.resize(128, '\n');
    write_all(answers, line.data(), line.size());
  };
  expose(small_bytes);
  for (int i = 0; i < surfaces_for_first_time; ++i) expose(large_bytes);
  const int listening = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  if (::bind(listening, reinterpret_cast<sockaddr*>(&address), length) != 0 || ::listen(listening, 8) != 0 ||
      ::getsockname(listening, reinterpret_cast<sockaddr*>(&address), &length) != 0)
    give_up("listen");
  write_all(answers, &address.sin_port, sizeof address.sin_port);
  for (char command = 0; ::read(commands, &command, 1) == 1;) {
    const int connection = ::accept(listening, nullptr, nullptr);
    write_all(connection, bytes.data(), bytes.size());
    ::close(connection);
  }
}

struct Row {
  const char* name;
  std::vector<double> seconds = {};

  double median() {
    std::sort(seconds.begin(), seconds.end());
    return seconds[seconds.size() / 2];
  }
};

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::min(std::atoi(argv[1]), surfaces_for_first_time) : 7;
  int commands[2];
  int answers[2];
  if (::pipe(commands) != 0 || ::pipe(answers) != 0) give_up("pipe");
  const pid_t child = ::fork();
  if (child < 0) give_up("fork");
  if (child == 0) {
    ::close(commands[1]);
    ::close(answers[0]);
    serve(commands[0], answers[1]);
    return 0;
  }
  ::close(commands[0]);
  ::close(answers[1]);
  std::vector<rgtp::Locator> locators;
  for (int i = 0; i <= surfaces_for_first_time; ++i) {
    char line[128];
    read_all(answers[0], line, sizeof line);
    locators.push_back(rgtp::Locator::parse(std::string(line, std::find(line, line + 128, '\n'))).value());
  }
  in_port_t port = 0;
  read_all(answers[0], &port, sizeof port);

  auto puller = rgtp::Puller::open().value();
  auto forgetful = rgtp::Puller::open({.transports = {rgtp::shm_transport({.kept_mappings = 0})}}).value();
  Row bare{"bare open + fstat + mmap + read"};
  Row first_byte{"rgtp: pull() to the first byte, first time"};
  Row next_byte{"rgtp: pull() to the first byte, again"};
  // A file like the segment, for the bare mapping.
  const std::string file = "/dev/shm/memory-bench-" + std::to_string(::getpid());
  {
    const int fd = ::open(file.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    std::vector<std::byte> bytes(small_bytes);
    write_all(fd, bytes.data(), bytes.size());
    ::close(fd);
  }
  for (int round = 0; round < 40 * rounds; ++round) {
    bare.seconds.push_back(seconds_of([&] {
      const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
      struct stat status = {};
      ::fstat(fd, &status);
      void* const memory =
          ::mmap(nullptr, static_cast<std::size_t>(status.st_size), PROT_READ, MAP_SHARED, fd, 0);
      sink = *static_cast<const unsigned char*>(memory);
      ::munmap(memory, static_cast<std::size_t>(status.st_size));
      ::close(fd);
    }));
    const auto pull_a_byte = [&](rgtp::Puller& from) {
      return seconds_of([&] {
        auto pull = from.pull(locators[0], {.route = rgtp::Route::only("shm")});
        auto view = pull.complete().get().value();
        sink = std::to_integer<unsigned char>(view.bytes()[0]);
      });
    };
    first_byte.seconds.push_back(pull_a_byte(forgetful));
    next_byte.seconds.push_back(pull_a_byte(puller));
  }
  ::unlink(file.c_str());

  Row tcp{"TCP over loopback, received and read"};
  Row first{"rgtp: pulled and read, first time"};
  Row again{"rgtp: pulled and read, again"};
  Row copied{"memcpy"};
  Row scanned{"scan of private memory"};
  std::vector<std::byte> here(large_bytes, std::byte{1});
  std::vector<std::byte> there(large_bytes, std::byte{2});
  for (int round = 0; round < rounds; ++round) {
    tcp.seconds.push_back(seconds_of([&] {
      sockaddr_in address = {};
      address.sin_family = AF_INET;
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      address.sin_port = port;
      const int connection = ::socket(AF_INET, SOCK_STREAM, 0);
      if (::connect(connection, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
        give_up("connect");
      write_all(commands[1], "s", 1);
      read_all(connection, here.data(), here.size());
      ::close(connection);
      sink = scan(here);
    }));
    const rgtp::Locator& locator = locators[1 + static_cast<std::size_t>(round)];
    for (Row* row : {&first, &again})
      row->seconds.push_back(seconds_of([&] {
        auto pull = puller.pull(locator);
        auto view = pull.complete().get().value();
        if (pull.transport() != "shm") give_up("not by memory");
        sink = scan(view.bytes());
      }));
    copied.seconds.push_back(seconds_of([&] { std::memcpy(here.data(), there.data(), here.size()); }));
    scanned.seconds.push_back(seconds_of([&] { sink = scan(there); }));
  }
  ::close(commands[1]);
  ::waitpid(child, nullptr, 0);

  const double bare_median = bare.median();
  for (Row* row : {&bare, &first_byte, &next_byte})
    std::printf("%-42s %8.1f us   %5.2f x\n", row->name, row->median() * 1e6, row->median() / bare_median);
  const double tcp_median = tcp.median();
  for (Row* row : {&tcp, &first, &again, &copied, &scanned})
    std::printf("%-42s %8.0f MB/s %5.2f x\n", row->name,
                static_cast<double>(large_bytes) / row->median() / 1e6, tcp_median / row->median());
}
