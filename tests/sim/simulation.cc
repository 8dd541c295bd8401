#include "sim/simulation.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "core/heap_region.h"
#include "packet/slicing.h"
#include "support/pattern.h"

namespace rgtp::test {

namespace {

SurfaceId id_of(std::uint64_t seed, std::size_t number) {
  SurfaceId id;
  std::memcpy(id.bytes.data(), &seed, sizeof seed);
  id.bytes.back() = static_cast<std::byte>(number);
  return id;
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
  manifest.id = id_of(options.seed, number);
  auto region = core::HeapRegion::make(manifest.stored_bytes()).value();
  if (auto written = region->write(0, content); !written) std::abort();
  auto store = std::make_shared<core::SurfaceStore>(manifest, region);
  for (ChunkIndex chunk{0}; !grows && chunk.value < manifest.chunk_count(); ++chunk.value)
    publish(*store, chunk);
  return store;
}

}  // namespace

Simulation::Simulation(const SimulationOptions& options)
    : options_(options),
      random_(options.seed),
      exposer_(
          timeline_, packets_,
          {.mtu = options.exposer_mtu, .service_time = options.service_time, .rate = options.exposer_rate},
          options.seed) {
  expose(options.size);
  add_links();
  for (std::size_t i = 0; i < options.pullers; ++i) {
    add_puller(i, 0, std::make_shared<packet::Path>(path_options(i)));
    exposer_.add_puller({&down(i), &pullers_.back()->destination()});
  }
  for (std::size_t i = 0; i < options.tcp_flows; ++i)
    tcp_.push_back(std::make_unique<TcpFlow>(timeline_, packets_, down(), up()));
}

packet::Path::Options Simulation::path_options(std::size_t puller) const {
  return {.ip = packet::IpVersion::v4,
          .mtu = options_.mtu,
          .receive_buffer = 425'984,
          .max_mtu = options_.max_mtu,
          .congestion =
              puller % 2 == 0 ? options_.congestion : options_.odd_congestion.value_or(options_.congestion),
          .fixed_rate = options_.fixed_rate};
}

void Simulation::add_links() {
  const std::size_t count = options_.links == Links::own ? options_.pullers : 1;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t seed = options_.seed * 2 + i * 1'000'003;
    downs_.push_back(std::make_unique<Link>(timeline_, packets_, options_.down, seed));
    ups_.push_back(std::make_unique<Link>(timeline_, packets_, options_.up, seed + 1));
  }
}

std::size_t Simulation::expose(std::uint64_t size) {
  const std::size_t number = surfaces_.size();
  Surface& surface = surfaces_.emplace_back();
  if (size == endless) {
    endless_content_ = std::make_shared<EndlessContent>(options_.seed);
    surface.store = std::make_shared<EndlessStore>(id_of(options_.seed, number), endless_content_);
  } else {
    surface.content = pattern(size, options_.seed);
    surface.store = surface.own_store = make_store(options_, number, surface.content);
  }
  if (auto added = exposer_.engine().add(surface.store, exposer_counters_); !added) std::abort();
  return number;
}

std::unique_ptr<SimulatedSink> Simulation::make_sink(std::size_t number, std::size_t surface) {
  if (surfaces_[surface].own_store == nullptr)
    return std::make_unique<EndlessSink>(timeline_, trace_, number, endless_content_);
  return std::make_unique<WholeSink>(
      timeline_, trace_, number, core::PullState::Options{.range = options_.range, .order = options_.order});
}

void Simulation::add_puller(std::size_t number, std::size_t surface, std::shared_ptr<packet::Path> path) {
  pullers_.push_back(std::make_unique<SimulatedPuller>(
      timeline_, SimulatedPuller::Uplink{up(number), packets_, port_, static_cast<std::uint32_t>(number)},
      std::move(path), make_sink(number, surface), surfaces_[surface].content));
}

SimulatedPuller& Simulation::pull_again(std::size_t surface, Duration later) {
  pullers_[0]->stop();
  add_puller(0, surface, pullers_[0]->shared_path());
  std::swap(pullers_[0], pullers_.back());
  ended_.push_back(std::move(pullers_.back()));
  pullers_.pop_back();
  exposer_.replace_puller(0, pullers_[0]->destination());
  timeline_.call(timeline_.now() + later, [this, surface] { start_puller(0, surface); });
  run_until_done();
  return *pullers_[0];
}

