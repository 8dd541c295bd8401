// Both engines under virtual time, joined by two links: every protocol fault is reproduced by a seed.
//
//     Simulation simulation({.seed = 7, .size = 1 << 20, .down = {.loss = 0.05}});
//     simulation.run();
//     EXPECT_TRUE(simulation.puller(0).is_exact());
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <vector>

#include "core/counters.h"
#include "core/pull_state.h"
#include "core/surface_store.h"
#include "packet/exposer_engine.h"
#include "packet/puller_engine.h"
#include "sim/link.h"

namespace rgtp::test {

// Writes surface 0 while it is pulled.
struct ProducerOptions {
  enum class Order { content, random };
  Order order = Order::content;
  Duration interval = std::chrono::milliseconds(10);  // between two chunks
  std::uint64_t capacity = 0;                         // 0: the size is known from the start
  std::optional<std::uint32_t> aborts_after = {};     // so many chunks
};

struct SimulationOptions {
  std::uint64_t seed = 1;
  std::uint64_t size = 256 * 1024;
  std::uint32_t chunk_bytes = 16 * 1024;
  LinkOptions down = {};  // exposer to puller
  LinkOptions up = {};    // puller to exposer
  std::uint32_t mtu = 1500;
  std::uint32_t exposer_mtu = 65'535;  // more than that its own network does not take
  Duration service_time{};             // that passes before the exposer sends a train
  std::size_t pullers = 1;
  std::optional<ProducerOptions> producer = {};  // without one all is published before the start
  Range range = {};
  Order order = Order::arrival;
  Duration idle_timeout = std::chrono::seconds(10);
  Duration deadline = std::chrono::seconds(300);
};

class Simulation;

// A pull in the simulation: a sink over the core's pull state, and what came of it.
class SimulatedPuller : public Sink, private Observer {
 public:
  SimulatedPuller(Simulation& simulation, std::size_t number, std::size_t surface,
                  std::shared_ptr<packet::Path> path);

  void start();
  // Every byte of the range is there, verified and right.
  bool is_exact() const;
  bool is_done() const { return ended_ || (state_.begun() && state_.complete()); }
  const std::optional<Error>& error() const { return error_; }
  Stats stats() const { return counters_.snapshot(); }
  TimePoint done_at() const { return done_at_; }
  const packet::Path& path() const { return *path_; }

  Result<void> on_manifest(const Manifest& manifest) override;
  bool adopt(std::shared_ptr<const Store>) override { return false; }
  std::optional<Placement> place(ChunkIndex chunk) override { return state_.place(chunk); }
  ChunkVerdict on_chunk(ChunkIndex chunk) override;
  ChunkRange wanted() const override { return state_.wanted(); }
  Result<void> on_final_size(std::uint64_t size) override;
  void on_end(Error error) override;
  Observer& observer() override { return *this; }

 private:
  friend class Simulation;
  void on_event(const Event& event) override;
  void on_arrival(const std::vector<std::byte>& datagram);
  void on_unreachable();
  void stop();
  void pump();

  Simulation& simulation_;
  const std::size_t number_;
  const std::size_t surface_;
  core::Counters counters_;
  core::PullState state_;
  const std::shared_ptr<packet::Path> path_;
  std::unique_ptr<packet::PullerEngine> engine_;
  std::optional<Error> error_;
  bool ended_ = false;
  TimePoint done_at_;
  std::uint64_t timer_ = 0;  // the newest timer's number
};

class Simulation {
 public:
  explicit Simulation(const SimulationOptions& options);

  // Until every pull is done, or the deadline.
  void run();
  // When the producer had published everything.
  Duration finished_at() const { return finished_at_ - start_; }
  // Exposes a surface beside number 0, and returns its number.
  std::size_t expose(std::uint64_t size);
  // Once puller 0 is done: `later` it pulls this surface over the same path, until that is done too.
  SimulatedPuller& pull_again(std::size_t surface, Duration later);
  // Calls `action` at a time from the start on.
  void at(Duration when, std::function<void()> action) { schedule(start_ + when, std::move(action)); }
  void withdraw() { exposer_.withdraw(surfaces_[0].store->manifest().id); }
  // From now on nobody listens at the exposer's port; its host says so.
  void kill_exposer() { exposer_alive_ = false; }

  // An ICMP message that anybody on the way could have made.
  void forge_unreachable() { pullers_[0]->on_unreachable(); }

  SimulatedPuller& puller(std::size_t number) { return *pullers_[number]; }
  Link& down() { return down_; }
  Link& up() { return up_; }
  Duration elapsed() const { return now_ - start_; }
  const SimulationOptions& options() const { return options_; }
  // A number for everything that happened, in order.
  std::uint64_t trace() const { return trace_; }

 private:
  friend class SimulatedPuller;

  struct Pending {
    TimePoint when;
    std::uint64_t number;
    std::function<void()> action;
    bool operator>(const Pending& other) const {
      return std::tie(when, number) > std::tie(other.when, other.number);
    }
  };

  struct Surface {
    std::vector<std::byte> content;
    std::shared_ptr<core::SurfaceStore> store;
  };

  void start_producer();
  void schedule(TimePoint when, std::function<void()> action);
  void run_pending();
  void record(std::uint64_t what);
  void on_request(std::size_t puller, const std::vector<std::byte>& datagram);
  void serve();
  bool send_train();
  static packet::Peer peer_of(std::size_t puller);

  const SimulationOptions options_;
  const TimePoint start_{std::chrono::seconds(1000)};
  TimePoint now_ = start_;
  std::priority_queue<Pending, std::vector<Pending>, std::greater<>> pending_;
  std::uint64_t next_number_ = 0;
  std::uint64_t trace_ = 0;
  std::vector<Surface> surfaces_;
  std::shared_ptr<core::Counters> exposer_counters_ = std::make_shared<core::Counters>();
  packet::ExposerEngine exposer_;
  bool exposer_alive_ = true;
  TimePoint finished_at_ = start_;
  bool serving_ = false;
  packet::Train train_;
  std::size_t sending_to_ = 0;
  std::size_t sending_from_ = 0;
  Link down_;
  Link up_;
  std::vector<std::unique_ptr<SimulatedPuller>> pullers_;
  std::vector<std::unique_ptr<SimulatedPuller>> ended_;  // replaced ones, which timers still point to
  std::uint64_t pulls_begun_ = 0;
};

}  // namespace rgtp::test
