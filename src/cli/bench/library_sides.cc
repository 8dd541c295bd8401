#include "cli/bench/library_sides.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <unistd.h>

#include <rgtp/rgtp.h>

#include "cli/bench/side.h"

namespace rgtp::cli::bench {

namespace {

// What a consumer holds of a surface that comes by packets.
constexpr std::uint64_t window_bytes = 16 * 1024 * 1024;

class LibraryExposing : public Exposing {
 public:
  Result<std::string> offer(std::span<const std::byte> content, const std::string& address) override {
    // Huge pages would be made in the middle of somebody else's turn.
    auto exposer = Exposer::open({.transports = {shm_transport({.huge_pages_after = Duration::max()}),
                                                 udp_transport({.bind = address + ":0"})}});
    if (!exposer) return fail(std::move(exposer).error());
    exposer_.emplace(std::move(*exposer));
    auto writer = exposer_->begin({.size = content.size()});
    if (!writer) return fail(std::move(writer).error());
    for (ChunkIndex chunk{0}; chunk.value < writer->manifest().chunk_count(); ++chunk.value) {
      auto loan = writer->loan(chunk);
      if (!loan) return fail(std::move(loan).error());
      std::ranges::copy(content.subspan(writer->manifest().offset_of(chunk), loan->size()), loan->begin());
      if (auto published = writer->publish(chunk); !published) return fail(std::move(published).error());
    }
    auto surface = std::move(*writer).finish();
    if (!surface) return fail(std::move(surface).error());
    surface_.emplace(std::move(*surface));
    return surface_->locator().reveal();
  }
  Traffic traffic() override { return {.datagrams = surface_->stats().datagrams_sent, .again = {}}; }

 private:
  std::optional<Exposer> exposer_;
  std::optional<Surface> surface_;
};

class LibraryPulling : public Pulling {
 public:
  LibraryPulling(Puller puller, const std::string& route, Into into)
      : puller_(std::move(puller)), route_(Route::only(route)), into_(into) {}

  Result<void> pull(const std::string& where, std::uint64_t, Consumer& consumer) override {
    auto locator = Locator::parse(where);
    if (!locator) return fail(std::move(locator).error());
    return into_ == Into::view ? pull_chunks(*locator, consumer) : pull_file(*locator, consumer);
  }
  Traffic traffic() override { return {.datagrams = {}, .again = asked_again_}; }

 private:
  Result<void> pull_chunks(const Locator& locator, Consumer& consumer) {
    Pull pull =
        puller_.pull(locator, {.order = Order::content, .window_bytes = window_bytes, .route = route_});
    while (true) {
      auto chunk = pull.next().get();
      if (!chunk) return fail(std::move(chunk).error());
      if (!*chunk) break;
      consumer.take((*chunk)->bytes());
    }
    asked_again_ = pull.stats().slices_asked_again;
    return {};
  }

  Result<void> pull_file(const Locator& locator, Consumer& consumer) {
    const std::filesystem::path file = "/dev/shm/rgtp-bench-" + std::to_string(::getpid());
    Pull pull = puller_.pull(locator, {.into = file, .route = route_});
    if (auto done = pull.complete().get(); !done) return fail(std::move(done).error());
    asked_again_ = pull.stats().slices_asked_again;
    std::ifstream bytes(file, std::ios::binary);
    std::error_code ignored;
    std::filesystem::remove(file, ignored);  // gone however this goes on
    std::vector<char> piece(piece_bytes);
    while (bytes.read(piece.data(), static_cast<std::streamsize>(piece.size())) || bytes.gcount() > 0)
      consumer.take(std::as_bytes(std::span(piece)).first(static_cast<std::size_t>(bytes.gcount())));
    return {};
  }

  Puller puller_;
  const Route route_;
  const Into into_;
  std::uint64_t asked_again_ = 0;
};

}  // namespace

Party::Answer library_exposing_side() {
  return exposing_side(
      []() -> Result<std::unique_ptr<Exposing>> { return std::make_unique<LibraryExposing>(); });
}

Party::Answer library_pulling_side(const std::string& route, Into into) {
  return pulling_side([route, into]() -> Result<std::unique_ptr<Pulling>> {
    auto puller = Puller::open();
    if (!puller) return fail(std::move(puller).error());
    return std::make_unique<LibraryPulling>(std::move(*puller), route, into);
  });
}

}  // namespace rgtp::cli::bench
