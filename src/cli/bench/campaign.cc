#include "cli/bench/campaign.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace rgtp::cli::bench {

namespace {

// Warm pulls of small surfaces are repeated until about as much went over.
constexpr std::uint64_t bytes_a_round = 32 * 1024 * 1024;
constexpr std::uint64_t most_times = 500;

constexpr std::array states{State::cold, State::warm};

std::uint64_t times_of(const Case& one) {
  if (one.state == State::cold) return 1;
  return std::clamp<std::uint64_t>(bytes_a_round / std::max<std::uint64_t>(one.size, 1), 1, most_times);
}

}  // namespace

std::string included_in(const Case& one) {
  const std::string opening = one.state == State::cold ? "open, " : "";
  return opening + (one.route == "shm" ? "map, hash" : "receive, verify, hash");
}

Campaign::Campaign(Settings settings, Signals& signals, std::function<void(double)> tick)
    : settings_(std::move(settings)), signals_(signals), tick_(std::move(tick)) {}

Result<void> Campaign::run() {
  for (const std::uint64_t size : settings_.sizes)
    if (auto done = run_size(size); !done) return done;
  return {};
}

Result<void> Campaign::run_size(std::uint64_t size) {
  auto exposer = Party::start(begin_exposer);
  if (!exposer) return fail(std::move(exposer).error());
  exposer->tell(nlohmann::json{{"expose", size}}.dump());
  const auto offered = hear(*exposer, parse_offered);
  if (!offered) return fail(offered.error());
  for (const std::uint32_t pullers : settings_.pullers)
    for (const State state : states)
      for (int round = 0; round < settings_.rounds; ++round)
        for (const std::string& route : settings_.routes) {
          const Case one{size, pullers, state, route};
          auto done = run_round(*exposer, *offered, one);
          if (!done) return fail(std::move(done).error());
          keep(one, std::move(*done));
        }
  return {};
}

Result<Round> Campaign::run_round(Party& exposer, const Offered& offered, const Case& one) {
  std::vector<Party> pullers;
  while (pullers.size() < one.pullers) {
    auto puller = Party::start(begin_puller);
    if (!puller) return fail(std::move(puller).error());
    pullers.push_back(std::move(*puller));
  }
  // Each of them so many times, at the same time.
  const auto pull = [&](std::uint64_t times) -> Result<std::vector<PullerAnswer>> {
    const std::string order = nlohmann::json{
        {"pull", offered.locator},
        {"route", one.route},
        {"digest", offered.digest},
        {"times", times}}.dump();
    for (const Party& puller : pullers) puller.tell(order);
    std::vector<PullerAnswer> answers;
    for (Party& puller : pullers) {
      auto answer = hear(puller, parse_puller_answer);
      if (!answer) return fail(std::move(answer).error());
      answers.push_back(std::move(*answer));
    }
    return answers;
  };
  const auto cost_so_far = [&]() -> Result<ExposerAnswer> {
    exposer.tell(nlohmann::json{{"cost", true}}.dump());
    return hear(exposer, parse_exposer_answer);
  };
  if (one.state == State::warm)
    if (auto warmed = pull(1); !warmed) return fail(std::move(warmed).error());
  const auto before = cost_so_far();
  if (!before) return fail(before.error());
  const std::uint64_t times = times_of(one);
  const auto answers = pull(times);
  if (!answers) return fail(answers.error());
  Round round;
  double longest_s = 0;
  for (const PullerAnswer& answer : *answers) {
    double took_s = 0;
    for (const Transfer& transfer : answer.transfers) took_s += transfer.last_byte_s;
    longest_s = std::max(longest_s, took_s);
    round.transfers.insert(round.transfers.end(), answer.transfers.begin(), answer.transfers.end());
    round.pullers += answer.cost;
    round.asked_again += answer.asked_again;
  }
  const auto after = cost_so_far();
  if (!after) return fail(after.error());
  round.exposer = after->cost.since(before->cost);
  round.datagrams = after->datagrams - before->datagrams;
  round.bytes = one.size * one.pullers * times;
  round.bytes_per_s = longest_s > 0 ? static_cast<double>(round.bytes) / longest_s : 0;
  return round;
}

template <class Answer>
Result<Answer> Campaign::hear(Party& party, Result<Answer> (*parse)(const std::string&)) {
  const std::size_t all = 2 * settings_.sizes.size() * settings_.pullers.size() * settings_.routes.size() *
                          static_cast<std::size_t>(settings_.rounds);
  auto line =
      party.hear(signals_, [&] { tick_(static_cast<double>(rounds_done_) / static_cast<double>(all)); });
  if (!line) return fail(Errc::cancelled, "a signal ended the measurement");
  if (!*line) return fail(std::move(*line).error());
  return parse(**line);
}

void Campaign::keep(const Case& one, Round round) {
  ++rounds_done_;
  const auto found = std::ranges::find(measured_, one, &Measured::of);
  Measured& measured = found != measured_.end() ? *found : measured_.emplace_back(Measured{one, {}});
  measured.rounds.push_back(std::move(round));
}

}  // namespace rgtp::cli::bench
