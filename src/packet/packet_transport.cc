// The packet transport: what joins locators, sockets and engines behind the Transport interface.
#include <map>
#include <mutex>

#include <rgtp/transports.h>

#include "core/heap_region.h"
#include "packet/host_lookup.h"
#include "packet/socket_address.h"
#include "packet/udp_exposer.h"
#include "packet/udp_path.h"

namespace rgtp::packet {

namespace {

// What every IPv4 host takes, and the longest datagram of ours with little left for headers.
constexpr std::uint32_t least_mtu = 576;
constexpr std::uint32_t most_mtu = 9000;

// Paths that no pull uses are kept for their cookie, rate and round-trip time.
constexpr std::size_t max_idle_paths = 16;

// What the transport keeps on one loop.
class LoopState {
 public:
  LoopState(const UdpOptions& options, EventLoop& loop) : options_(options), loop_(loop) {}

  EventLoop& loop() { return loop_; }
  Duration idle_timeout() const { return options_.idle_timeout; }
  Result<std::shared_ptr<UdpExposer>> exposer() {
    if (exposer_ != nullptr) return exposer_;
    auto opened = UdpExposer::open(options_, loop_, batch_);
    if (opened) exposer_ = *opened;
    return opened;
  }

  Result<std::shared_ptr<UdpPath>> path_to(const Address& remote) {
    for (const auto& path : paths_)
      if (path->remote() == remote) return path;
    drop_idle_paths();
    auto opened = UdpPath::open(options_, loop_, batch_, remote);
    if (opened) paths_.push_back(*opened);
    if (opened) tell_of_receive_buffer(**opened);
    return opened;
  }

 private:
  void tell_of_receive_buffer(const UdpPath& path) {
    const std::uint64_t granted = path.receive_buffer() / 2;  // the kernel counts double (socket(7))
    if (granted >= options_.receive_buffer_bytes || !options_.log || std::exchange(told_, true)) return;
    options_.log(LogLevel::info, "the kernel grants sockets a receive buffer of " + std::to_string(granted) +
                                     " bytes instead of " + std::to_string(options_.receive_buffer_bytes) +
                                     ": the sysctl net.core.rmem_max raises it, for fast links");
  }
  void drop_idle_paths() {
    std::size_t idle = 0;
    for (const auto& path : paths_) idle += path->is_idle() ? 1 : 0;
    std::erase_if(paths_, [&](const auto& path) { return path->is_idle() && idle-- >= max_idle_paths; });
  }

  const UdpOptions options_;
  EventLoop& loop_;
  ReceiveBatch batch_;
  std::shared_ptr<UdpExposer> exposer_;
  std::vector<std::shared_ptr<UdpPath>> paths_;  // oldest first
  bool told_ = false;                            // that the receive buffer is small
};

class UdpExposure : public Exposure {
 public:
  UdpExposure(std::shared_ptr<UdpExposer> exposer, const SurfaceId& id)
      : exposer_(std::move(exposer)), id_(id) {}
  ~UdpExposure() override { exposer_->withdraw(id_); }

  Locator locator() const override {
    return Locator(Locator::Network{exposer_->host(), exposer_->port(), id_});
  }
  void on_growth() override { exposer_->handle_growth(id_); }

 private:
  std::shared_ptr<UdpExposer> exposer_;
  SurfaceId id_;
};

// A pull from the first of a host's addresses that answers.
class UdpFetch : public Fetch, public Sink, public std::enable_shared_from_this<UdpFetch> {
 public:
  UdpFetch(std::shared_ptr<LoopState> state, Locator::Network where, Sink& sink)
      : state_(std::move(state)), where_(std::move(where)), sink_(sink) {}
  ~UdpFetch() override { stop(); }

  Result<void> start() {
    if (auto ip = parse_ip(where_.host)) {
      ip->port = where_.port;
      addresses_ = {*ip};
      return try_next();
    }
    return look_up_host();
  }
  void stop() {
    if (engine_ != nullptr) path_->remove(std::exchange(engine_, nullptr));
  }
  void want_changed() override {
    if (engine_ != nullptr) path_->pump_soon();
  }

  bool recognizes(const Description& description) const override { return sink_.recognizes(description); }
  Result<void> on_manifest(const Manifest& manifest) override {
    answered_ = true;
    return sink_.on_manifest(manifest);
  }
  bool adopt(std::shared_ptr<const Store> store) override { return sink_.adopt(std::move(store)); }
  std::optional<Placement> place(ChunkIndex chunk) override { return sink_.place(chunk); }
  ChunkVerdict on_chunk(ChunkIndex chunk) override { return sink_.on_chunk(chunk); }
  bool takes_beginning() const override { return sink_.takes_beginning(); }
  ChunkRange wanted() const override { return sink_.wanted(); }
  Result<void> on_final_size(const FinalSize& size) override { return sink_.on_final_size(size); }
  void on_end(Error error) override {
    const bool more = !answered_ && next_address_ < addresses_.size();
    if (!more) return sink_.on_end(std::move(error));
    // Not from within the engine, which is about to go.
    (void)state_->loop().post([weak = weak_from_this()] {
      const auto self = weak.lock();
      if (self == nullptr) return;
      self->stop();
      if (auto tried = self->try_next(); !tried) self->sink_.on_end(std::move(tried).error());
    });
  }
  Observer& observer() override { return sink_.observer(); }

