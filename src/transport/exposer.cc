// Exposer and Surface, and the core behind them.
#include <algorithm>
#include <cstring>

#include <rgtp/exposer.h>

#include "transport/expose_job.h"
#include "transport/exposer_core.h"

namespace rgtp {

namespace transport {

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

Result<std::shared_ptr<Region>> ExposerCore::allocate(const Manifest& manifest, const Route& route) {
  for (const auto& transport : transports())
    if (route.allows(transport->name())) return transport->allocate(manifest, Access::owner());
  return fail(Errc::no_route, "this exposer has no transport called '" + route.to_string() + "'");
}

void ExposerCore::hand_over(const std::weak_ptr<EventLoop>& loop, std::shared_ptr<core::SurfaceStore> store,
                            const Route& route, detail::PendingState<Surface>& pending) {
  const std::lock_guard handing_over(mutex_);
  if (closed_) return;
  if (auto held = loop.lock()) pending.resolve(offer(std::move(held), std::move(store), route));
}

Result<Surface> ExposerCore::offer(std::shared_ptr<EventLoop> loop, std::shared_ptr<core::SurfaceStore> store,
                                   const Route& route) {
  auto counters = std::make_shared<core::Counters>();
  std::vector<std::unique_ptr<Exposure>> exposures;
  for (const auto& transport : transports()) {
    if (!route.allows(transport->name())) continue;
    auto exposure = transport->expose(store, this->loop(), counters);
    if (!exposure) return fail(std::move(exposure).error());
    exposures.push_back(std::move(*exposure));
  }
  if (exposures.empty())
    return fail(Errc::no_route, "this exposer has no transport called '" + route.to_string() + "'");
  // Transports are given nearest first: the last one's locator reaches furthest.
  Locator locator = exposures.back()->locator();
  auto surface = std::make_shared<ExposedSurface>(std::move(store), std::move(counters), std::move(locator),
                                                  std::move(exposures));
  ExposedSurface::withdraw_with(this->loop(), surface);
  return Surface(std::move(loop), shared_from_this(), std::move(surface));
}

}  // namespace transport

Source Source::file(std::filesystem::path path) { return Source(File{std::move(path)}); }
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
  if (surface_ != nullptr) (void)loop_->post([surface = std::move(surface_)] { surface->withdraw(); });
}

const Locator& Surface::locator() const { return surface_->locator(); }
const Manifest& Surface::manifest() const { return surface_->manifest(); }
Stats Surface::stats() const { return surface_->stats(); }

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

Pending<Surface> Exposer::expose(Source source, ExposeOptions options) {
  const auto* memory = std::get_if<Source::Memory>(&source.what());
  if (memory != nullptr && memory->keep_alive == nullptr)
    source = Source::bytes(std::vector<std::byte>(memory->bytes.begin(), memory->bytes.end()));
  return core_->expose(loop_, std::move(source), std::move(options));
}

}  // namespace rgtp
