// The README's ten lines, from outside: expose, pull, compare.
#include <cstdio>
#include <cstring>
#include <vector>

#include <rgtp/rgtp.h>

int main() {
  const std::vector<std::byte> bytes(1'000'000, std::byte{42});
  auto exposer = rgtp::Exposer::open().value();
  auto surface = exposer.expose(rgtp::Source::bytes(bytes)).get().value();
  auto locator = rgtp::Locator::parse(surface.locator().reveal()).value();
  auto puller = rgtp::Puller::open().value();
  auto pull = puller.pull(locator);
  auto view = pull.complete().get().value();
  const bool same =
      view.size() == bytes.size() && std::memcmp(view.bytes().data(), bytes.data(), bytes.size()) == 0;
  std::printf("an outside consumer pulled %zu bytes: %s\n", static_cast<std::size_t>(view.size()),
              same ? "exact" : "WRONG");
  return same ? 0 : 1;
}
