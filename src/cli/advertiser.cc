#include "cli/advertiser.h"

#include <utility>

#include <fmt/format.h>

#include "cli/console.h"

namespace rgtp::cli {

namespace {

constexpr std::size_t most_in_a_tick = 10;
constexpr std::chrono::seconds round_time(1);

}  // namespace

void Advertiser::add(const Locator& locator, const Manifest& manifest) {
  if (auto advertisement = advertisement_of(locator, manifest, ids_))
    told_.push_back({locator, std::move(*advertisement)});
}

void Advertiser::set_size(const Locator& locator, std::uint64_t size) {
  for (Told& told : told_) {
    if (told.locator != locator) continue;
    told.advertisement.size = size;
    told.advertisement.size_known = true;
  }
}

void Advertiser::tick() {
  if (next_ >= told_.size()) {
    if (Clock::now() < round_began_ + round_time) return;
    next_ = 0;
  }
  if (next_ == 0) round_began_ = Clock::now();
  for (std::size_t sent = 0; sent < most_in_a_tick && next_ < told_.size(); ++sent) {
    const auto sent_it = sender_.send(told_[next_++].advertisement);
    if (!sent_it && !std::exchange(failed_, true))
      say(fmt::format("rgtp: warning: {}\n", sent_it.error().message()));
  }
}

}  // namespace rgtp::cli
