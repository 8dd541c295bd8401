// Shared memory against what it replaces, between two processes, medians of interleaved rounds:
//
//     memory_bench [ROUNDS]
//
// First byte: from pull() on an open Puller to the first byte of a 64 MiB surface, beside bare open + fstat +
// mmap + read of a file of the same size in /dev/shm. Bytes: 256 MiB pulled and read, for the first time, the
// same with its pages mapped ahead (PullOptions::prefault), once the exposer has made huge pages of it, and
// again, beside TCP over loopback and process_vm_readv (into memory and read), memcpy and a scan of private
// memory; a file exposed in place, beside a bare mapping of it; and 1 MiB pulled and read again, beside
// process_vm_readv, vmsplice and a Unix socket. Every side reads every byte.
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
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rgtp/rgtp.h>

#include "pipes.h"

namespace {

using rgtp::bench::give_up;
using rgtp::bench::read_all;
using rgtp::bench::write_all;

using Clock = std::chrono::steady_clock;

constexpr std::size_t mib = 1024 * 1024;
constexpr std::size_t small_bytes = 64 * mib;
constexpr std::size_t large_bytes = 256 * mib;
constexpr std::size_t message_bytes = mib;
constexpr int surfaces_for_first_time = 12;

volatile std::uint64_t sink;

std::uint64_t scan(std::span<const std::byte> bytes) {
  std::uint64_t sums[4] = {};
  const auto* const words = reinterpret_cast<const std::uint64_t*>(bytes.data());
  for (std::size_t i = 0; i + 4 <= bytes.size() / 8; i += 4)
    for (std::size_t lane = 0; lane < 4; ++lane) sums[lane] += words[i + lane];
  return sums[0] + sums[1] + sums[2] + sums[3];
}

// What the other process is told to send, once each.
enum class Command : char { tcp = 't', unix_socket = 'u', pipe = 'p' };

// What it tells of itself, behind the locators.
struct Peer {
  in_port_t port = 0;
  const std::byte* bytes = nullptr;
};

// The other process: exposes the surfaces and the file, tells their locators, and sends until there are no
// more commands.
void serve(int commands, int answers, int unix_socket, int pipe, const std::string& file) {
  std::vector<std::byte> bytes(large_bytes);
  for (std::size_t i = 0; i < bytes.size(); i += 8) std::memcpy(&bytes[i], &i, 8);
  const auto exposer_with = [](rgtp::Duration huge_pages_after) {
    return rgtp::Exposer::open({.transports = {rgtp::shm_transport({.huge_pages_after = huge_pages_after})}})
        .value();
  };
  auto exposer = exposer_with(rgtp::Duration::max());
  auto huge = exposer_with(rgtp::Duration{});
  std::vector<rgtp::Surface> surfaces;
  const auto expose = [&](rgtp::Exposer& by, const rgtp::Source& source) {
    surfaces.push_back(by.expose(source).get().value());
    std::string line = surfaces.back().locator().reveal();
    line.resize(128, '\n');
    write_all(answers, line.data(), line.size());
  };
  const auto first = [&](std::size_t size) { return rgtp::Source::bytes(std::span(bytes).first(size)); };
  expose(exposer, first(small_bytes));
  expose(exposer, first(message_bytes));
  expose(exposer, rgtp::Source::file(file));
  for (int i = 0; i < surfaces_for_first_time; ++i) expose(exposer, first(large_bytes));
  for (int i = 0; i < surfaces_for_first_time; ++i) {
    expose(huge, first(large_bytes));
    for (int looks = 0; looks < 1000 && surfaces.back().stats().huge_page_bytes < large_bytes; ++looks)
      ::usleep(10'000);
  }
  const int listening = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  if (::bind(listening, reinterpret_cast<sockaddr*>(&address), length) != 0 || ::listen(listening, 8) != 0 ||
      ::getsockname(listening, reinterpret_cast<sockaddr*>(&address), &length) != 0)
    give_up("listen");
  const Peer self = {.port = address.sin_port, .bytes = bytes.data()};
  write_all(answers, &self, sizeof self);
  for (Command command{}; ::read(commands, &command, 1) == 1;) {
    if (command == Command::tcp) {
      const int connection = ::accept(listening, nullptr, nullptr);
      write_all(connection, bytes.data(), bytes.size());
      ::close(connection);
    } else if (command == Command::unix_socket) {
      write_all(unix_socket, bytes.data(), message_bytes);
    } else {
      for (std::size_t sent = 0; sent < message_bytes;) {
        const iovec part = {bytes.data() + sent, message_bytes - sent};
        const ssize_t put = ::vmsplice(pipe, &part, 1, 0);
        if (put <= 0) give_up("vmsplice");
        sent += static_cast<std::size_t>(put);
      }
    }
  }
}

// A file like the surface, for bare mappings.
std::string make_file(const char* name, std::size_t size) {
  std::string file = "/dev/shm/memory-bench-" + std::to_string(::getpid()) + name;
  const int fd = ::open(file.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  std::vector<std::byte> bytes(size, std::byte{3});
  write_all(fd, bytes.data(), bytes.size());
  ::close(fd);
  return file;
}

// Opened and mapped by hand.
void with_bare_mapping(const std::string& file, const std::function<void(std::span<const std::byte>)>& use) {
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status = {};
  ::fstat(fd, &status);
  const auto size = static_cast<std::size_t>(status.st_size);
  void* const memory = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) give_up("mmap");
  use({static_cast<const std::byte*>(memory), size});
  ::munmap(memory, size);
  ::close(fd);
}

void read_memory_of(pid_t pid, const std::byte* from, std::span<std::byte> into) {
  for (std::size_t done = 0; done < into.size();) {
    const iovec here = {into.data() + done, into.size() - done};
    const iovec there = {const_cast<std::byte*>(from) + done, into.size() - done};
    const ssize_t got = ::process_vm_readv(pid, &here, 1, &there, 1, 0);
    if (got <= 0) give_up("process_vm_readv");
    done += static_cast<std::size_t>(got);
  }
}

struct Row {
  const char* name;
  std::vector<double> seconds = {};

  void add(const std::function<void()>& work) {
    const auto began = Clock::now();
    work();
    seconds.push_back(std::chrono::duration<double>(Clock::now() - began).count());
  }
  double median() {
    std::sort(seconds.begin(), seconds.end());
    return seconds[seconds.size() / 2];
  }
  void print_time(Row& base) {
    std::printf("  %-42s %8.1f us   %5.2f x\n", name, median() * 1e6, median() / base.median());
  }
  void print_rate(Row& base) {
    std::printf("  %-42s %8.0f MB/s %5.2f x\n", name, static_cast<double>(large_bytes) / median() / 1e6,
                base.median() / median());
  }
};

}  // namespace

int main(int argc, char** argv) {
  const int rounds =
      argc > 1 ? std::min(std::atoi(argv[1]), surfaces_for_first_time) : surfaces_for_first_time;
  const std::string small_file = make_file("-small", small_bytes);
  const std::string large_file = make_file("-large", large_bytes);
  int commands[2];
  int answers[2];
  int pipes[2];
  int unix_sockets[2];
  if (::pipe(commands) != 0 || ::pipe(answers) != 0 || ::pipe(pipes) != 0 ||
      ::socketpair(AF_UNIX, SOCK_STREAM, 0, unix_sockets) != 0 ||
      ::fcntl(pipes[0], F_SETPIPE_SZ, static_cast<int>(message_bytes)) < 0)
    give_up("pipe");
  const pid_t child = ::fork();
  if (child < 0) give_up("fork");
  if (child == 0) {
    ::close(commands[1]);
    ::close(answers[0]);
    serve(commands[0], answers[1], unix_sockets[1], pipes[1], large_file);
    return 0;
  }
  ::close(commands[0]);
  ::close(answers[1]);
  std::vector<rgtp::Locator> locators;
  for (int i = 0; i < 3 + 2 * surfaces_for_first_time; ++i) {
    char line[128];
    read_all(answers[0], line, sizeof line);
    locators.push_back(rgtp::Locator::parse(std::string(line, std::find(line, line + 128, '\n'))).value());
  }
  Peer peer;
  read_all(answers[0], &peer, sizeof peer);
  const auto tell = [&](Command command) { write_all(commands[1], &command, 1); };

  auto puller = rgtp::Puller::open({.transports = {rgtp::shm_transport()}}).value();
  auto forgetful = rgtp::Puller::open({.transports = {rgtp::shm_transport({.kept_mappings = 0})}}).value();
  const auto pull = [](rgtp::Puller& from, const rgtp::Locator& locator,
                       const std::function<void(std::span<const std::byte>)>& use,
                       const rgtp::PullOptions& options = {}) {
    auto pulling = from.pull(locator, options);
    const auto view = pulling.complete().get().value();
    use(view.bytes());
  };
  const auto touch = [](std::span<const std::byte> bytes) {
    sink = std::to_integer<unsigned char>(bytes[0]);
  };
  const auto read = [](std::span<const std::byte> bytes) { sink = scan(bytes); };

  Row bare{"bare open + fstat + mmap + read"};
  Row first_byte{"rgtp: pull() to the first byte, first time"};
  Row next_byte{"rgtp: pull() to the first byte, again"};
  for (int round = 0; round < 40 * rounds; ++round) {
    bare.add([&] { with_bare_mapping(small_file, touch); });
    first_byte.add([&] { pull(forgetful, locators[0], touch); });
    next_byte.add([&] { pull(puller, locators[0], touch); });
  }

  Row message{"rgtp: pulled and read, again"};
  Row read_message{"process_vm_readv and read"};
  Row spliced{"vmsplice through a pipe and read"};
  Row sent{"Unix socket and read"};
  std::vector<std::byte> here(large_bytes, std::byte{1});
  const auto some = std::span(here).first(message_bytes);
  for (int round = 0; round < 40 * rounds; ++round) {
    message.add([&] { pull(puller, locators[1], read); });
    read_message.add([&] {
      read_memory_of(child, peer.bytes, some);
      read(some);
    });
    spliced.add([&] {
      tell(Command::pipe);
      read_all(pipes[0], some.data(), some.size());
      read(some);
    });
    sent.add([&] {
      tell(Command::unix_socket);
      read_all(unix_sockets[0], some.data(), some.size());
      read(some);
    });
  }

  Row tcp{"TCP over loopback, received and read"};
  Row read_memory{"process_vm_readv and read"};
  Row first{"rgtp: pulled and read, first time"};
  Row first_ahead{"rgtp: the same, its pages mapped ahead"};
  Row first_huge{"rgtp: the same of huge pages"};
  Row again{"rgtp: pulled and read, again"};
  Row copied{"memcpy"};
  Row scanned{"scan of private memory"};
  Row file_bare{"a file by a bare mapping"};
  Row file_view{"rgtp: the file exposed in place"};
  std::vector<std::byte> there(large_bytes, std::byte{2});
  for (int round = 0; round < rounds; ++round) {
    tcp.add([&] {
      sockaddr_in address = {};
      address.sin_family = AF_INET;
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      address.sin_port = peer.port;
      const int connection = ::socket(AF_INET, SOCK_STREAM, 0);
      if (::connect(connection, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
        give_up("connect");
      tell(Command::tcp);
      read_all(connection, here.data(), here.size());
      ::close(connection);
      read(here);
    });
    read_memory.add([&] {
      read_memory_of(child, peer.bytes, here);
      read(here);
    });
    const auto place = 3 + static_cast<std::size_t>(round);
    first.add([&] { pull(puller, locators[place], read); });
    again.add([&] { pull(puller, locators[place], read); });
    first_ahead.add([&] { pull(forgetful, locators[place], read, {.prefault = true}); });
    first_huge.add([&] { pull(puller, locators[place + surfaces_for_first_time], read); });
    copied.add([&] { std::memcpy(here.data(), there.data(), here.size()); });
    scanned.add([&] { read(there); });
    file_bare.add([&] { with_bare_mapping(large_file, read); });
    file_view.add([&] { pull(puller, locators[2], read); });
  }
  ::close(commands[1]);
  ::waitpid(child, nullptr, 0);
  ::unlink(small_file.c_str());
  ::unlink(large_file.c_str());

  std::printf("64 MiB\n");
  for (Row* row : {&bare, &first_byte, &next_byte}) row->print_time(bare);
  std::printf("1 MiB\n");
  for (Row* row : {&message, &read_message, &spliced, &sent}) row->print_time(message);
  std::printf("256 MiB\n");
  for (Row* row : {&tcp, &read_memory, &first, &first_ahead, &first_huge, &again, &copied, &scanned})
    row->print_rate(tcp);
  for (Row* row : {&file_bare, &file_view}) row->print_rate(file_bare);
}
