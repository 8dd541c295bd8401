#include "cli/bench/campaign.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include <fmt/format.h>

namespace rgtp::cli::bench {

namespace {

// Warm pulls are repeated for about so long a round, so that a slow way takes no more of it than a fast one.
constexpr double warm_s = 0.5;
constexpr double most_times = 500;
// A case whose rounds take longer than this together has no more of them.
constexpr double most_s_a_case = 8;
// Who carries less for longer than the patience has stalled, as some do over a link that loses much.
constexpr double least_bytes_per_s = 20e6;
constexpr double least_share = 0.25;  // of a link's rate

constexpr std::array states{State::cold, State::warm};

// From the first call of any of them until the last byte of all.
double span_s(const std::vector<Pulled>& pulled) {
  const double from_s = std::ranges::min(pulled, {}, &Pulled::from_s).from_s;
  const double to_s = std::ranges::max(pulled, {}, &Pulled::to_s).to_s;
  return std::max(to_s - from_s, 1e-9);
}

// What another program cannot do here is worth a line; wrong bytes, and whatever this library cannot do, are
// an end.
bool may_be_skipped(const Contender& contender, const Error& error) {
  return !contender.program.empty() && error.code != Errc::corrupted && error.code != Errc::cancelled;
}

}  // namespace

std::string included_in(const Case& one) {
  const bool opens = one.state == State::cold && !one.by->opening.empty();
  return (opens ? std::string(one.by->opening) + ", " : "") + std::string(one.by->includes);
}

Campaign::Campaign(Settings settings, Signals& signals, std::function<void(double)> tick)
    : settings_(std::move(settings)), signals_(signals), tick_(std::move(tick)) {
  for (const Sweep& sweep : settings_.sweeps)
    rounds_in_all_ += sweep.paths.size() * sweep.sizes.size() * sweep.pullers.size() * states.size() *
                      settings_.contenders.size() * static_cast<std::size_t>(settings_.rounds);
}

Result<void> Campaign::run() {
  for (const Sweep& sweep : settings_.sweeps)
    for (const Path& path : sweep.paths)
      if (auto done = run_path(path, sweep); !done) return done;
  return {};
}

Result<void> Campaign::run_path(const Path& path, const Sweep& sweep) {
  auto network = Network::open(path, settings_.link_emulator);
  if (!network) {
    if (network.error().code != Errc::no_route) return fail(std::move(network).error());
    skip(path.name(), network.error().message());
    return {};
  }
  for (const std::uint64_t size : sweep.sizes)
    if (auto done = run_size(*network, path, sweep, size); !done) return done;
  return {};
}

Result<void> Campaign::run_size(const Network& network, const Path& path, const Sweep& sweep,
                                std::uint64_t size) {
  const auto content = Content::make(size);
  if (!content) return fail(content.error());
  std::vector<Offer> offers;
  for (const Contender* contender : settings_.contenders) {
    if (path.kind != Path::Kind::loopback && !contender->crosses_links) continue;
    auto made = offer(*contender, network, *content);
    if (!made) return fail(std::move(made).error());
    if (*made) offers.push_back(std::move(**made));
  }
  for (const std::uint32_t pullers : sweep.pullers)
    for (const State state : states) {
      const auto case_by = [&](const Offer& offer) { return Case{path, size, pullers, state, offer.by}; };
      if (std::ranges::any_of(offers, [&](const Offer& offer) { return is_measured(case_by(offer)); }))
        continue;  // by an earlier sweep
      for (int round = 0; round < settings_.rounds; ++round)
        for (Offer& offer : offers) {
          if (offer.is_over || seconds_of(case_by(offer)) > most_s_a_case) continue;
          auto done = run_round(offer, network, *content, case_by(offer));
          if (!done && may_be_skipped(*offer.by, done.error())) {
            skip(fmt::format("{} over {}", offer.by->name, path.name()), done.error().message());
            offer.is_over = true;
            continue;
          }
          if (!done) {
            Error error = std::move(done).error();
            error.text = std::string(offer.by->name) + " over " + path.name() + ": " + error.text;
            return fail(std::move(error));
          }
          keep(case_by(offer), offer.offered, std::move(*done));
        }
    }
  return {};
}

Result<std::optional<Campaign::Offer>> Campaign::offer(const Contender& contender, const Network& network,
                                                       const Content& content) {
  const auto unless_missing = [&](Error error) -> Result<std::optional<Offer>> {
    if (may_be_skipped(contender, error)) {
      skip(std::string(contender.name), error.text);
      return std::nullopt;
    }
    error.text = std::string(contender.name) + ": " + error.text;
    return fail(std::move(error));
  };
  auto exposer = start_exposing(contender, settings_.peers, network.exposers());
  if (!exposer) return unless_missing(std::move(exposer).error());
  exposer->tell(ask_to_expose(content, network.address()));
  auto offered =
      hear(*exposer, settings_.patience + std::chrono::seconds(content.size() / 100'000'000), parse_offered);
  if (!offered) return unless_missing(std::move(offered).error());
  return Offer{&contender, std::move(*exposer), std::move(*offered), false};
}

Result<Round> Campaign::run_round(Offer& offer, const Network& network, const Content& content,
                                  const Case& one) {
  Pullers pullers;
  while (pullers.parties.size() < one.pullers) {
    auto puller = start_pulling(*offer.by, settings_.peers, network.pullers());
    if (!puller) return fail(std::move(puller).error());
    pullers.parties.push_back(std::move(*puller));
  }
  const auto cost_so_far = [&] {
    offer.exposer.tell(ask_for_cost());
    return hear(offer.exposer, settings_.patience, parse_exposing_cost);
  };
  std::uint64_t times = 1;
  if (one.state == State::warm) {
    const auto warmed = pull(pullers, patience_with(one, 1), ask_to_pull(offer.offered, content, 1));
    if (!warmed) return fail(warmed.error());
    times = static_cast<std::uint64_t>(std::clamp(warm_s / span_s(*warmed), 1.0, most_times));
  }
  const auto before = cost_so_far();
  if (!before) return fail(before.error());
  const auto pulled = pull(pullers, patience_with(one, static_cast<double>(times)),
                           ask_to_pull(offer.offered, content, times));
  if (!pulled) return fail(pulled.error());
  Round round;
  for (const Pulled& by_one : *pulled) {
    round.transfers.insert(round.transfers.end(), by_one.transfers.begin(), by_one.transfers.end());
    round.pullers += by_one.cost;
    round.traffic += by_one.traffic;
  }
  const auto after = cost_so_far();
  if (!after) return fail(after.error());
  round.exposer = after->cost.since(before->cost);
  round.traffic += after->traffic.since(before->traffic);
  round.bytes = one.size * one.pullers * times;
  round.bytes_per_s = static_cast<double>(round.bytes) / span_s(*pulled);
  return round;
}

Result<std::vector<Pulled>> Campaign::pull(Pullers& pullers, std::chrono::seconds within,
                                           const std::string& order) {
  for (const Party& puller : pullers.parties) puller.tell(ask_whether_ready());
  for (Party& puller : pullers.parties)
    if (auto ready = hear(puller, settings_.patience, parse_ready); !ready)
      return fail(std::move(ready).error());
  for (const Party& puller : pullers.parties) puller.tell(order);
  std::vector<Pulled> all;
  for (Party& puller : pullers.parties) {
    auto pulled = hear(puller, within, parse_pulled);
    if (!pulled) return fail(std::move(pulled).error());
    all.push_back(std::move(*pulled));
  }
  return all;
}

template <class Answer>
Result<Answer> Campaign::hear(Party& party, std::chrono::seconds within,
                              Result<Answer> (*parse)(const std::string&)) {
  const double share =
      static_cast<double>(rounds_done_) / static_cast<double>(std::max<std::size_t>(rounds_in_all_, 1));
  auto line = party.hear(signals_, within, [&] { tick_(share); });
  if (!line) return fail(Errc::cancelled, "a signal ended the measurement");
  if (!*line) return fail(std::move(*line).error());
  return parse(**line);
}

void Campaign::skip(std::string what, std::string why) {
  Skipped one{std::move(what), std::move(why)};
  if (std::ranges::find(skipped_, one) == skipped_.end()) skipped_.push_back(std::move(one));
}

bool Campaign::is_measured(const Case& one) const {
  return std::ranges::find(measured_, one, &Measured::of) != measured_.end();
}

std::chrono::seconds Campaign::patience_with(const Case& one, double times) const {
  const double bytes = static_cast<double>(one.size) * one.pullers * times;
  double seconds = bytes / least_bytes_per_s;
  if (one.path.rate_bits_per_s > 0) seconds += 8 * bytes / (least_share * one.path.rate_bits_per_s);
  return settings_.patience + std::chrono::seconds(static_cast<std::int64_t>(seconds));
}

double Campaign::seconds_of(const Case& one) const {
  const auto found = std::ranges::find(measured_, one, &Measured::of);
  if (found == measured_.end()) return 0;
  double seconds = 0;
  for (const Round& round : found->rounds) seconds += static_cast<double>(round.bytes) / round.bytes_per_s;
  return seconds;
}

void Campaign::keep(const Case& one, const Offered& offered, Round round) {
  ++rounds_done_;
  auto found = std::ranges::find(measured_, one, &Measured::of);
  if (found == measured_.end()) found = measured_.insert(measured_.end(), Measured{one, offered.took_s, {}});
  found->rounds.push_back(std::move(round));
}

}  // namespace rgtp::cli::bench
