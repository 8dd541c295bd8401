// A pull in the simulation: an engine, its sink, and its place in virtual time.
#pragma once

#include <memory>

#include "packet/puller_engine.h"
#include "sim/packets.h"
#include "sim/sinks.h"

namespace rgtp::test {

class Link;

class SimulatedPuller : private Destination, private Timeline::Target {
 public:
  // Where its requests go, and what they are sent as.
  struct Uplink {
    Link& link;
    Packets& packets;
    Destination& exposer;
    std::uint32_t number = 0;
  };

  SimulatedPuller(Timeline& timeline, const Uplink& uplink, std::shared_ptr<packet::Path> path,
                  std::unique_ptr<SimulatedSink> sink, std::span<const std::byte> content)
      : timeline_(timeline),
        uplink_(uplink),
        path_(std::move(path)),
        sink_(std::move(sink)),
        content_(content) {}

  void start(const packet::PullerEngine::Options& options);
  // Nobody waits for it any more.
  void stop();
  void on_unreachable();

  // Every byte that was wanted is there, verified and right.
  bool is_exact() const { return sink_->is_exact(content_); }
  bool is_done() const { return sink_->is_done(); }
  const std::optional<Error>& error() const { return sink_->error(); }
  Stats stats() const { return sink_->stats(); }
  // From its last new ask to its end.
  Duration tail() const { return sink_->done_at() - sink_->last_new_ask(); }
  TimePoint done_at() const { return sink_->done_at(); }
  const packet::Path& path() const { return *path_; }
  const std::shared_ptr<packet::Path>& shared_path() const { return path_; }
  Destination& destination() { return *this; }

 private:
  void on_packet(Packet& packet) override;
  void on_due(std::uint64_t what) override;
  void pump();
  void set_timer();

  Timeline& timeline_;
  const Uplink uplink_;
  const std::shared_ptr<packet::Path> path_;
  const std::unique_ptr<SimulatedSink> sink_;
  const std::span<const std::byte> content_;
  std::unique_ptr<packet::PullerEngine> engine_;
  TimePoint timer_ = TimePoint::max();  // the earliest that is scheduled
};

}  // namespace rgtp::test
