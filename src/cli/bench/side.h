// The two sides of a measured transfer, each in a process of its own (party.h): what a way to carry bytes has
// to do, and the lines of JSON by which it is told to.
//
//     class Pipes : public Exposing { ... };
//     const Party::Answer answer = exposing_side([] { return std::make_unique<Pipes>(); });
//
// Every way has the same consumer: it hashes each byte in order, and the digest has to be the content's.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <rgtp/error.h>

#include "cli/bench/content.h"
#include "cli/bench/cost.h"
#include "cli/bench/party.h"

namespace rgtp::cli::bench {

// How much a consumer reads and hashes at a time, where it has the choice: it stays in a processor's own
// cache.
constexpr std::size_t piece_bytes = 256 * 1024;

class Exposing {
 public:
  virtual ~Exposing() = default;
  // Where pullers find the content from now on, in words of its own. `content` outlives this. At an IPv4
  // address, where the way has one; with any port. An Errc::no_route says that the host has no such way.
  [[nodiscard]] virtual Result<std::string> offer(std::span<const std::byte> content,
                                                  const std::string& address) = 0;
  // What it sent so far.
  virtual Traffic traffic() { return {}; }
};

// What becomes of the bytes that come.
class Consumer {
 public:
  using Clock = std::chrono::steady_clock;

  // The next ones, in order. They are needed no longer once it returns.
  void take(std::span<const std::byte> bytes);
  std::uint64_t taken() const { return taken_; }
  Clock::time_point first_byte_at() const { return first_byte_at_; }
  const Digest& digest() const { return digest_; }

 private:
  Digest digest_;
  std::uint64_t taken_ = 0;
  Clock::time_point first_byte_at_;
};

class Pulling {
 public:
  virtual ~Pulling() = default;
  // All that is offered at `where`, `size` bytes, once to the consumer. May be called again.
  [[nodiscard]] virtual Result<void> pull(const std::string& where, std::uint64_t size,
                                          Consumer& consumer) = 0;
  // Of its last pull: what the exposing side cannot tell.
  virtual Traffic traffic() { return {}; }
};

// {"expose": {"content": PATH, "size": BYTES, "address": IPV4}} -> {"where": ..., "took_s": ...}
// {"cost": true}                                                -> {"cost": ..., "traffic": ...}: so far
// An answer with "error" tells what went wrong, with "corrupted" that the bytes are not those that were
// exposed, and with "unsupported" that the host has no such way.
using OpenExposing = std::function<Result<std::unique_ptr<Exposing>>()>;
Party::Answer exposing_side(OpenExposing open);

// {"ready": true} -> {"ready": true}
// {"pull": WHERE, "size": BYTES, "digest": ..., "times": N}
//     -> {"transfers": [[first byte, last byte], ...], "from_s": ..., "to_s": ..., "cost": ...,
//         "traffic": ...}:
//        seconds from each call on, and when it all was by this host's steady clock
// The first one is cold: it includes open().
using OpenPulling = std::function<Result<std::unique_ptr<Pulling>>()>;
Party::Answer pulling_side(OpenPulling open);

// Answers the lines of standard input until it ends, for a program that is a way (bench/peers/).
void answer_lines(const Party::Answer& answer);

// Seconds.
struct Transfer {
  double first_byte_s = 0;
  double last_byte_s = 0;
};

// What the answers say. An error is io_error, corrupted or no_route.
struct Offered {
  std::string where;
  double took_s = 0;  // from the content in memory until it was offered
};
struct ExposingCost {
  Cost cost;
  Traffic traffic;
};
struct Pulled {
  std::vector<Transfer> transfers;
  double from_s = 0;  // by the steady clock, which all processes share
  double to_s = 0;
  Cost cost;
  Traffic traffic;
};
struct Ready {};
std::string ask_whether_ready();
std::string ask_to_expose(const Content& content, const std::string& address);
std::string ask_for_cost();
std::string ask_to_pull(const Offered& offered, const Content& content, std::uint64_t times);
[[nodiscard]] Result<Ready> parse_ready(const std::string& answer);
[[nodiscard]] Result<Offered> parse_offered(const std::string& answer);
[[nodiscard]] Result<ExposingCost> parse_exposing_cost(const std::string& answer);
[[nodiscard]] Result<Pulled> parse_pulled(const std::string& answer);

}  // namespace rgtp::cli::bench
