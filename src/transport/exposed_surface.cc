#include "transport/exposed_surface.h"

#include <algorithm>
#include <string>
#include <utility>

namespace rgtp::transport {

namespace {

std::string name_of(ChunkIndex chunk) { return "chunk " + std::to_string(chunk.value); }

}  // namespace

ExposedSurface::ExposedSurface(EventLoop& loop, Prepared prepared, std::shared_ptr<core::Counters> counters,
                               std::vector<std::unique_ptr<Exposure>> exposures,
                               std::shared_ptr<detail::CallbackGate> gate, bool persistent)
    : loop_(loop),
      store_(std::move(prepared.store)),
      counters_(std::move(counters)),
      // Transports are given nearest first: the last one's locator reaches furthest.
      locator_(exposures.back()->locator().with(prepared.protection.key, prepared.root)),
      sealing_(prepared.protection.is_sealed() && store_->state() == SurfaceState::growing
                   ? new Sealing{std::move(prepared.protection), {}}
                   : nullptr),
      memory_(std::move(prepared.memory)),
      loaned_(store_->manifest().chunk_count()),
      exposures_(std::move(exposures)),
      gate_(std::move(gate)),
      persistent_(persistent) {}

Result<void> ExposedSurface::take_local_name(const ExposeOptions& options) {
  if (options.local_name.empty()) return {};
  const auto key = options.key_in_local_name ? locator_.key() : std::nullopt;
  auto taken = shm::LocalName::take(options.local_name, locator_.with(key, locator_.root()));
  if (!taken) return fail(std::move(taken).error());
  local_name_ = std::move(*taken);
  return {};
}

void ExposedSurface::withdraw_with_loop(const std::shared_ptr<ExposedSurface>& surface) {
  surface->closing_ = surface->loop_.on_closing([surface] { surface->withdraw(); });
}

Result<void> ExposedSurface::leave() {
  if (!persistent_ || store_->state() != SurfaceState::finished)
    return fail(Errc::invalid_argument,
                "only a persistent surface that is finished can be left: see ExposeOptions::persistent");
  auto fate = Fate::offered;
  fate_.compare_exchange_strong(fate, Fate::left);
  if (fate == Fate::withdrawn)
    return fail(Errc::closed, "the surface was withdrawn when its event loop was closed");
  return {};
}

void ExposedSurface::withdraw() {
  auto fate = Fate::offered;
  fate_.compare_exchange_strong(fate, Fate::withdrawn);
  if (fate == Fate::left) {
    if (local_name_ != nullptr) local_name_->leave();
    for (const auto& exposure : exposures_) exposure->leave();
  }
  // Giving a name up may wait for other processes. A loop that closes runs no more jobs: there it goes here.
  if (local_name_ != nullptr)
    loop_.offload([name = std::exchange(local_name_, nullptr)]() mutable { name.reset(); }, [] {});
  exposures_.clear();
  closing_.reset();
}

Result<void> ExposedSurface::check_chunk(ChunkIndex chunk) const {
  if (chunk.value >= manifest().chunk_count())
    return fail(Errc::out_of_range, name_of(chunk) + " is behind the last one: this surface has " +
                                        std::to_string(manifest().chunk_count()) + " chunks");
  if (store_->is_claimed(chunk))
    return fail(Errc::invalid_argument,
                name_of(chunk) + " is published already and never changes: loan another");
  return {};
}

Result<std::span<std::byte>> ExposedSurface::loan(ChunkIndex chunk) {
  if (auto checked = check_chunk(chunk); !checked) return fail(std::move(checked).error());
  const std::uint64_t offset = manifest().offset_of(chunk);
  const std::uint32_t length = manifest().length_of(chunk);
  const std::uint64_t needed = memory_ == nullptr || loaned_.test(chunk.value) ? 0 : memory_of_loan(length);
  if (needed > 0 && !memory_->add(needed))
    return fail(Errc::no_space, "another chunk is more than max_memory allows: withdraw other surfaces");
  if (auto reserved = store_->region().reserve(offset, length); !reserved) {
    if (needed > 0) memory_->give_back(needed);
    return fail(std::move(reserved).error());
  }
  const bool was_loaned_meanwhile = !loaned_.set(chunk.value) && needed > 0;
  if (was_loaned_meanwhile) memory_->give_back(needed);
  return loaned_memory(chunk);
}

// Its place, where that is memory and does not count from the start; and what a sealed one is written in.
std::uint64_t ExposedSurface::memory_of_loan(std::uint64_t length) const {
  const bool is_place_new = manifest().size_pending && store_->region().is_memory();
  return (is_place_new ? length : 0) + (sealing_ != nullptr ? length : 0);
}

std::span<std::byte> ExposedSurface::loaned_memory(ChunkIndex chunk) {
  const std::uint32_t length = manifest().length_of(chunk);
  if (sealing_ != nullptr) return sealing_->loans.loan(chunk, length);
  return store_->region().writable().subspan(manifest().offset_of(chunk), length);
}

Result<void> ExposedSurface::publish(ChunkIndex chunk) {
  if (auto checked = check_chunk(chunk); !checked) return checked;
  auto published = publish_loaned(chunk);
  if (published) tell_growth();
  return published;
}

Result<void> ExposedSurface::publish_loaned(ChunkIndex chunk) {
  // Memory that nobody wrote may hold anything.
  if (!loaned_.test(chunk.value))
    return fail(Errc::invalid_argument,
                name_of(chunk) + " was not loaned: loan it, fill it, then publish it");
  if (sealing_ != nullptr) return publish_sealed(chunk);
  const auto bytes = store_->mapped().subspan(manifest().offset_of(chunk), manifest().length_of(chunk));
  if (store_->publish(chunk, core::chunk_tag(chunk, bytes))) return {};
  return fail(Errc::invalid_argument, name_of(chunk) + " was published by another thread at the same time");
}

// Loaned, claimed, sealed, published, in this order and never back: whatever fails, a chunk is not sealed a
// second time, which would be under the nonce of the first.
Result<void> ExposedSurface::publish_sealed(ChunkIndex chunk) {
  const auto plain = sealing_->loans.take(chunk);
  if (!plain || !store_->claim(chunk))
    return fail(Errc::invalid_argument, name_of(chunk) + " was published by another thread at the same time");
  ChunkStorer storer(manifest(), sealing_->protection);
  const auto stored = storer.store(chunk, *plain, store_->final_size(), store_->region());
  if (memory_ != nullptr) memory_->give_back(plain->size());
  if (!stored) {
    abort();
    return fail(stored.error());
  }
  store_->publish_claimed(chunk, stored->tag);
  return {};
}

Result<void> ExposedSurface::check_size(std::uint64_t size) const {
  const Manifest& m = manifest();
  if (size > m.size || (!m.size_pending && size != m.size))
    return fail(Errc::invalid_argument,
                "the surface was begun for " + std::string(m.size_pending ? "at most " : "") +
                    std::to_string(m.size) + " bytes and cannot be finished with " + std::to_string(size));
  // Whole chunks are published by now. The rest behind them is published by finish(), since nobody knew
  // before how much of it counts.
  const auto whole_chunks =
      m.size_pending ? static_cast<std::uint32_t>(size / m.chunk_bytes) : m.chunk_count();
  for (ChunkIndex chunk{0}; chunk.value < whole_chunks; ++chunk.value)
    if (!store_->has(chunk))
      return fail(Errc::invalid_argument,
                  name_of(chunk) + " is not published yet: publish every chunk, then finish");
  if (store_->published() != whole_chunks)
    return fail(Errc::invalid_argument,
                "a chunk that reaches behind the end at " + std::to_string(size) +
                    " bytes was published: leave the last one, where it is not full, to finish()");
  const ChunkIndex rest{whole_chunks};
  if (m.size_pending && size % m.chunk_bytes != 0 && !loaned_.test(rest.value))
    return fail(Errc::invalid_argument, name_of(rest) + " was not loaned: loan it, fill it, then finish");
  return {};
}

Result<void> ExposedSurface::finish(std::optional<std::uint64_t> size) {
  const Manifest& m = manifest();
  if (!size && m.size_pending)
    return fail(Errc::invalid_argument,
                "the surface was begun with a capacity: finish(size) says how many bytes there are");
  const std::uint64_t final_size = size.value_or(m.size);
  if (auto checked = check_size(final_size); !checked) return checked;
  if (m.size_pending) {
    store_->set_final_size(
        {final_size, sealing_ != nullptr ? sealing_->protection.keys->end_tag(final_size) : EndTag{}});
    if (const std::uint64_t tail = final_size % m.chunk_bytes; tail != 0) {
      const ChunkIndex rest{static_cast<std::uint32_t>(final_size / m.chunk_bytes)};
      std::ranges::fill(loaned_memory(rest).subspan(tail), std::byte{0});
      if (auto published = publish_loaned(rest); !published) return published;
    }
  }
  store_->end(SurfaceState::finished);
  tell_growth();
  return {};
}

void ExposedSurface::abort() {
  store_->end(SurfaceState::aborted);
  tell_growth();
}

void ExposedSurface::tell_growth() {
  if (growth_told_.exchange(true)) return;
  (void)loop_.post([self = shared_from_this()] {
    self->growth_told_ = false;
    for (const auto& exposure : self->exposures_) exposure->on_growth();
  });
}

}  // namespace rgtp::transport
