#include "cli/bench/contender.h"

#include <algorithm>
#include <array>
#include <iterator>

#include <unistd.h>

namespace rgtp::cli::bench {

namespace {

constexpr std::string_view connecting = "connect";

// TCP's and UDP's own 16 bits find accidents of the wire, and are left out on a loopback.
constexpr std::array all{
    Contender{.name = "shm",
              .argument = "shm",
              .opening = "open, map",
              .includes = "find the mapping, hash in place"},
    Contender{.name = "udp",
              .argument = "udp",
              .opening = "open, greet",
              .includes = "receive, verify, copy out, hash",
              .verifies = "XXH3 of datagrams and chunks",
              .crosses_links = true},
    Contender{.name = "mmap",
              .program = "memory_peer",
              .argument = "mmap",
              .opening = "open, map",
              .includes = "hash in place"},
    Contender{
        .name = "process_vm_readv", .program = "memory_peer", .argument = "vm", .includes = "copy out, hash"},
    Contender{.name = "unix",
              .program = "stream_peer",
              .argument = "unix",
              .opening = connecting,
              .includes = "copy in, copy out, hash"},
    Contender{.name = "pipe",
              .program = "stream_peer",
              .argument = "pipe",
              .opening = connecting,
              .includes = "copy in, copy out, hash"},
    Contender{.name = "tcp-cubic",
              .program = "stream_peer",
              .argument = "cubic",
              .opening = connecting,
              .includes = "copy in, copy out, hash",
              .verifies = "16 bits of TCP",
              .crosses_links = true},
    Contender{.name = "tcp-bbr",
              .program = "stream_peer",
              .argument = "bbr",
              .opening = connecting,
              .includes = "copy in, copy out, hash",
              .verifies = "16 bits of TCP",
              .crosses_links = true},
    Contender{.name = "zmq-ipc",
              .program = "zmq_peer",
              .argument = "ipc",
              .opening = connecting,
              .includes = "copy in, copy out, hash",
              .package = "libzmq3-dev"},
    Contender{.name = "zmq-tcp",
              .program = "zmq_peer",
              .argument = "tcp",
              .opening = connecting,
              .includes = "copy in, copy out, hash",
              .verifies = "16 bits of TCP",
              .crosses_links = true,
              .package = "libzmq3-dev"},
    Contender{.name = "srt",
              .program = "srt_peer",
              .opening = connecting,
              .includes = "copy in, receive, copy out, hash",
              .verifies = "16 bits of UDP",
              .crosses_links = true,
              .package = "libsrt-openssl-dev"},
    Contender{.name = "udt",
              .program = "udt_peer",
              .opening = connecting,
              .includes = "copy in, receive, copy out, hash",
              .verifies = "16 bits of UDP",
              .crosses_links = true,
              .package = "libudt-dev"},
    Contender{.name = "shm-file",
              .argument = "shm",
              .into = Into::file,
              .opening = "open",
              .includes = "verify, copy to a file on tmpfs, read it, hash",
              .verifies = "XXH3 of chunks",
              .is_on_request = true},
    Contender{.name = "udp-file",
              .argument = "udp",
              .into = Into::file,
              .opening = "open, greet",
              .includes = "receive, verify, copy to a file on tmpfs, read it, hash",
              .verifies = "XXH3 of datagrams and chunks",
              .crosses_links = true,
              .is_on_request = true}};

Result<Party> start_peer(const Contender& contender, const std::string& peers, const Party::Place& place,
                         const char* side) {
  const std::string program = peers + "/" + std::string(contender.program);
  if (::access(program.c_str(), X_OK) != 0) {
    const std::string with =
        contender.package.empty() ? "" : ", after installing " + std::string(contender.package);
    return fail(Errc::no_route, "no program " + program + ": build with RGTP_BUILD_BENCHMARKS=ON" + with);
  }
  return Party::run({program, side, std::string(contender.argument)}, place);
}

}  // namespace

std::span<const Contender> contenders() { return all; }

const Contender* find_contender(std::string_view name) {
  const auto found = std::ranges::find(all, name, &Contender::name);
  return found == all.end() ? nullptr : &*found;
}

Result<Party> start_exposing(const Contender& contender, const std::string& peers,
                             const Party::Place& place) {
  if (!contender.program.empty()) return start_peer(contender, peers, place, "expose");
  return Party::start(library_exposing_side, place);
}

Result<Party> start_pulling(const Contender& contender, const std::string& peers, const Party::Place& place) {
  if (!contender.program.empty()) return start_peer(contender, peers, place, "pull");
  return Party::start([&] { return library_pulling_side(std::string(contender.argument), contender.into); },
                      place);
}

}  // namespace rgtp::cli::bench
