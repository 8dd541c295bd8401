#include "cli/bench/network.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string_view>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace rgtp::cli::bench {

namespace {

const Party::Place nowhere_else;
const std::string loopback_address = "127.0.0.1";
const std::string exposers_address = "10.83.0.1";
constexpr const char* device = "rgtp0";
constexpr int tries_until_up = 100;
constexpr std::chrono::milliseconds between_tries(50);

// What a command says. Its words are ours alone, so that a shell takes none of them for another.
Result<std::string> said_by(const std::string& command) {
  std::FILE* const output = ::popen((command + " 2>&1").c_str(), "re");
  if (output == nullptr) return fail(Errc::io_error, "no process for: " + command);
  std::string said;
  std::array<char, 512> part;
  while (const std::size_t got = std::fread(part.data(), 1, part.size(), output))
    said.append(part.data(), got);
  if (::pclose(output) != 0) return fail(Errc::no_route, command + ": " + said);
  return said;
}

Result<void> run_all(const std::vector<std::string>& commands) {
  for (const std::string& command : commands)
    if (auto said = said_by(command); !said) return fail(std::move(said).error());
  return {};
}

constexpr std::string_view prefix = "rgtp-bench-";

// What campaigns left behind that were killed.
void sweep() {
  const auto listed = said_by("ip netns list");
  if (!listed) return;
  std::istringstream lines(*listed);
  for (std::string line; std::getline(lines, line);) {
    const std::string name = line.substr(0, line.find(' '));
    if (!name.starts_with(prefix)) continue;
    const long owner = std::strtol(name.c_str() + prefix.size(), nullptr, 10);
    if (owner > 0 && ::kill(static_cast<pid_t>(owner), 0) != 0 && errno == ESRCH)
      (void)said_by("ip netns del " + name);
  }
}

}  // namespace

class Network::Link {
 public:
  explicit Link(const std::string& name) : exposers_(name + "-a"), pullers_(name + "-b") {}
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  ~Link() {
    if (emulator_ > 0) {
      ::kill(emulator_, SIGKILL);
      while (::waitpid(emulator_, nullptr, 0) < 0 && errno == EINTR) continue;
    }
    for (const Party::Place& place : made_) (void)said_by("ip netns del " + place);
  }

  Result<void> make_namespaces() {
    for (const Party::Place& place : {exposers_, pullers_}) {
      if (auto made = said_by("ip netns add " + place); !made) return fail(std::move(made).error());
      made_.push_back(place);
    }
    return {};
  }

  Result<void> join_by_veth() {
    auto joined = run_all({
        fmt::format("ip link add {0} netns {1} mtu 1500 type veth peer name {0} netns {2} mtu 1500", device,
                    exposers_, pullers_),
        fmt::format("ip -n {} addr add {}/24 dev {}", exposers_, exposers_address, device),
        fmt::format("ip -n {} addr add 10.83.0.2/24 dev {}", pullers_, device),
        fmt::format("ip -n {} link set {} up", exposers_, device),
        fmt::format("ip -n {} link set {} up", pullers_, device),
    });
    if (!joined) return joined;
    for (const Party::Place& place : made_) {
      auto cut = said_by(fmt::format(
          "ip netns exec {} ethtool -K {} tso off gso off tx-udp-segmentation off gro on", place, device));
      if (!cut) return fail(std::move(cut).error());
    }
    return {};
  }

  Result<void> join_by_emulator(const Path& path, const std::string& program) {
    for (const Party::Place& place : made_) {
      auto made = run_all({
          fmt::format("ip -n {} tuntap add dev {} mode tun", place, device),
          // A short queue here would drop what the emulated one is to count.
          fmt::format("ip -n {} link set {} mtu 1500 txqueuelen 10000 up", place, device),
          // Room for TCP to fill a long link.
          fmt::format(
              "ip netns exec {} sh -c 'echo 4096 131072 33554432 >/proc/sys/net/ipv4/tcp_rmem; echo 4096 "
              "65536 33554432 >/proc/sys/net/ipv4/tcp_wmem'",
              place),
      });
      if (!made) return made;
    }
    auto addressed = run_all({
        fmt::format("ip -n {} addr add {} peer 10.83.0.2 dev {}", exposers_, exposers_address, device),
        fmt::format("ip -n {} addr add 10.83.0.2 peer {} dev {}", pullers_, exposers_address, device),
    });
    if (!addressed) return addressed;
    start_emulator(path, program);
    for (int tries = 0; tries < tries_until_up; ++tries) {
      const auto state = said_by(fmt::format("ip -n {} -o link show {}", pullers_, device));
      if (state && state->find("LOWER_UP") != std::string::npos) return {};
      std::this_thread::sleep_for(between_tries);
    }
    return fail(Errc::no_route, program + " did not bring the link up: is there a /dev/net/tun?");
  }

  const Party::Place& exposers() const { return exposers_; }
  const Party::Place& pullers() const { return pullers_; }

 private:
  void start_emulator(const Path& path, const std::string& program) {
    std::vector<std::string> words{program,
                                   exposers_,
                                   device,
                                   pullers_,
                                   device,
                                   "--rate",
                                   fmt::format("{}", path.rate_bits_per_s / 1e6),
                                   "--delay",
                                   fmt::format("{}", path.delay_s * 1e3),
                                   "--loss",
                                   fmt::format("{}", path.loss)};
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const pid_t parent = ::getpid();
    emulator_ = ::fork();
    if (emulator_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) std::_Exit(1);
    const int nothing = ::open("/dev/null", O_RDWR);
    for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(nothing, descriptor);
    ::execv(arguments[0], arguments.data());
    std::_Exit(127);
  }

  const Party::Place exposers_;
  const Party::Place pullers_;
  std::vector<Party::Place> made_;
  pid_t emulator_ = -1;
};

Result<Network> Network::open(const Path& path, const std::string& link_emulator) {
  if (path.kind == Path::Kind::loopback) return Network(nullptr);
  if (::geteuid() != 0) return fail(Errc::no_route, "network namespaces need root");
  const bool is_emulated = path.kind == Path::Kind::emulated;
  if (is_emulated && ::access(link_emulator.c_str(), X_OK) != 0)
    return fail(Errc::no_route, "no program " + link_emulator + ": build with RGTP_BUILD_BENCHMARKS=ON");
  sweep();
  static int number = 0;
  auto link = std::make_unique<Link>(fmt::format("{}{}-{}", prefix, ::getpid(), number++));
  if (auto made = link->make_namespaces(); !made) return fail(std::move(made).error());
  auto joined = is_emulated ? link->join_by_emulator(path, link_emulator) : link->join_by_veth();
  if (!joined) return fail(std::move(joined).error());
  return Network(std::move(link));
}

Network::Network(std::unique_ptr<Link> link) : link_(std::move(link)) {}
Network::Network(Network&&) noexcept = default;
Network::~Network() = default;

const Party::Place& Network::exposers() const { return link_ ? link_->exposers() : nowhere_else; }
const Party::Place& Network::pullers() const { return link_ ? link_->pullers() : nowhere_else; }
const std::string& Network::address() const { return link_ ? exposers_address : loopback_address; }

}  // namespace rgtp::cli::bench
