#include "cli/bench/side.h"

#include <array>
#include <exception>
#include <iostream>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace rgtp::cli::bench {

namespace {

using Clock = Consumer::Clock;
using json = nlohmann::ordered_json;

constexpr std::size_t most_of_an_answer = 200;

double seconds_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

// What becomes of an error depends on its code.
constexpr std::array failures{std::pair{"unsupported", Errc::no_route},
                              std::pair{"corrupted", Errc::corrupted}, std::pair{"error", Errc::io_error}};

json json_of(const Error& error) {
  for (const auto& [word, code] : failures)
    if (code == error.code) return {{word, error.message()}};
  return {{"error", error.message()}};
}

class ExposingSide {
 public:
  explicit ExposingSide(OpenExposing open) : open_(std::move(open)) {}

  json answer(const json& told) {
    if (told.contains("expose")) return expose(told.at("expose"));
    if (way_ == nullptr) return {{"error", "nothing is exposed yet"}};
    return {{"cost", json_of(Cost::of_this_process())}, {"traffic", json_of(way_->traffic())}};
  }

 private:
  json expose(const json& told) {
    auto content = MappedContent::open(told.at("content"), told.at("size"));
    if (!content) return json_of(content.error());
    content_.emplace(std::move(*content));
    const auto began = Clock::now();
    auto opened = open_();
    if (!opened) return json_of(opened.error());
    const auto where = (*opened)->offer(content_->bytes(), told.at("address"));
    if (!where) return json_of(where.error());
    way_ = std::move(*opened);
    return {{"where", *where}, {"took_s", seconds_between(began, Clock::now())}};
  }

  const OpenExposing open_;
  std::optional<MappedContent> content_;
  std::unique_ptr<Exposing> way_;
};

class PullingSide {
 public:
  explicit PullingSide(OpenPulling open) : open_(std::move(open)) {}

  json answer(const json& told) {
    if (told.contains("ready")) return told;
    json transfers = json::array();
    Traffic traffic;
    const Cost before = Cost::of_this_process();
    const auto began = Clock::now();
    for (int i = 0; i < told.at("times").get<int>(); ++i) {
      const auto transfer = pull(told.at("pull"), told.at("size"), told.at("digest"));
      if (!transfer) return json_of(transfer.error());
      transfers.push_back({transfer->first_byte_s, transfer->last_byte_s});
      traffic += way_->traffic();
    }
    return {{"transfers", transfers},
            {"from_s", seconds_between({}, began)},
            {"to_s", seconds_between({}, Clock::now())},
            {"cost", json_of(Cost::of_this_process().since(before))},
            {"traffic", json_of(traffic)}};
  }

 private:
  Result<Transfer> pull(const std::string& where, std::uint64_t size, const std::string& digest) {
    const auto began = Clock::now();
    if (!way_) {
      auto opened = open_();
      if (!opened) return fail(std::move(opened).error());
      way_ = std::move(*opened);
    }
    Consumer consumer;
    if (auto pulled = way_->pull(where, size, consumer); !pulled) return fail(std::move(pulled).error());
    const std::string came = consumer.digest().text();
    const auto ended = Clock::now();
    if (consumer.taken() != size)
      return fail(Errc::corrupted, fmt::format("{} of {} bytes came", consumer.taken(), size));
    if (came != digest) return fail(Errc::corrupted, "the bytes that came are not those that were exposed");
    return Transfer{seconds_between(began, consumer.first_byte_at()), seconds_between(began, ended)};
  }

  const OpenPulling open_;
  std::unique_ptr<Pulling> way_;
};

template <class Side>
Party::Answer answers_of(std::shared_ptr<Side> side) {
  return [side = std::move(side)](const std::string& line) {
    try {
      return side->answer(json::parse(line)).dump();
    } catch (const std::exception& error) {
      return json{{"error", error.what()}}.dump();
    }
  };
}

// Of an answer that may be anything: a program that it came from may have said something else in between.
template <class Value>
Result<Value> parse(const std::string& answer, const std::function<Value(const json&)>& value_in) {
  try {
    const json parsed = json::parse(answer);
    for (const auto& [word, code] : failures)
      if (parsed.contains(word)) return fail(code, std::string(parsed.at(word)));
    return value_in(parsed);
  } catch (const json::exception& error) {
    return fail(Errc::io_error, "not an answer: " + answer.substr(0, most_of_an_answer));
  }
}

}  // namespace

void Consumer::take(std::span<const std::byte> bytes) {
  if (bytes.empty()) return;
  if (taken_ == 0) {
    digest_.add(bytes.first(1));
    first_byte_at_ = Clock::now();
    digest_.add(bytes.subspan(1));
  } else {
    digest_.add(bytes);
  }
  taken_ += bytes.size();
}

Party::Answer exposing_side(OpenExposing open) {
  return answers_of(std::make_shared<ExposingSide>(std::move(open)));
}
Party::Answer pulling_side(OpenPulling open) {
  return answers_of(std::make_shared<PullingSide>(std::move(open)));
}

void answer_lines(const Party::Answer& answer) {
  for (std::string line; std::getline(std::cin, line);) std::cout << answer(line) << std::endl;
}

std::string ask_to_expose(const Content& content, const std::string& address) {
  return json{{"expose", {{"content", content.path()}, {"size", content.size()}, {"address", address}}}}
      .dump();
}

std::string ask_for_cost() { return json{{"cost", true}}.dump(); }

std::string ask_to_pull(const Offered& offered, const Content& content, std::uint64_t times) {
  return json{
      {"pull", offered.where}, {"size", content.size()}, {"digest", content.digest()}, {"times", times}}
      .dump();
}

std::string ask_whether_ready() { return json{{"ready", true}}.dump(); }

Result<Ready> parse_ready(const std::string& answer) {
  return parse<Ready>(answer, [](const json&) { return Ready{}; });
}

Result<Offered> parse_offered(const std::string& answer) {
  return parse<Offered>(answer, [](const json& told) {
    return Offered{.where = told.at("where"), .took_s = told.at("took_s")};
  });
}

Result<ExposingCost> parse_exposing_cost(const std::string& answer) {
  return parse<ExposingCost>(answer, [](const json& told) {
    return ExposingCost{.cost = cost_in(told.at("cost")), .traffic = traffic_in(told.at("traffic"))};
  });
}

Result<Pulled> parse_pulled(const std::string& answer) {
  return parse<Pulled>(answer, [](const json& told) {
    Pulled pulled{.transfers = {},
                  .from_s = told.at("from_s"),
                  .to_s = told.at("to_s"),
                  .cost = cost_in(told.at("cost")),
                  .traffic = traffic_in(told.at("traffic"))};
    for (const auto& transfer : told.at("transfers"))
      pulled.transfers.push_back({transfer.at(0), transfer.at(1)});
    return pulled;
  });
}

}  // namespace rgtp::cli::bench