 private:
  Result<void> look_up_host() {
    auto started =
        HostLookup::start(state_->loop(), where_.host, where_.port,
                          state_->loop().now() + state_->idle_timeout(), [this](HostLookup::Addresses found) {
                            if (found) addresses_ = std::move(*found);
                            auto tried = found ? try_next() : Result<void>(fail(found.error()));
                            if (!tried) sink_.on_end(std::move(tried).error());
                          });
    if (!started) return fail(std::move(started).error());
    lookup_ = std::move(*started);
    return {};
  }

  Result<void> try_next() {
    const Address& address = addresses_[next_address_++];
    auto path = state_->path_to(address);
    if (!path && next_address_ < addresses_.size()) return try_next();
    if (!path) return fail(std::move(path).error());
    path_ = std::move(*path);
    engine_ = path_->add(where_.id, *this);
    return {};
  }

  const std::shared_ptr<LoopState> state_;
  const Locator::Network where_;
  Sink& sink_;
  std::vector<Address> addresses_;
  std::size_t next_address_ = 0;
  bool answered_ = false;
  std::unique_ptr<HostLookup> lookup_;
  std::shared_ptr<UdpPath> path_;
  PullerEngine* engine_ = nullptr;
};

// The caller's hold on a fetch, which callbacks of the loop hold weakly.
class FetchHandle : public Fetch {
 public:
  explicit FetchHandle(std::shared_ptr<UdpFetch> fetch) : fetch_(std::move(fetch)) {}
  void want_changed() override { fetch_->want_changed(); }

 private:
  std::shared_ptr<UdpFetch> fetch_;
};

class UdpTransport : public Transport {
 public:
  explicit UdpTransport(UdpOptions options) : options_(std::move(options)) {}

  std::string_view name() const override { return "udp"; }
  bool can_reach(const Locator& locator) const override {
    return std::holds_alternative<Locator::Network>(locator.where());
  }

  std::shared_ptr<void> attach(EventLoop& loop) override { return state_on(loop); }

  Result<std::shared_ptr<Region>> allocate(const Manifest& manifest, const Offer& /*offer*/) override {
    return core::HeapRegion::make_for(manifest, manifest.stored_bytes());
  }

  Result<std::unique_ptr<Exposure>> expose(std::shared_ptr<const Store> store, const Offer& /*offer*/,
                                           EventLoop& loop, std::shared_ptr<Observer> observer) override {
    if (auto usable = check_options(); !usable) return fail(std::move(usable).error());
    auto exposer = state_on(loop)->exposer();
    if (!exposer) return fail(std::move(exposer).error());
    const SurfaceId id = store->manifest().id;
    if (auto added = (*exposer)->add(std::move(store), std::move(observer)); !added)
      return fail(std::move(added).error());
    return std::make_unique<UdpExposure>(std::move(*exposer), id);
  }

  Result<std::unique_ptr<Fetch>> pull(const Locator& locator, Sink& sink, EventLoop& loop) override {
    if (auto usable = check_options(); !usable) return fail(std::move(usable).error());
    auto fetch =
        std::make_shared<UdpFetch>(state_on(loop), std::get<Locator::Network>(locator.where()), sink);
    if (auto started = fetch->start(); !started) return fail(std::move(started).error());
    return std::make_unique<FetchHandle>(std::move(fetch));
  }

 private:
  Result<void> check_options() const {
    if (options_.congestion == Congestion::fixed && options_.fixed_rate == 0)
      return fail(Errc::invalid_argument, "a fixed rate of 0: set UdpOptions::fixed_rate to bytes a second");
    if (options_.mtu == 0 || (options_.mtu >= least_mtu && options_.mtu <= most_mtu)) return {};
    return fail(Errc::invalid_argument, "an MTU of " + std::to_string(options_.mtu) +
                                            " bytes: choose 576 to 9,000, or 0 to find it out");
  }
  std::shared_ptr<LoopState> state_on(EventLoop& loop) {
    const std::lock_guard lock(mutex_);
    std::erase_if(states_, [](const auto& entry) { return entry.second.expired(); });
    auto& known = states_[&loop];
    auto state = known.lock();
    if (state == nullptr) known = state = std::make_shared<LoopState>(options_, loop);
    return state;
  }

  const UdpOptions options_;
  std::mutex mutex_;  // handles on several loops may share the transport
  std::map<EventLoop*, std::weak_ptr<LoopState>> states_;
};

}  // namespace

}  // namespace rgtp::packet

namespace rgtp {

std::shared_ptr<Transport> udp_transport(UdpOptions options) {
  return std::make_shared<packet::UdpTransport>(std::move(options));
}

}  // namespace rgtp
