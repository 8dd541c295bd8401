// A program that uses the library with a sealed surface and keeps no key of its own: it prints the locator,
// pulls by every route, and waits.
#include <cstdio>
#include <span>
#include <string>
#include <vector>

#include <unistd.h>

#include <rgtp/rgtp.h>

namespace {

void print(std::string text) {
  text += '\n';
  if (::write(STDOUT_FILENO, text.data(), text.size()) < 0) std::perror("write");
  rgtp::wipe(text);
}

}  // namespace

int main() {
  const std::string content = "what this surface is about";
  std::vector<std::byte> bytes(300'000);
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::byte>(content[i % content.size()]);
  auto exposer = rgtp::Exposer::open().value();
  const auto surface =
      exposer.expose(rgtp::Source::bytes(bytes), {.protection = rgtp::Protection::sealed}).get().value();
  print(surface.locator().reveal());
  std::string again = surface.locator().reveal();
  const auto locator = rgtp::Locator::parse(again).value();
  rgtp::wipe(again);
  auto puller = rgtp::Puller::open().value();
  std::vector<rgtp::View> views;
  for (const char* const route : {"shm", "udp"}) {
    auto pull = puller.pull(locator, {.route = rgtp::Route::only(route)});
    views.push_back(pull.complete().get().value());
    if (pull.stats().bytes != bytes.size()) return 1;
  }
  print("ready");
  ::pause();
}
