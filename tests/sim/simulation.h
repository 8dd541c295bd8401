// Both engines under virtual time, joined by links: every protocol fault is reproduced by a seed, and rates,
// queues and shares are measured without a network.
//
//     Simulation simulation({.seed = 7, .size = 1 << 20, .down = {.loss = 0.05}});
//     simulation.run();
//     EXPECT_TRUE(simulation.puller(0).is_exact());
//
//     Simulation simulation({.size = endless, .pullers = 2, .tcp_flows = 1});
//     simulation.run_until(10s);
//     const auto rates = simulation.measure(60s);
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "core/surface_store.h"
#include "sim/endless.h"
#include "sim/exposer_host.h"
#include "sim/link.h"
#include "sim/simulated_puller.h"
#include "sim/tcp_flow.h"

namespace rgtp::test {

// As the size of a surface: no simulation sees its end.
constexpr std::uint64_t endless = ~std::uint64_t{0};

// Writes surface 0 while it is pulled.
struct ProducerOptions {
  enum class Order { content, random };
  Order order = Order::content;
  Duration interval = std::chrono::milliseconds(10);  // between two chunks
  std::uint64_t capacity = 0;                         // 0: the size is known from the start
  std::optional<std::uint32_t> aborts_after = {};     // so many chunks
};

// Whether pullers share one link in each direction, or have one each: of the same kind, with seeds of their
// own.
enum class Links { shared, own };

struct SimulationOptions {
  std::uint64_t seed = 1;
  std::uint64_t size = 256 * 1024;
  std::uint32_t chunk_bytes = 16 * 1024;
  LinkOptions down = {};               // exposer to puller
  LinkOptions up = {};                 // puller to exposer
  std::uint32_t mtu = 1500;            // that pullers begin with
  std::uint32_t max_mtu = 0;           // and search up to
  std::uint32_t exposer_mtu = 65'535;  // more than that its own network does not take
  Duration service_time{};             // that passes before the exposer sends a train
  double exposer_rate = 0;             // bytes a second that its output carries; 0: what is asked for
  std::size_t pullers = 1;
  Congestion congestion = Congestion::bbr_like;
  std::optional<Congestion> odd_congestion = {};  // of pullers 1, 3 and so on, where they differ
  std::uint64_t fixed_rate = 0;
  Duration start_apart{};  // from one puller's start to the next one's
  Links links = Links::shared;
  std::size_t tcp_flows = 0;  // neighbours behind the first links
  double cross_traffic = 0;   // bytes a second that come at random and heed nothing, there too
  std::optional<ProducerOptions> producer = {};  // without one all is published before the start
  Range range = {};
  Order order = Order::arrival;
  Duration idle_timeout = std::chrono::seconds(10);
  Duration deadline = std::chrono::seconds(300);
};

class Simulation {
 public:
  explicit Simulation(const SimulationOptions& options);

  // Until every pull is done, or the deadline.
  void run();
  // From now on for so long from the start, whatever is done.
  void run_until(Duration since_start);

  // What happens in the next so long: bytes a second that each pull verified, then those that each TCP flow
  // brought to its receiver (IP bytes). Link counters begin anew.
  struct Rates {
    std::vector<double> pulls;
    std::vector<double> tcp;
  };
  Rates measure(Duration length);

  // When the producer had published everything.
  Duration finished_at() const { return finished_at_ - timeline_.start(); }
  // Exposes a surface beside number 0, and returns its number.
  std::size_t expose(std::uint64_t size);
  // Once puller 0 is done: `later` it pulls this surface over the same path, until that is done too.
  SimulatedPuller& pull_again(std::size_t surface, Duration later);
  // Calls `action` at a time from the start on.
  void at(Duration when, std::function<void()> action) {
    timeline_.call(timeline_.start() + when, std::move(action));
  }
  void withdraw() { exposer_.withdraw(surfaces_[0].store->manifest().id); }
  // From now on nobody listens at the exposer's port; its host says so.
  void kill_exposer() { exposer_alive_ = false; }

  // An ICMP message that anybody on the way could have made.
  void forge_unreachable() { pullers_[0]->on_unreachable(); }

  SimulatedPuller& puller(std::size_t number) { return *pullers_[number]; }
  // A puller's, where it has one of its own.
  Link& down(std::size_t puller = 0) { return *downs_[puller % downs_.size()]; }
  Link& up(std::size_t puller = 0) { return *ups_[puller % ups_.size()]; }
  const TcpFlow& tcp(std::size_t number) const { return *tcp_[number]; }
  const ExposerHost& exposer() const { return exposer_; }
  Duration elapsed() const { return timeline_.now() - timeline_.start(); }
  const SimulationOptions& options() const { return options_; }
  // A number for everything that happened, in order.
  std::uint64_t trace() const { return trace_.value(); }

 private:
  struct Surface {
    std::vector<std::byte> content;
    std::shared_ptr<core::SurfaceStore> own_store;  // empty where it is endless
    std::shared_ptr<const Store> store;
  };
  // What comes in at the exposer's port, or finds nobody there.
  struct Port : Destination {
    explicit Port(Simulation& its_simulation) : simulation(its_simulation) {}
    void on_packet(Packet& packet) override;
    Simulation& simulation;
  };
  struct Nobody : Destination {
    void on_packet(Packet& /*packet*/) override {}
  };

  void add_links();
  packet::Path::Options path_options(std::size_t puller) const;
  void add_puller(std::size_t number, std::size_t surface, std::shared_ptr<packet::Path> path);
  std::unique_ptr<SimulatedSink> make_sink(std::size_t number, std::size_t surface);
  void start();
  void start_puller(std::size_t number, std::size_t surface);
  void start_producer();
  void send_cross_traffic();
  bool all_done() const;
  void run_until_done();

  const SimulationOptions options_;
  Timeline timeline_;
  Packets packets_;
  Trace trace_;
  Random random_;
  std::vector<Surface> surfaces_;
  std::shared_ptr<const EndlessContent> endless_content_;
  std::shared_ptr<core::Counters> exposer_counters_ = std::make_shared<core::Counters>();
  ExposerHost exposer_;
  bool exposer_alive_ = true;
  Port port_{*this};
  Nobody nobody_;
  TimePoint finished_at_ = timeline_.start();
  bool started_ = false;
  std::vector<std::unique_ptr<Link>> downs_;
  std::vector<std::unique_ptr<Link>> ups_;
  std::vector<std::unique_ptr<SimulatedPuller>> pullers_;
  std::vector<std::unique_ptr<SimulatedPuller>> ended_;  // replaced ones, to which timers still point
  std::vector<std::unique_ptr<TcpFlow>> tcp_;
  std::uint64_t pulls_begun_ = 0;
};

}  // namespace rgtp::test
