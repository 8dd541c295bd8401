// Hands a buffer from one part of a program to another through a locator, chunk by chunk and in order, as two
// processes on two hosts would. Prints how many bytes came.
#include <cstdio>
#include <vector>

#include <rgtp/rgtp.h>

int main() {
  const std::vector<std::byte> features(8'000'000, std::byte{7});

  auto exposer = rgtp::Exposer::open();
  if (!exposer) return std::fprintf(stderr, "%s\n", exposer.error().message().c_str()), 1;
  auto surface = exposer->expose(rgtp::Source::bytes(features), {.name = "features"}).get();
  if (!surface) return std::fprintf(stderr, "%s\n", surface.error().message().c_str()), 1;

  // The locator's text is all that the other side needs.
  auto locator = rgtp::Locator::parse(surface->locator().reveal());
  auto puller = rgtp::Puller::open();
  if (!locator || !puller) return 1;

  auto pull = puller->pull(*locator, {.order = rgtp::Order::content});
  std::size_t bytes = 0;
  while (true) {
    auto chunk = pull.next().get();
    if (!chunk) return std::fprintf(stderr, "%s\n", chunk.error().message().c_str()), 1;
    if (!*chunk) break;
    bytes += (*chunk)->size();
  }
  std::printf("%zu of %zu bytes of '%s' came by %s\n", bytes, features.size(), pull.manifest()->name.c_str(),
              pull.transport().c_str());
  return bytes == features.size() ? 0 : 1;
}
