// Exposes bytes in memory by packets and prints the locator, until it is killed: the side of a transfer from
// memory to memory that pull_meter pulls from.
//
//     memory_exposer MIB [--bind 127.0.0.1:0] [--seal]
#include <cstdint>
#include <cstring>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include <rgtp/rgtp.h>

namespace rgtp::bench {

namespace {

std::vector<std::byte> random_bytes(std::size_t size) {
  std::vector<std::byte> bytes(size);
  std::mt19937_64 random(1);
  for (std::size_t at = 0; at + sizeof(std::uint64_t) <= size; at += sizeof(std::uint64_t)) {
    const std::uint64_t word = random();
    std::memcpy(bytes.data() + at, &word, sizeof word);
  }
  return bytes;
}

int expose(std::uint64_t mib, const std::string& bind, Protection protection) {
  const auto complain = [](const Error& error) {
    std::cerr << "memory_exposer: " << error.message() << '\n';
    return 1;
  };
  auto exposer = Exposer::open({.transports = {udp_transport({.bind = bind})}});
  if (!exposer) return complain(exposer.error());
  const auto surface =
      exposer->expose(Source::bytes(random_bytes(mib << 20)), {.protection = protection}).get();
  if (!surface) return complain(surface.error());
  std::cout << surface->locator().reveal() << std::endl;
  for (;;) pause();
}

}  // namespace

}  // namespace rgtp::bench

int main(int argc, char** argv) {
  CLI::App app("Exposes bytes in memory by packets");
  std::uint64_t mib = 0;
  std::string bind = "127.0.0.1:0";
  app.add_option("MIB", mib, "how many")->required();
  app.add_option("--bind", bind, "ADDRESS:PORT")->capture_default_str();
  bool sealed = false;
  app.add_flag("--seal", sealed, "encrypt them");
  CLI11_PARSE(app, argc, argv);
  return rgtp::bench::expose(mib, bind, sealed ? rgtp::Protection::sealed : rgtp::Protection::checksum);
}
