#include "link/emulator_options.h"

#include <cmath>

namespace rgtp::bench {

namespace {

constexpr double most_bytes = 1e12;
constexpr double most_ms = 1e5;
constexpr double nearly_all = 0.999;

// What a queue holds at least: a path without delay has no product of bandwidth and delay.
constexpr double shortest_queue_bytes = 30'000;

Duration milliseconds(double ms) { return Duration(std::llround(ms * 1e6)); }

}  // namespace

EmulatorCommandLine::EmulatorCommandLine()
    : app_(
          "Joins two network namespaces by an emulated link.\n"
          "Counters of each direction are printed as a line of JSON at SIGTERM.") {
  app_.add_option("SPACE_A", options_.ends[0].space, "network namespace, as `ip netns` calls it")->required();
  app_.add_option("DEVICE_A", options_.ends[0].device, "TUN device there, made if it is not there")
      ->required();
  app_.add_option("SPACE_B", options_.ends[1].space, "the other side")->required();
  app_.add_option("DEVICE_B", options_.ends[1].device)->required();
  app_.add_option("--seed", options_.seed, "of everything random")->capture_default_str();
  app_.footer("Every other option also exists as --NAME-ab and --NAME-ba, for one direction alone.");
  add("rate", rate_, "Mbit/s of IP bytes; 0: no bottleneck", 1e6);
  add("delay", delay_, "one way, in ms: half of the round trip", most_ms);
  add("queue", queue_, "bytes in front of the bottleneck; 0: rate x twice the delay", most_bytes);
  add("loss", loss_, "share of packets lost at random, before the queue", nearly_all);
  add("loss-run", loss_run_, "mean length of a run of losses, in packets; 1: no runs", 1e6);
  add("reorder", reorder_, "share of packets held back", 1);
  add("held-back", held_back_, "for how long, in ms", most_ms);
  add("duplicate", duplicate_, "share of packets that arrive twice", 1);
  add("jitter", jitter_, "up to so many ms more delay; the order is kept", most_ms);
  add("mark-above", mark_above_, "bytes in the queue above which ECN marks; 0: never", most_bytes);
}

void EmulatorCommandLine::add(const std::string& name, PerDirection& property, const std::string& help,
                              double most) {
  const CLI::Range range(0.0, most);
  app_.add_option("--" + name, property.both, help)->check(range)->capture_default_str();
  // Not among the help: they would make three lines of each.
  app_.add_option("--" + name + "-ab", property.own[0])->check(range)->group("");
  app_.add_option("--" + name + "-ba", property.own[1])->check(range)->group("");
}

LinkOptions EmulatorCommandLine::direction(std::size_t i) const {
  LinkOptions link;
  link.rate_bits_per_s = rate_.of(i) * 1e6;
  link.delay = milliseconds(delay_.of(i));
  const double product = rate_.of(i) * 1e6 / 8 * 2 * delay_.of(i) / 1e3;
  const double queue = queue_.of(i) > 0 ? queue_.of(i) : std::max(product, shortest_queue_bytes);
  link.queue_bytes = static_cast<std::uint64_t>(queue);
  link.loss = loss_.of(i);
  link.mean_loss_run = loss_run_.of(i);
  link.reorder = reorder_.of(i);
  link.held_back = milliseconds(held_back_.of(i));
  link.duplicate = duplicate_.of(i);
  link.jitter = milliseconds(jitter_.of(i));
  link.mark_above_bytes = static_cast<std::uint64_t>(mark_above_.of(i));
  return link;
}

EmulatorOptions EmulatorCommandLine::parse(int argc, char** argv) {
  app_.parse(argc, argv);
  for (std::size_t i = 0; i < 2; ++i) options_.directions[i] = direction(i);
  return options_;
}

}  // namespace rgtp::bench
