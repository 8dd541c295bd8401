#include "sim/simulation.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "core/heap_region.h"
#include "packet/slicing.h"
#include "support/pattern.h"

namespace rgtp::test {

namespace {

using packet::IpVersion;

std::array<std::byte, 32> secret_of(std::uint64_t seed) {
  std::array<std::byte, 32> secret{};
  std::memcpy(secret.data(), &seed, sizeof seed);
  return secret;
}

// A chunk as it is stored: in full where the size is pending, zeros behind the end.
std::span<const std::byte> stored_chunk(const core::SurfaceStore& store, ChunkIndex chunk) {
  return store.mapped().subspan(store.manifest().offset_of(chunk), store.manifest().length_of(chunk));
}

void publish(core::SurfaceStore& store, ChunkIndex chunk) {
  store.publish(chunk, core::chunk_tag(chunk, stored_chunk(store, chunk)));
}

std::shared_ptr<core::SurfaceStore> make_store(const SimulationOptions& options, std::size_t number,
                                               std::span<const std::byte> content) {
  const bool grows = number == 0 && options.producer;
  const bool is_pending = grows && options.producer->capacity > 0;
  const std::uint64_t size = is_pending ? options.producer->capacity : content.size();
  Manifest manifest = Manifest::make(size, "simulated").value();
  manifest.size_pending = is_pending;
  manifest.chunk_bytes = options.chunk_bytes;
  manifest.id = {};
  std::memcpy(manifest.id.bytes.data(), &options.seed, sizeof options.seed);
  manifest.id.bytes.back() = static_cast<std::byte>(number);
  auto region = core::HeapRegion::make(manifest.stored_bytes()).value();
  if (auto written = region->write(0, content); !written) std::abort();
  auto store = std::make_shared<core::SurfaceStore>(manifest, region);
  for (ChunkIndex chunk{0}; !grows && chunk.value < manifest.chunk_count(); ++chunk.value)
    publish(*store, chunk);
  return store;
}

}  // namespace

SimulatedPuller::SimulatedPuller(Simulation& simulation, std::size_t number, std::size_t surface,
                                 std::shared_ptr<packet::Path> path)
    : simulation_(simulation),
      number_(number),
      surface_(surface),
      state_({.range = simulation.options().range, .order = simulation.options().order}, *this),
      path_(std::move(path)) {}

void SimulatedPuller::start() {
  const auto& options = simulation_.options();
  engine_ = std::make_unique<packet::PullerEngine>(
      simulation_.now_,
      packet::PullerEngine::Options{simulation_.surfaces_[surface_].store->manifest().id,
                                    options.seed ^ ++simulation_.pulls_begun_ << 32, options.idle_timeout},
      *path_, *this);
  pump();
}

void SimulatedPuller::stop() {
  engine_.reset();
  ++timer_;
}

bool SimulatedPuller::is_exact() const {
  if (error_ || !state_.begun() || !state_.complete()) return false;
  const auto view = const_cast<core::PullState&>(state_).view_all();
  const auto expected = std::span(simulation_.surfaces_[surface_].content)
                            .subspan(state_.extent()->range.offset, state_.extent()->range.length);
  return view && std::equal(view->bytes().begin(), view->bytes().end(), expected.begin(), expected.end());
}

Result<void> SimulatedPuller::on_manifest(const Manifest& manifest) {
  auto extent = state_.begin(manifest);
  if (!extent) {
    error_ = extent.error();
    ended_ = true;
    return fail(extent.error());
  }
  state_.use(core::store_in_region(*extent, core::HeapRegion::make(extent->range.length).value()));
  if (state_.complete()) done_at_ = simulation_.now_;
  return {};
}

ChunkVerdict SimulatedPuller::on_chunk(ChunkIndex chunk) {
  const ChunkVerdict verdict = state_.on_chunk(chunk).value();
  if (state_.complete()) done_at_ = simulation_.now_;
  return verdict;
}

Result<void> SimulatedPuller::on_final_size(std::uint64_t size) {
  auto cut = state_.on_final_size(size);
  if (!cut) on_end(cut.error());
  if (state_.complete()) done_at_ = simulation_.now_;
  return cut;
}

void SimulatedPuller::on_end(Error error) {
  ended_ = true;
  done_at_ = simulation_.now_;
  error_ = std::move(error);
}

void SimulatedPuller::on_event(const Event& event) {
  counters_.on_event(event);
  simulation_.record(number_ << 8 | event.index());
}

void SimulatedPuller::on_arrival(const std::vector<std::byte>& datagram) {
  if (engine_ == nullptr || is_done()) return;
  engine_->handle_datagram(simulation_.now_, datagram);
  pump();
}

void SimulatedPuller::on_unreachable() {
  if (engine_ != nullptr && !is_done()) engine_->handle_unreachable(simulation_.now_);
}

void SimulatedPuller::pump() {
  std::array<std::byte, packet::PullerEngine::max_transmit_bytes> out;
  while (!is_done()) {
    const std::size_t size = engine_->poll_transmit(simulation_.now_, out);
    if (size == 0) break;
    simulation_.sending_from_ = number_;
    simulation_.up_.send(simulation_.now_, {out.begin(), out.begin() + static_cast<std::ptrdiff_t>(size)});
  }
  if (is_done()) return;
  const TimePoint next = engine_->poll_timeout(simulation_.now_);
  if (next == TimePoint::max()) return;
  // A deadline that has passed would stop time: the engine must have moved it on.
  simulation_.schedule(std::max(next, simulation_.now_ + std::chrono::microseconds(1)),
                       [this, number = ++timer_] {
                         if (number != timer_ || is_done()) return;
                         engine_->handle_timeout(simulation_.now_);
                         pump();
                       });
}

Simulation::Simulation(const SimulationOptions& options)
    : options_(options),
      exposer_(secret_of(options.seed), {}),
      down_(options.down, options.seed * 2,
            [this](TimePoint when, std::vector<std::byte> datagram) {
              schedule(when, [this, to = sending_to_, datagram = std::move(datagram)] {
                pullers_[to]->on_arrival(datagram);
              });
            }),
      up_(options.up, options.seed * 2 + 1, [this](TimePoint when, std::vector<std::byte> datagram) {
        schedule(when, [this, from = sending_from_, datagram = std::move(datagram)] {
          on_request(from, datagram);
        });
      }) {
  expose(options.size);
  const packet::Path::Options path{.ip = IpVersion::v4, .mtu = options.mtu, .receive_buffer = 425'984};
  for (std::size_t i = 0; i < options.pullers; ++i)
    pullers_.push_back(std::make_unique<SimulatedPuller>(*this, i, 0, std::make_shared<packet::Path>(path)));
}

std::size_t Simulation::expose(std::uint64_t size) {
  Surface& surface = surfaces_.emplace_back();
  surface.content = pattern(size, options_.seed);
  surface.store = make_store(options_, surfaces_.size() - 1, surface.content);
  if (auto added = exposer_.add(surface.store, exposer_counters_); !added) std::abort();
  return surfaces_.size() - 1;
}

SimulatedPuller& Simulation::pull_again(std::size_t surface, Duration later) {
  pullers_[0]->stop();
  auto next = std::make_unique<SimulatedPuller>(*this, 0, surface, pullers_[0]->path_);
  ended_.push_back(std::exchange(pullers_[0], std::move(next)));
  schedule(now_ + later, [this] { pullers_[0]->start(); });
  run_pending();
  return *pullers_[0];
}

void Simulation::schedule(TimePoint when, std::function<void()> action) {
  pending_.push({when, next_number_++, std::move(action)});
}

void Simulation::record(std::uint64_t what) {
  // FNV-1a over times and events.
  for (const std::uint64_t value : {static_cast<std::uint64_t>(now_.time_since_epoch().count()), what})
    trace_ = (trace_ ^ value) * 1099511628211U;
}

packet::Peer Simulation::peer_of(std::size_t puller) {
  packet::Peer peer;
  peer.remote.ip[10] = peer.remote.ip[11] = std::byte{0xff};
  peer.remote.ip[12] = std::byte{10};
  peer.remote.ip[15] = static_cast<std::byte>(puller + 1);
  peer.remote.port = 4000;
  return peer;
}

void Simulation::on_request(std::size_t puller, const std::vector<std::byte>& datagram) {
  if (!exposer_alive_) {
    schedule(now_ + options_.down.delay, [this, puller] { pullers_[puller]->on_unreachable(); });
    return;
  }
  exposer_.handle_datagram(now_, peer_of(puller), datagram);
  serve();
}

void Simulation::serve() {
  if (options_.service_time == Duration{}) {
    while (send_train()) continue;
    return;
  }
  if (serving_ || !exposer_.has_work()) return;
  serving_ = true;
  schedule(now_ + options_.service_time, [this] {
    serving_ = false;
    send_train();
    serve();
  });
}

bool Simulation::send_train() {
  if (!exposer_.poll_transmit(now_, train_)) return false;
  sending_to_ = std::to_integer<std::size_t>(train_.peer().remote.ip[15]) - 1;
  for (const auto& datagram : train_.datagrams()) {
    // All of a train are equally long: the first one fails as it would at a socket.
    if (datagram.size() + Link::headers > options_.exposer_mtu) {
      exposer_.handle_too_large(now_, train_);
      return true;
    }
    std::vector<std::byte> bytes(datagram.header.begin(), datagram.header.end());
    bytes.insert(bytes.end(), datagram.payload.begin(), datagram.payload.end());
    down_.send(now_, std::move(bytes));
  }
  return true;
}

// The chunk that holds the end comes last, as a writer's does, and the final size right before it.
void Simulation::start_producer() {
  const ProducerOptions& producer = *options_.producer;
  const auto& store = surfaces_[0].store;
  std::vector<std::uint32_t> chunks(packet::chunks_up_to(options_.size, options_.chunk_bytes));
  std::iota(chunks.begin(), chunks.end(), 0);
  std::mt19937_64 random(options_.seed);
  if (producer.order == ProducerOptions::Order::random && !chunks.empty())
    std::shuffle(chunks.begin(), chunks.end() - 1, random);
  Duration when{};
  const auto then = [&](auto action) { at(when += producer.interval, std::move(action)); };
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    if (producer.aborts_after == i) break;
    then([&store, chunk = ChunkIndex{chunks[i]}, is_last = i + 1 == chunks.size(), size = options_.size] {
      if (is_last && store->manifest().size_pending) store->set_final_size(size);
      publish(*store, chunk);
    });
  }
  then([this, &store, aborts = producer.aborts_after.has_value()] {
    finished_at_ = now_;
    if (!aborts && !store->final_size()) store->set_final_size(0);
    store->end(aborts ? SurfaceState::aborted : SurfaceState::finished);
    if (aborts) withdraw();
  });
}

void Simulation::run() {
  if (options_.producer) start_producer();
  for (const auto& puller : pullers_) puller->start();
  run_pending();
}

void Simulation::run_pending() {
  const auto all_done = [&] {
    return std::all_of(pullers_.begin(), pullers_.end(),
                       [](const auto& puller) { return puller->is_done(); });
  };
  while (!pending_.empty() && !all_done()) {
    Pending next = pending_.top();
    pending_.pop();
    if (next.when > start_ + options_.deadline) return;
    now_ = std::max(now_, next.when);
    next.action();
  }
}

}  // namespace rgtp::test
