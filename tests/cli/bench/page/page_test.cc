#include "cli/bench/page/page.h"

#include <array>
#include <limits>
#include <regex>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rgtp::cli::bench {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr Contender memory{.name = "shm",
                           .program = "",
                           .argument = "",
                           .opening = "open",
                           .includes = "map, hash",
                           .verifies = "",
                           .crosses_links = false,
                           .package = ""};
constexpr Contender packets{.name = "udp",
                            .program = "",
                            .argument = "",
                            .opening = "open, greet",
                            .includes = "receive, verify, hash",
                            .verifies = "XXH3 of chunks",
                            .crosses_links = true,
                            .package = ""};
constexpr Contender stream{.name = "tcp-cubic",
                           .program = "stream_peer",
                           .argument = "cubic",
                           .opening = "connect",
                           .includes = "copy in, copy out, hash",
                           .verifies = "16 bits of TCP",
                           .crosses_links = true,
                           .package = "libtcp <dev>"};
constexpr std::array contenders_here{&memory, &packets, &stream};

constexpr std::uint64_t kib = 1024;
constexpr std::uint64_t mib = 1024 * kib;

Measured measured(const Case& of, double bytes_per_s = 1.5e9) {
  const double took_s = static_cast<double>(of.size) / bytes_per_s;
  Round round{.transfers = {{took_s / 2, took_s}, {took_s / 3, took_s * 2}},
              .bytes_per_s = bytes_per_s,
              .bytes = of.size * of.pullers,
              .exposer = {.cpu_s = took_s / 3, .page_faults = 3, .switches = 2, .peak_bytes = of.size},
              .pullers = {.cpu_s = took_s / 2, .page_faults = 3, .switches = 2, .peak_bytes = of.size},
              .traffic = {.datagrams = 7, .again = 1}};
  Measured one{.of = of, .offered_s = took_s, .rounds = {round, round}};
  one.rounds.back().bytes_per_s *= 1.1;
  return one;
}

Path link_with(double loss) {
  return {.kind = Path::Kind::emulated, .rate_bits_per_s = 100e6, .delay_s = 0.01, .loss = loss};
}

// All that a page has a chart for.
Report full_report() {
  Report report{.machine = {.processor = "A processor",
                            .processors = 2,
                            .memory_bytes = 8192 * mib,
                            .kernel = "Linux 6",
                            .tcp_controller = "cubic",
                            .receive_buffer_most = 212'992,
                            .huge_pages = "never"},
                .version = "1.2.3",
                .command = "rgtp bench --html page.html",
                .made_at = "2025-06-14T09:31:07Z",
                .measured = {},
                .skipped = {}};
  for (const State state : {State::cold, State::warm}) {
    for (const Contender* by : contenders_here) {
      for (const std::uint64_t size : {4 * kib, mib, 64 * mib})
        report.measured.push_back(measured({{}, size, 1, state, by}));
      for (const std::uint32_t pullers : {4U, 16U})
        report.measured.push_back(measured({{}, mib, pullers, state, by}));
      if (!by->crosses_links) continue;
      for (const double loss : {0.0, 0.01, 0.05})
        report.measured.push_back(measured({link_with(loss), mib, 1, state, by}, 11e6));
    }
  }
  return report;
}

Report report_of(std::vector<Measured> all) {
  Report report;
  report.measured = std::move(all);
  return report;
}

std::size_t count_of(const std::string& text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size()))
    ++count;
  return count;
}

// Without its style.
std::string body_of(const std::string& page) { return page.substr(page.find("<body>")); }

