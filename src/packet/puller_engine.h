// The puller's half of the protocol for one pull, without socket, clock or thread. It composes the machines
// that each stand in a file of their own: greeter, availability, poller, picker, reassembly, recovery (ask
// log and loss detector), slice length, asker, request writer, stall watch, endings; rate, window, MTU and
// cookie belong to the path that it shares with other pulls. What is left to it is which of them a datagram
// or a moment concerns.
//
//     engine.handle_datagram(arrived, bytes, mark);  engine.handle_unreachable(now);
//     engine.handle_timeout(now);          at poll_timeout()
//     while (size = engine.poll_transmit(now, buffer)) send(buffer.first(size));
#pragma once

#include <span>

#include "packet/asker.h"
#include "packet/endings.h"
#include "packet/greeter.h"
#include "packet/newest_stamp.h"
#include "packet/poller.h"
#include "packet/stall_watch.h"

namespace rgtp::packet {

class PullerEngine {
 public:
  struct Options {
    SurfaceId id;
    std::uint64_t pull_id = 0;  // random: with the connected socket it keeps forgers out
    Duration idle_timeout = std::chrono::seconds(10);
  };
  // The longest datagram that poll_transmit() writes.
  static constexpr std::size_t max_transmit_bytes = RequestWriter::max_bytes;
  // How often a chunk may fail verification.
  static constexpr std::uint32_t max_chunk_failures = 8;
  // How many answers to HELLO are asked for anew that the sink does not recognize: they may have been changed
  // on their way.
  static constexpr std::uint32_t max_unrecognized = 3;

  // `path` and `sink` outlive the engine. Once the sink was told the end, every call does nothing.
  PullerEngine(TimePoint now, const Options& options, Path& path, Sink& sink);
  ~PullerEngine();
  PullerEngine(const PullerEngine&) = delete;
  PullerEngine& operator=(const PullerEngine&) = delete;

  std::uint64_t pull_id() const { return options_.pull_id; }

  // `arrived`: at the socket, which may be a little before the present.
  void handle_datagram(TimePoint arrived, std::span<const std::byte> datagram, Mark mark = Mark::none);
  void handle_unreachable(TimePoint now);
  // The path has another address of ours now, and no cookie: what was asked for from the old one is neither
  // lost nor will it come.
  void handle_new_socket();
  void handle_timeout(TimePoint now);
  // Writes the next datagram and returns its length; 0 where there is nothing to send now.
  [[nodiscard]] std::size_t poll_transmit(TimePoint now, std::span<std::byte> out);
  // When handle_timeout() or poll_transmit() has something to do next.
  TimePoint poll_timeout(TimePoint now);
  bool is_finished() const { return state_ == State::finished; }
  // Nothing came for two probe timeouts: our own address may have changed.
  bool is_silent() const { return recovery_.probes_in_a_row() >= 2; }

 private:
  enum class State { greeting, fetching, finished };

  void on_manifest(TimePoint now, std::span<const std::byte> datagram);
  void on_data(TimePoint now, std::span<const std::byte> datagram, Mark mark);
  void on_refuse(TimePoint now, std::span<const std::byte> datagram);
  void on_announce(TimePoint now, std::span<const std::byte> datagram);
  void begin_fetching(TimePoint now, const Manifest& manifest, const ManifestAnswer& answer);
  bool recognizes(const Result<Manifest>& manifest, const ManifestAnswer& answer);
  // Of MANIFEST and ANNOUNCE: false where what they say of the end cannot be the exposer's.
  template <class Message>
  bool believes_end_of(const Message& message) const;
  // False where it ended the pull.
  bool tell_final_size();
  void on_chunk_filled(ChunkIndex chunk);
  // What a batch of datagrams came to.
  void settle(TimePoint now);
  void rebuild_if_stuck(TimePoint now);
  void watch_idleness(TimePoint now);
  StallWatch::WaitsFor waits_for();
  // Chunks are wanted that are not known to be published.
  TimePoint next_poll() const { return poller_.next(availability_, sink_.wanted()); }
  void fail_with(Error error);
  void dropped(std::span<const std::byte> datagram);

  TimePoint next_hello() const;
  std::size_t write_next(TimePoint now, std::span<std::byte> out);
  std::size_t write_hello(TimePoint now, std::span<std::byte> out);
  std::size_t write_poll(TimePoint now, std::span<std::byte> out);
  std::size_t write_probe(TimePoint now, std::span<std::byte> out);

  const Options options_;
  Path& path_;
  Sink& sink_;
  Observer& observer_;
  State state_ = State::greeting;
  std::optional<Manifest> manifest_;
  Endings endings_;
  StallWatch stall_;
  Greeter greeter_;
  Availability availability_;
  Poller poller_;
  NewestStamp greeted_;
  NewestStamp retried_;
  std::uint32_t unrecognized_ = 0;  // answers to HELLO
  EndTag end_tag_{};                // of the final size, once that is known
  bool final_size_told_ = false;
  RequestWriter writer_;
  Recovery recovery_;
  Reassembly reassembly_;
  Picker picker_;
  SliceLength slice_length_;
  Asker asker_;
  event::DatagramReceived received_{0, 0};  // since settle()
};

}  // namespace rgtp::packet
