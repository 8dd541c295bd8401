// Exposer, Surface and SurfaceWriter, and the core behind them.
#include <algorithm>
#include <cstring>
#include <future>
#include <utility>

#include <rgtp/exposer.h>

#include "shm/spill_file.h"
#include "transport/expose_job.h"
#include "transport/exposer_core.h"

namespace rgtp {

namespace transport {

Result<Manifest> make_manifest(std::uint64_t size, std::string name, std::uint32_t chunk_bytes) {
  auto manifest = Manifest::make(size, std::move(name));
  if (!manifest || chunk_bytes == 0) return manifest;
  manifest->chunk_bytes = chunk_bytes;
  if (auto valid = manifest->validate(); !valid) return fail(std::move(valid).error());
  return manifest;
}

namespace {

Offer offer_of(const ExposeOptions& options) {
  return {.access = options.access.value_or(Access::owner()), .persistent = options.persistent};
}

}  // namespace

Pending<Surface> ExposerCore::expose(const std::shared_ptr<EventLoop>& loop, Source source,
                                     ExposeOptions options) {
  auto state = pending_.add(this->loop(), gate_);
  auto job =
      std::make_shared<ExposeJob>(shared_from_this(), loop, std::move(source), std::move(options), state);
  auto posted = this->loop().post([job = std::move(job)] { job->start(); });
  if (!posted) state->resolve(fail(std::move(posted).error()));
  return Pending<Surface>(std::move(state));
}

void ExposerCore::close() {
  gate_->close();
  {
    const std::lock_guard no_hand_over(mutex_);
    closed_ = true;
  }
  pending_.abandon_all();
}

bool ExposerCore::is_closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

Result<std::vector<Transport*>> ExposerCore::offering(const ExposeOptions& options) const {
  std::vector<Transport*> offering;
  for (const auto& transport : transports()) {
    if (!options.route.allows(transport->name())) continue;
    // Whoever is refused by an access that was given would fetch the same bytes by packets.
    const bool is_open = options.protection != Protection::sealed && !transport->enforces_access();
    if (options.access && options.route.is_automatic() && is_open) continue;
    offering.push_back(transport.get());
  }
  const auto keeps = [](const Transport* transport) { return transport->keeps_surfaces(); };
  if (options.persistent && !offering.empty() && std::ranges::none_of(offering, keeps))
    return fail(Errc::no_route, "no transport of the route '" + options.route.to_string() +
                                    "' keeps a persistent surface: take memory along");
  if (!offering.empty()) return offering;
  return fail(Errc::no_route,
              options.access && options.route.is_automatic()
                  ? "no transport of this exposer can keep to an access: name a route"
                  : "this exposer has no transport called '" + options.route.to_string() + "'");
}

Result<ExposerCore::Allocated> ExposerCore::allocate_memory(Transport& transport, const Manifest& manifest,
                                                            const ExposeOptions& options) {
  std::shared_ptr<MemoryBudget::Share> memory = budget_->share();
  // Under a capacity chunks count as they are loaned, and trailers have their place from the start.
  const std::uint64_t needed =
      manifest.trailers_bytes() + (manifest.size_pending ? 0 : manifest.stored_bytes());
  if (memory != nullptr && !memory->add(needed))
    return fail(Errc::no_space, "the surface needs " + std::to_string(needed) +
                                    " bytes of memory, and less is left of the " +
                                    std::to_string(budget_->most()) +
                                    " of max_memory: withdraw other surfaces, or expose a file");
  auto region = transport.allocate(manifest, offer_of(options));
  if (!region) return fail(std::move(region).error());
  return Allocated{std::move(*region), std::move(memory)};
}

Result<ExposerCore::Allocated> ExposerCore::allocate(const Manifest& manifest, const ExposeOptions& options) {
  auto transports = offering(options);
  if (!transports) return fail(std::move(transports).error());
  auto allocated = allocate_memory(*transports->front(), manifest, options);
  const bool may_spill = !allocated && allocated.error().code == Errc::no_space &&
                         options.protection == Protection::sealed && !options.persistent;
  if (!may_spill) return allocated;
  auto file = shm::SpillFile::make(spill_directory_, manifest.stored_bytes());
  if (!file) return fail(Errc::no_space, allocated.error().text + "; nor in a file: " + file.error().text);
  const auto can_offer = [&](const Transport* transport) { return transport->can_offer(**file); };
  if (std::ranges::none_of(*transports, can_offer)) return allocated;
  // The trailers stay in memory.
  std::shared_ptr<MemoryBudget::Share> memory = budget_->share();
  if (memory != nullptr && !memory->add(manifest.trailers_bytes())) return allocated;
  log(LogLevel::info, "memory has no room for a sealed surface, which is kept in a file without a name in " +
                          spill_directory_.string() + " and offered by packets alone");
  return Allocated{std::move(*file), std::move(memory)};
}

void ExposerCore::hand_over(const std::weak_ptr<EventLoop>& loop, std::shared_ptr<ExposedSurface> exposed,
                            detail::PendingState<Surface>& pending) {
  const std::lock_guard handing_over(mutex_);
  auto held = closed_ ? nullptr : loop.lock();
  if (held == nullptr) return exposed->withdraw();
  pending.resolve(Surface(std::move(held), shared_from_this(), std::move(exposed)));
}

Result<std::shared_ptr<ExposedSurface>> ExposerCore::offer(Prepared prepared, const ExposeOptions& options) {
  auto transports = offering(options);
  if (!transports) return fail(std::move(transports).error());
  auto counters = std::make_shared<core::Counters>();
  std::vector<std::unique_ptr<Exposure>> exposures;
  std::shared_ptr<detail::CallbackGate> gate;
  Offer offer = offer_of(options);
  if (offer.access.who() == Access::Who::decide) {
    gate = std::make_shared<detail::CallbackGate>();
    offer.access = Access::decide([gate, access = offer.access](const Asker& asker) {
      bool lets_in = false;
      gate->run([&] { lets_in = access.lets_in(asker); });
      return lets_in;
    });
  }
  // What had no room in memory is offered by those that need none.
  if (dynamic_cast<const shm::SpillFile*>(&prepared.store->region()) != nullptr)
    std::erase_if(*transports, [&](const Transport* transport) {
      return !transport->can_offer(prepared.store->region());
    });
  for (Transport* const transport : *transports) {
    if (options.access && !prepared.protection.is_sealed() && !transport->enforces_access())
      log(LogLevel::warning,
          "the surface's access governs memory alone: whoever has its locator can pull it by " +
              std::string(transport->name()));
    auto exposure = transport->expose(prepared.store, offer, this->loop(), counters);
    if (!exposure) return fail(std::move(exposure).error());
    exposures.push_back(std::move(*exposure));
  }
  auto surface = std::make_shared<ExposedSurface>(this->loop(), std::move(prepared), std::move(counters),
                                                  std::move(exposures), std::move(gate), options.persistent);
  ExposedSurface::withdraw_with_loop(surface);
  return surface;
}

Result<SurfaceWriter> ExposerCore::begin(const std::shared_ptr<EventLoop>& loop, WriterOptions options) {
  Result<std::shared_ptr<ExposedSurface>> begun = fail(Errc::closed, "the event loop is closed");
  if (this->loop().on_loop_thread()) {
    begun = begin_on_loop(options);
  } else {
    std::promise<void> done;
    auto posted = this->loop().post([&] {
      begun = begin_on_loop(options);
      done.set_value();
    });
    if (posted) done.get_future().wait();
  }
  if (!begun) return fail(std::move(begun).error());
  Surface surface(loop, shared_from_this(), *begun);
  if (auto taken = (*begun)->take_local_name(options.expose); !taken) return fail(std::move(taken).error());
  return SurfaceWriter(std::move(surface));
}

Result<std::shared_ptr<ExposedSurface>> ExposerCore::begin_on_loop(const WriterOptions& options) {
  if (options.size.has_value() == options.capacity.has_value())
    return fail(Errc::invalid_argument, "begin() wants either a size or a capacity");
  auto manifest = make_manifest(options.size ? *options.size : *options.capacity, options.expose.name,
                                options.expose.chunk_bytes);
  if (!manifest) return fail(std::move(manifest).error());
  manifest->size_pending = options.capacity.has_value();
  if (options.expose.rooted)
    return fail(Errc::invalid_argument,
                "a surface that grows has no root before it is finished, and its locator is needed before "
                "that: expose it when it is whole, or seal it");
  auto protection = SurfaceProtection::apply(options.expose, *manifest);
  if (!protection) return fail(std::move(protection).error());
  bind_to_loop();
  auto allocated = allocate(*manifest, options.expose);
  if (!allocated) return fail(std::move(allocated).error());
  return offer({.store = std::make_shared<core::SurfaceStore>(*manifest, std::move(allocated->region)),
                .protection = std::move(*protection),
                .memory = std::move(allocated->memory)},
               options.expose);
}

}  // namespace transport

Source Source::file(std::filesystem::path path) { return Source(File{std::move(path)}); }
Source Source::snapshot(std::filesystem::path path) { return Source(Snapshot{std::move(path)}); }
Source Source::bytes(std::span<const std::byte> bytes) { return Source(Memory{bytes, nullptr}); }
Source Source::bytes(std::span<const std::byte> bytes, std::shared_ptr<const void> keep_alive) {
  return Source(Memory{bytes, std::move(keep_alive)});
}
Source Source::bytes(std::vector<std::byte> bytes) {
  auto kept = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  return Source(Memory{std::span(*kept), kept});
}

Surface::Surface(std::shared_ptr<EventLoop> loop, std::shared_ptr<transport::ExposerCore> core,
                 std::shared_ptr<transport::ExposedSurface> surface)
    : loop_(std::move(loop)), core_(std::move(core)), surface_(std::move(surface)) {}

Surface::Surface(Surface&&) noexcept = default;

Surface& Surface::operator=(Surface&& other) noexcept {
  if (this == &other) return *this;
  withdraw();
  surface_ = std::move(other.surface_);
  core_ = std::move(other.core_);
  loop_ = std::move(other.loop_);
  return *this;
}

Surface::~Surface() { withdraw(); }

void Surface::withdraw() {
  if (surface_ != nullptr) surface_->end_callbacks();
  if (surface_ != nullptr) (void)loop_->post([surface = std::move(surface_)] { surface->withdraw(); });
}

SurfaceWriter::SurfaceWriter(Surface surface) : surface_(std::move(surface)) {}
SurfaceWriter::SurfaceWriter(SurfaceWriter&& other) noexcept
    : surface_(std::exchange(other.surface_, std::nullopt)) {}
SurfaceWriter& SurfaceWriter::operator=(SurfaceWriter&& other) noexcept {
  if (this == &other) return *this;
  abort();
  surface_ = std::exchange(other.surface_, std::nullopt);
  return *this;
}
SurfaceWriter::~SurfaceWriter() { abort(); }

void SurfaceWriter::abort() {
  if (surface_) surface_->surface_->abort();
  surface_.reset();
}

const Locator& SurfaceWriter::locator() const { return surface_->locator(); }
const Manifest& SurfaceWriter::manifest() const { return surface_->manifest(); }
Stats SurfaceWriter::stats() const { return surface_->stats(); }
Result<std::span<std::byte>> SurfaceWriter::loan(ChunkIndex chunk) { return surface_->surface_->loan(chunk); }
Result<void> SurfaceWriter::publish(ChunkIndex chunk) { return surface_->surface_->publish(chunk); }

Result<Surface> SurfaceWriter::finish() && {
  if (auto finished = surface_->surface_->finish(std::nullopt); !finished)
    return fail(std::move(finished).error());
  return *std::exchange(surface_, std::nullopt);
}
Result<Surface> SurfaceWriter::finish(std::uint64_t size) && {
  if (auto finished = surface_->surface_->finish(size); !finished) return fail(std::move(finished).error());
  return *std::exchange(surface_, std::nullopt);
}

const Locator& Surface::locator() const { return surface_->locator(); }
const Manifest& Surface::manifest() const { return surface_->manifest(); }
Stats Surface::stats() const { return surface_->stats(); }

Result<void> Surface::leave() && {
  auto left = surface_->leave();
  if (left) withdraw();
  return left;
}

Result<Exposer> Exposer::open(ExposerOptions options) {
  auto opened = transport::open_core<transport::ExposerCore>(std::move(options));
  if (!opened) return fail(std::move(opened).error());
  return Exposer(std::move(opened->loop), std::move(opened->core));
}

Exposer::Exposer(std::shared_ptr<EventLoop> loop, std::shared_ptr<transport::ExposerCore> core)
    : loop_(std::move(loop)), core_(std::move(core)) {}

Exposer::Exposer(Exposer&&) noexcept = default;

Exposer& Exposer::operator=(Exposer&& other) noexcept {
  if (this == &other) return *this;
  close();
  core_ = std::move(other.core_);
  loop_ = std::move(other.loop_);
  return *this;
}

Exposer::~Exposer() { close(); }

void Exposer::close() {
  if (core_ != nullptr) core_->close();
}

Result<SurfaceWriter> Exposer::begin(WriterOptions options) {
  return core_->begin(loop_, std::move(options));
}

Pending<Surface> Exposer::expose(Source source, ExposeOptions options) {
  const auto* memory = std::get_if<Source::Memory>(&source.what());
  if (memory != nullptr && memory->keep_alive == nullptr)
    source = Source::bytes(std::vector<std::byte>(memory->bytes.begin(), memory->bytes.end()));
  return core_->expose(loop_, std::move(source), std::move(options));
}

}  // namespace rgtp
