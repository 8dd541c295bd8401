// The transports that come with the library, for programs that want other options than the defaults.
//
//     auto exposer = rgtp::Exposer::open({.transports = {rgtp::udp_transport({.bind =
//     "[::]:9000"})}}).value();
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <sys/types.h>

#include <rgtp/log.h>
#include <rgtp/transport.h>

namespace rgtp {

// How a puller finds the rate at which it asks.
enum class Congestion {
  bbr_like,    // models the path by its delivery rate and its shortest round trip
  cubic,       // RFC 9438: shares a bottleneck with TCP as one more TCP would
  background,  // LEDBAT++ (draft-irtf-iccrg-ledbat-plus-plus): gives way to everything else
  fixed,       // UdpOptions::fixed_rate, whatever the path says: for links that are yours alone
};

// Whether the kernel may cut and join datagrams for us (UDP_SEGMENT, UDP_GRO).
enum class Offload { automatic, off };

struct UdpOptions {
  // Where an exposer listens: "ADDRESS:PORT" or "[ADDRESS]:PORT", port 0 for a free one. [::] takes IPv4 too.
  // By default nothing but this host can reach it.
  std::string bind = "127.0.0.1:0";
  // The host that stands in locators; by default the address that is bound, or for a wildcard the address of
  // the default route.
  std::string advertise = {};
  // The largest IP packet to use, in bytes, headers included, 576 to 9,000; 0 finds out. Both sides obey
  // theirs, so a puller's alone is enough. Over IPv6, whose links all carry 1,280, packets may have 592 where
  // less is given. Anything else is invalid_argument to expose() and pull().
  std::uint32_t mtu = 0;
  // A pull that hears nothing for this long ends with timed_out.
  Duration idle_timeout = std::chrono::seconds(10);
  // Receive buffer to ask the kernel for, which may grant less (net.core.rmem_max).
  std::uint32_t receive_buffer_bytes = 4 * 1024 * 1024;
  // An exposer's: bytes of UDP payload a second that one network (/24 of IPv4, /48 of IPv6) may draw, and
  // all together of DATA alone, beside which answers are few; 0 is no limit. The first one bounds what
  // somebody sends to a network who replays its requests; the default is more than any path here carries.
  // Under the second one pullers wait in turns.
  std::uint64_t most_rate_per_network = 10'000'000'000;
  std::uint64_t most_rate = 0;
  // A puller's.
  Congestion congestion = Congestion::bbr_like;
  // Bytes a second, of IP packets; for Congestion::fixed, which without it is invalid_argument to pull().
  std::uint64_t fixed_rate = 0;
  // Off for kernels and network cards that do it wrong, and to compare.
  Offload offload = Offload::automatic;
  Log log = {};
};

struct ShmOptions {
  // Where segments live: a tmpfs that exposers and pullers share.
  std::filesystem::path directory = "/dev/shm";
  // As PullerOptions::trust.
  std::vector<uid_t> trust = {};
  // A puller keeps the mappings of surfaces that it pulled, for the next pull of them: this many, and so many
  // bytes of them in all, beside those that views hold. Fresh mappings are read several times slower than old
  // ones.
  std::uint32_t kept_mappings = 16;
  std::uint64_t kept_bytes = 256 * 1024 * 1024;
  // A surface of 2 MiB and more that has been finished for so long has its memory made of huge pages
  // (Linux 6.1), piece by piece on a worker: about 3.5 ms of a processor a MiB, and whoever maps it
  // afterwards reads it more than twice as fast for the first time. What is pulled less than a few times is
  // not worth it. A file's pages are its file system's. Duration::max() is never.
  Duration huge_pages_after = std::chrono::seconds(10);
  // The memory of so many surfaces that were withdrawn, at most 16, is kept for the exposer's next ones of
  // about their size: writing fresh memory takes many times as long. Only memory that nobody has mapped any
  // more, as the kernel says, and only between surfaces whose access is the owner's alone or the same names:
  // it is not cleared, and a chunk that is loaned holds what another one held until it is filled.
  // A reader that gave a view's bytes to splice(2), vmsplice(2) or a sending that does not copy has to hold
  // the view until that is over. Such surfaces keep a descriptor each, 64 of them at most.
  std::uint32_t recycled_segments = 0;
  // Warnings about what is found under a segment's name and not taken.
  Log log = {};
};

// Shared memory on one host: name "shm", locators rgtp:///<id>, and rgtp://host:port/<id> where the surface
// is here. Provides the memory of the surfaces that it exposes, or exposes a file in place, so it stands
// first in a route. May be given to several handles.
RGTP_EXPORT std::shared_ptr<Transport> shm_transport(ShmOptions options = {});

// Datagrams over UDP: name "udp", locators rgtp://host:port/<id>. May be given to several handles.
RGTP_EXPORT std::shared_ptr<Transport> udp_transport(UdpOptions options = {});

// Pulls within one process, through an object that both sides are given: name "inproc", locators
// rgtp+inproc://<id>. For tests, and as the smallest example of a transport.
RGTP_EXPORT std::shared_ptr<Transport> inproc_transport();

}  // namespace rgtp
