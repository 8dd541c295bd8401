#include "cli/bench/roles.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <memory>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <xxhash.h>

#include <rgtp/rgtp.h>

namespace rgtp::cli::bench {

namespace {

using Clock = std::chrono::steady_clock;
using nlohmann::json;

// What a consumer holds of a surface that comes by packets.
constexpr std::uint64_t window_bytes = 16 * 1024 * 1024;

double seconds_since(Clock::time_point began) {
  return std::chrono::duration<double>(Clock::now() - began).count();
}

json json_of(const Cost& cost) {
  return {{"cpu_s", cost.cpu_s},
          {"page_faults", cost.page_faults},
          {"switches", cost.switches},
          {"peak_bytes", cost.peak_bytes}};
}

Cost cost_in(const json& answer) {
  const json& cost = answer.at("cost");
  return {.cpu_s = cost.at("cpu_s"),
          .page_faults = cost.at("page_faults"),
          .switches = cost.at("switches"),
          .peak_bytes = cost.at("peak_bytes")};
}

json json_of(const Error& error) { return {{"error", error.message()}}; }

class Hash {
 public:
  Hash() : state_(XXH3_createState(), XXH3_freeState) { XXH3_64bits_reset(state_.get()); }
  void add(std::span<const std::byte> bytes) { XXH3_64bits_update(state_.get(), bytes.data(), bytes.size()); }
  std::string text() const { return fmt::format("{:016x}", XXH3_64bits_digest(state_.get())); }

 private:
  std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state_;
};

// Bytes of which no two pages are alike: splitmix64.
void fill(std::span<std::byte> bytes, std::uint64_t& seed) {
  for (std::size_t at = 0; at < bytes.size(); at += sizeof seed) {
    std::uint64_t word = seed += 0x9e3779b97f4a7c15;
    word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9;
    word = (word ^ (word >> 27)) * 0x94d049bb133111eb;
    word ^= word >> 31;
    std::ranges::copy_n(std::as_bytes(std::span(&word, 1)).begin(),
                        static_cast<std::ptrdiff_t>(std::min(sizeof word, bytes.size() - at)),
                        bytes.begin() + static_cast<std::ptrdiff_t>(at));
  }
}

class ExposingSide {
 public:
  json answer(const json& told) {
    if (told.contains("expose")) return expose(told.at("expose"));
    return {{"cost", json_of(Cost::of_this_process())}, {"datagrams", surface_->stats().datagrams_sent}};
  }

 private:
  json expose(std::uint64_t size) {
    if (!exposer_) {
      auto opened = Exposer::open();
      if (!opened) return json_of(opened.error());
      exposer_.emplace(std::move(*opened));
    }
    surface_.reset();
    auto writer = exposer_->begin({.size = size});
    if (!writer) return json_of(writer.error());
    Hash hash;
    std::uint64_t seed = size;
    for (ChunkIndex chunk{0}; chunk.value < writer->manifest().chunk_count(); ++chunk.value) {
      auto loan = writer->loan(chunk);
      if (!loan) return json_of(loan.error());
      fill(*loan, seed);
      hash.add(*loan);
      if (auto published = writer->publish(chunk); !published) return json_of(published.error());
    }
    auto finished = std::move(*writer).finish();
    if (!finished) return json_of(finished.error());
    surface_.emplace(std::move(*finished));
    return {{"locator", surface_->locator().reveal()}, {"digest", hash.text()}};
  }

  std::optional<Exposer> exposer_;
  std::optional<Surface> surface_;
};

class PullingSide {
 public:
  json answer(const json& told) {
    auto locator = Locator::parse(told.at("pull").get<std::string>());
    if (!locator) return json_of(locator.error());
    const PullOptions options{.order = Order::content,
                              .window_bytes = window_bytes,
                              .route = Route::only(told.at("route").get<std::string>())};
    const std::string digest = told.at("digest");
    json transfers = json::array();
    std::uint64_t asked_again = 0;
    const Cost before = Cost::of_this_process();
    for (int i = 0; i < told.at("times").get<int>(); ++i) {
      auto done = pull(*locator, options, digest);
      if (!done) return json_of(done.error());
      transfers.push_back({done->transfer.first_byte_s, done->transfer.last_byte_s});
      asked_again += done->asked_again;
    }
    return {{"transfers", transfers},
            {"cost", json_of(Cost::of_this_process().since(before))},
            {"again", asked_again}};
  }

 private:
  struct Done {
    Transfer transfer;
    std::uint64_t asked_again = 0;
  };

  Result<Done> pull(const Locator& locator, const PullOptions& options, const std::string& digest) {
    const auto began = Clock::now();
    if (!puller_) {
      auto opened = Puller::open();
      if (!opened) return fail(std::move(opened).error());
      puller_.emplace(std::move(*opened));
    }
    Done done;
    Hash hash;
    Pull pull = puller_->pull(locator, options);
    for (bool is_first = true;; is_first = false) {
      auto chunk = pull.next().get();
      if (!chunk) return fail(std::move(chunk).error());
      if (!*chunk) break;
      const auto bytes = (*chunk)->bytes();
      hash.add(bytes.first(std::min<std::size_t>(bytes.size(), 1)));
      if (is_first) done.transfer.first_byte_s = seconds_since(began);
      hash.add(bytes.subspan(std::min<std::size_t>(bytes.size(), 1)));
    }
    done.transfer.last_byte_s = seconds_since(began);
    if (hash.text() != digest)
      return fail(Errc::corrupted,
                  "the bytes that " + options.route.to_string() + " brought are not those that were exposed");
    done.asked_again = pull.stats().slices_asked_again;
    return done;
  }

  std::optional<Puller> puller_;
};

template <class Side>
Party::Answer answers_of() {
  return [side = std::make_shared<Side>()](const std::string& line) {
    return side->answer(json::parse(line)).dump();
  };
}

Result<json> parse(const std::string& answer) {
  auto parsed = json::parse(answer);
  if (parsed.contains("error")) return fail(Errc::io_error, parsed.at("error").get<std::string>());
  return parsed;
}

}  // namespace

Party::Answer begin_exposer() { return answers_of<ExposingSide>(); }
Party::Answer begin_puller() { return answers_of<PullingSide>(); }

Result<Offered> parse_offered(const std::string& answer) {
  auto parsed = parse(answer);
  if (!parsed) return fail(std::move(parsed).error());
  return Offered{.locator = parsed->at("locator"), .digest = parsed->at("digest")};
}

Result<ExposerAnswer> parse_exposer_answer(const std::string& answer) {
  auto parsed = parse(answer);
  if (!parsed) return fail(std::move(parsed).error());
  return ExposerAnswer{.cost = cost_in(*parsed), .datagrams = parsed->at("datagrams")};
}

Result<PullerAnswer> parse_puller_answer(const std::string& answer) {
  auto parsed = parse(answer);
  if (!parsed) return fail(std::move(parsed).error());
  PullerAnswer result{.transfers = {}, .cost = cost_in(*parsed), .asked_again = parsed->at("again")};
  for (const auto& transfer : parsed->at("transfers"))
    result.transfers.push_back({transfer.at(0), transfer.at(1)});
  return result;
}

}  // namespace rgtp::cli::bench