void Simulation::start_puller(std::size_t number, std::size_t surface) {
  pullers_[number]->start(
      {surfaces_[surface].store->manifest().id, options_.seed ^ ++pulls_begun_ << 32, options_.idle_timeout});
}

void Simulation::Port::on_packet(Packet& packet) {
  if (simulation.exposer_alive_) return simulation.exposer_.on_packet(packet);
  const TimePoint when = simulation.timeline_.now() + simulation.options_.down.delay;
  simulation.timeline_.call(
      when, [&sim = simulation, from = packet.from] { sim.pullers_[from]->on_unreachable(); });
}

void Simulation::send_cross_traffic() {
  constexpr std::uint32_t bytes = 1500;
  down().send(packets_.take(nobody_, bytes));
  const std::chrono::duration<double> gap(random_.exponential(bytes / options_.cross_traffic));
  timeline_.call(timeline_.now() + std::chrono::duration_cast<Duration>(gap),
                 [this] { send_cross_traffic(); });
}

// The chunk that holds the end comes last, as a writer's does, and the final size right before it.
void Simulation::start_producer() {
  const ProducerOptions& producer = *options_.producer;
  const auto& store = surfaces_[0].own_store;
  std::vector<std::uint32_t> chunks(Manifest::chunks_in(options_.size, options_.chunk_bytes));
  std::iota(chunks.begin(), chunks.end(), 0);
  if (producer.order == ProducerOptions::Order::random)
    for (std::size_t i = 1; i + 1 < chunks.size(); ++i) std::swap(chunks[i], chunks[random_.below(i + 1)]);
  Duration when{};
  const auto then = [&](auto action) { at(when += producer.interval, std::move(action)); };
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    if (producer.aborts_after == i) break;
    then([this, &store, chunk = ChunkIndex{chunks[i]}, is_last = i + 1 == chunks.size(),
          size = options_.size] {
      if (is_last && store->manifest().size_pending) store->set_final_size(size);
      publish(*store, chunk);
      exposer_.on_growth(store->manifest().id);
    });
  }
  then([this, &store, aborts = producer.aborts_after.has_value()] {
    finished_at_ = timeline_.now();
    if (!aborts && !store->final_size()) store->set_final_size(0);
    store->end(aborts ? SurfaceState::aborted : SurfaceState::finished);
    exposer_.on_growth(store->manifest().id);
    if (aborts) withdraw();
  });
}

void Simulation::start() {
  if (std::exchange(started_, true)) return;
  if (options_.producer) start_producer();
  for (std::size_t i = 0; i < pullers_.size(); ++i)
    at(i * options_.start_apart, [this, i] { start_puller(i, 0); });
  for (const auto& flow : tcp_) flow->start();
  if (options_.cross_traffic > 0) send_cross_traffic();
}

void Simulation::run() {
  start();
  run_until_done();
}

bool Simulation::all_done() const {
  return std::ranges::all_of(pullers_, [](const auto& puller) { return puller->is_done(); });
}

void Simulation::run_until_done() {
  while (!all_done() && timeline_.step(timeline_.start() + options_.deadline)) continue;
}

void Simulation::run_until(Duration since_start) {
  start();
  while (timeline_.step(timeline_.start() + since_start)) continue;
}

Simulation::Rates Simulation::measure(Duration length) {
  for (const auto& link : downs_) link->reset_counters();
  for (const auto& link : ups_) link->reset_counters();
  const auto counts = [&] {
    std::vector<std::uint64_t> all;
    for (const auto& puller : pullers_) all.push_back(puller->stats().verified_bytes);
    for (const auto& flow : tcp_) all.push_back(flow->delivered_bytes());
    return all;
  };
  const auto before = counts();
  run_until(elapsed() + length);
  const auto after = counts();
  std::vector<double> rates;
  for (std::size_t i = 0; i < before.size(); ++i)
    rates.push_back(static_cast<double>(after[i] - before[i]) /
                    std::chrono::duration<double>(length).count());
  const auto border = rates.begin() + static_cast<std::ptrdiff_t>(pullers_.size());
  return {{rates.begin(), border}, {border, rates.end()}};
}

}  // namespace rgtp::test