// The first tag that closes another one than is open, or what stays open; empty where all is well.
std::string imbalance_of(const std::string& page) {
  static const std::regex tag(R"(<(/?)([a-zA-Z][a-zA-Z0-9]*)((?:"[^"]*"|[^<>"])*?)(/?)>)");
  std::vector<std::string> open;
  for (std::sregex_iterator at(page.begin(), page.end(), tag), end; at != end; ++at) {
    const std::string name = (*at)[2];
    if (name == "meta" || name == "wbr" || (*at)[4] == "/") continue;
    if ((*at)[1] != "/") {
      open.push_back(name);
      continue;
    }
    if (open.empty() || open.back() != name) return fmt::format("</{}> at {}", name, at->position());
    open.pop_back();
  }
  return open.empty() ? "" : "<" + open.back() + ">";
}

// Each with what follows until the next one.
std::vector<std::string> parts_of(const std::string& page, std::string_view beginning) {
  std::vector<std::string> parts;
  for (std::size_t at = page.find(beginning); at != std::string::npos;) {
    const std::size_t next = page.find(beginning, at + beginning.size());
    parts.push_back(page.substr(at, next == std::string::npos ? next : next - at));
    at = next;
  }
  return parts;
}

void expect_sound(const std::string& page) {
  EXPECT_EQ(imbalance_of(page), "");
  EXPECT_FALSE(std::regex_search(body_of(page), std::regex(R"((^|[^a-zA-Z])-?(nan|inf)([^a-zA-Z]|$))")));
}

TEST(Page, IsWellFormed) {
  const std::string page = page_of(full_report());
  EXPECT_TRUE(page.starts_with("<!DOCTYPE html>"));
  expect_sound(page);
  EXPECT_THAT(page,
              AllOf(HasSubstr("<html lang=\"en\">"), HasSubstr("name=\"viewport\""), HasSubstr("<title>")));
  EXPECT_EQ(count_of(page, "<svg class=\"chart"), count_of(page, "role=\"img\" aria-label=\""));
}

TEST(Page, NeedsNothingElse) {
  const std::string page = page_of(full_report());
  for (const char* part : {"http://", "https://", "<script", "url(", "@import", "<link", "<img", " src="})
    EXPECT_THAT(page, Not(HasSubstr(part)));
}

TEST(Page, HasEachComparison) {
  const std::string page = page_of(full_report());
  for (const char* heading :
       {"Throughput by size", "Latency of the smallest size", "CPU cost of the largest size",
        "Throughput by number of pullers", "Goodput by loss"})
    EXPECT_THAT(page, HasSubstr(fmt::format("<h2>{}</h2>", heading)));
}

TEST(Page, HasATableUnderEveryChart) {
  const auto comparisons = parts_of(page_of(full_report()), "<h3>");
  EXPECT_EQ(comparisons.size(), 5U);
  for (const std::string& comparison : comparisons) {
    EXPECT_EQ(count_of(comparison, "<figure>"), 2U) << "warm and cold";
    EXPECT_GT(comparison.find("<table>"), comparison.rfind("<figure>"));
    EXPECT_THAT(comparison, AllOf(HasSubstr("its time includes"), HasSubstr("verified by")));
  }
}

TEST(Page, DrawsEachChartForWideAndForNarrowWindows) {
  const std::string page = page_of(full_report());
  EXPECT_EQ(count_of(page, "class=\"chart wide\""), count_of(page, "<figure>"));
  EXPECT_EQ(count_of(page, "class=\"chart narrow\""), count_of(page, "<figure>"));
}

TEST(Page, LeavesOutWhatItHasNoCasesFor) {
  const std::string page = page_of(report_of(
      {measured({{}, 4 * kib, 1, State::warm, &memory}), measured({{}, mib, 1, State::warm, &memory})}));
  expect_sound(page);
  EXPECT_THAT(page, AllOf(HasSubstr("Throughput by size"), Not(HasSubstr("Throughput by number of pullers")),
                          Not(HasSubstr("Goodput by loss")), Not(HasSubstr("<figcaption>Cold"))));
}

TEST(Page, DrawsBarsOfASingleSize) {
  const std::string page = page_of(report_of({measured({{}, mib, 1, State::warm, &memory})}));
  const auto comparisons = parts_of(page, "<h3>");
  ASSERT_FALSE(comparisons.empty());
  EXPECT_THAT(comparisons.front(),
              AllOf(HasSubstr("<rect class=\"part0\""), Not(HasSubstr("<path class=\"line\""))));
}

TEST(Page, TellsTheShareOfALinksRate) {
  const std::string page = page_of(full_report());
  EXPECT_THAT(page,
              AllOf(HasSubstr("% of the link&#39;s rate"), HasSubstr("100 Mbit/s with a round trip of 20 ms"),
                    HasSubstr("92.4 %<small>11.6 MB/s</small>")));
}

TEST(Page, TellsRatesOverALinkOfAnyRate) {
  Path path = link_with(0.001);
  path.rate_bits_per_s = 0;
  const std::string page = page_of(report_of({measured({path, mib, 1, State::warm, &packets})}));
  expect_sound(page);
  EXPECT_THAT(page, AllOf(HasSubstr("Goodput by loss"), HasSubstr("0.1 %"),
                          Not(HasSubstr("of the link&#39;s rate"))));
}

TEST(Page, EscapesWhatItTells) {
  constexpr const char* wicked = "<b>\"it's\" & more</b>";
  constexpr const char* tamed = "&lt;b&gt;&quot;it&#39;s&quot; &amp; more&lt;/b&gt;";
  Report report = full_report();
  report.machine.processor = report.machine.kernel = report.version = report.command = report.made_at =
      wicked;
  report.skipped = {{wicked, wicked}};
  const std::string wicked_name(wicked);
  Contender odd = stream;
  odd.name = odd.includes = odd.opening = odd.verifies = odd.package = wicked_name;
  for (const std::uint64_t size : {4 * kib, mib})
    report.measured.push_back(measured({{}, size, 1, State::warm, &odd}));
  const std::string page = page_of(report);
  expect_sound(page);
  EXPECT_THAT(page, AllOf(Not(HasSubstr("<b>")), Not(HasSubstr("& more")), HasSubstr("libtcp &lt;dev&gt;")));
  EXPECT_GE(count_of(page, tamed), 15U);
}

TEST(Page, TellsWhereAndHowItWasMeasured) {
  EXPECT_THAT(page_of(full_report()),
              AllOf(HasSubstr("A processor, 2 processors, 8 GiB of memory, Linux 6"), HasSubstr("rgtp 1.2.3"),
                    HasSubstr("<code>rgtp bench --html page.html</code>"), HasSubstr("2025-06-14T09:31:07Z"),
                    HasSubstr("Every byte is hashed by its consumer")));
}

TEST(Page, SumsUpInTheFirstSentences) {
  EXPECT_THAT(
      page_of(full_report()),
      AllOf(HasSubstr("At 64 MiB with one puller over loopback: "), HasSubstr("</strong> by memory (shm)"),
            HasSubstr("</strong> by packets (udp)"), HasSubstr("</strong> by tcp-cubic")));
}

TEST(Page, TellsThatItWasInterrupted) {
  Report report = full_report();
  EXPECT_THAT(page_of(report), Not(HasSubstr("Interrupted")));
  report.is_whole = false;
  EXPECT_THAT(page_of(report), HasSubstr("Interrupted"));
}

TEST(Page, TellsWhatWasSkippedAndWhy) {
  Report report = full_report();
  EXPECT_THAT(page_of(report), Not(HasSubstr("What was skipped")));
  report.skipped = {{"tcp-bbr", "this kernel has none"}};
  EXPECT_THAT(page_of(report),
              AllOf(HasSubstr("What was skipped"), HasSubstr("tcp-bbr"), HasSubstr("this kernel has none")));
}

TEST(Page, HasEveryCaseInTheLastTable) {
  const Report report = full_report();
  const std::string last = parts_of(page_of(report), "<section").back();
  EXPECT_EQ(count_of(last, "<th scope=\"row\">"), report.measured.size());
  for (const Measured& one : report.measured) {
    EXPECT_THAT(last, HasSubstr(fmt::format("<th scope=\"row\">{}, {}</th>", one.of.by->name,
                                            to_string(one.of.state))));
    EXPECT_THAT(last, HasSubstr(fmt::format("<span>{}, ", one.of.path.name())));
  }
}

TEST(Page, SaysThatNothingWasMeasured) {
  const std::string page = page_of({});
  expect_sound(page);
  EXPECT_THAT(
      page, AllOf(HasSubstr("Nothing was measured"), Not(HasSubstr("<figure>")), Not(HasSubstr("<table>"))));
}

TEST(Page, BearsACaseWithoutRounds) {
  const std::string page =
      page_of(report_of({{.of = {{}, mib, 1, State::warm, &memory}, .offered_s = 0, .rounds = {}}}));
  expect_sound(page);
  EXPECT_THAT(page, AllOf(Not(HasSubstr("<figure>")), HasSubstr("shm, warm")));
}

TEST(Page, BearsWhateverWasMeasured) {
  using Limits = std::numeric_limits<double>;
  for (const double odd : {0.0, -1.0, Limits::denorm_min(), Limits::min(), 1e-9, 1e18, Limits::max(),
                           Limits::infinity(), Limits::quiet_NaN()}) {
    for (const std::uint64_t size : {std::uint64_t{0}, mib, ~std::uint64_t{0}}) {
      Report report = full_report();
      for (const Path& path : {Path{}, link_with(0.5)}) {
        for (const std::uint32_t pullers : {0U, 1U, ~0U}) {
          Measured one = measured({path, size, pullers, State::warm, &packets});
          one.offered_s = odd;
          for (Round& round : one.rounds) {
            round.transfers = {{odd, odd}};
            round.bytes_per_s = round.exposer.cpu_s = round.pullers.cpu_s = odd;
          }
          report.measured.push_back(one);
          SCOPED_TRACE(fmt::format("{} of {} by {}", odd, size, pullers));
          expect_sound(page_of(report_of({one})));
        }
      }
      expect_sound(page_of(report));
    }
  }
}

}  // namespace
}  // namespace rgtp::cli::bench
