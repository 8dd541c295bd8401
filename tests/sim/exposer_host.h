// The exposer's side of a simulation: its engine, and what its output can carry.
#pragma once

#include <vector>

#include "packet/exposer_engine.h"
#include "sim/link.h"

namespace rgtp::test {

struct ExposerOptions {
  std::uint32_t mtu = 65'535;  // more than that its own network does not take
  Duration service_time{};     // that passes before the exposer sends a train
  double rate = 0;             // bytes a second that its output carries; 0: what is asked for
};

class ExposerHost : public Destination, private Timeline::Target {
 public:
  // Where a puller's answers go.
  struct Downlink {
    Link* link = nullptr;
    Destination* puller = nullptr;
  };

  ExposerHost(Timeline& timeline, Packets& packets, const ExposerOptions& options, std::uint64_t seed);

  packet::ExposerEngine& engine() { return engine_; }
  // Before its first request: pullers are numbered by the order of this.
  void add_puller(const Downlink& downlink) { pullers_.push_back(downlink); }
  void replace_puller(std::size_t number, Destination& puller) { pullers_[number].puller = &puller; }
  void on_packet(Packet& packet) override;
  // More of the surface was published, or it goes.
  void on_growth(const SurfaceId& id);
  void withdraw(const SurfaceId& id);

  // The longest that a request has waited for its turn.
  Duration longest_wait() const { return longest_wait_; }

 private:
  enum What : std::uint64_t { send, tell };

  void on_due(std::uint64_t what) override;
  void serve();
  void wake_for_news();
  bool send_train();
  void note_wait(const packet::Train& train);
  static packet::Peer peer_of(std::uint32_t puller);
  static std::uint32_t puller_at(const packet::Peer& peer);

  Timeline& timeline_;
  Packets& packets_;
  const ExposerOptions options_;
  packet::ExposerEngine engine_;
  std::vector<Downlink> pullers_;
  packet::Train train_;
  bool serving_ = false;
  TimePoint news_at_ = TimePoint::max();
  TimePoint free_at_;
  Duration longest_wait_{};
};

}  // namespace rgtp::test
