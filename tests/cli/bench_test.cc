// rgtp bench as its users see it.
#include <csignal>
#include <fstream>
#include <iterator>
#include <set>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "cli/command_fixture.h"

namespace rgtp::test {
namespace {

using nlohmann::json;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

using Bench = CommandTest;

TEST_F(Bench, ShowsBothRoutesOfEveryCase) {
  const Ended ended =
      run({"bench", "--by", "shm,udp", "--size", "4k,100k", "--pullers", "2", "--rounds", "1"});
  EXPECT_EQ(ended.code, exit_code::ok) << ended.errors;
  EXPECT_EQ(ended.errors, "");
  for (const char* word : {"How fast", "At what cost", "4 KiB", "100 KiB", "shm", "udp", "cold", "warm"})
    EXPECT_THAT(ended.output, HasSubstr(word));
}

TEST_F(Bench, TellsProgramsOfEveryRound) {
  const Ended ended =
      run({"bench", "--by", "shm,udp", "--size", "64k", "--pullers", "1,3", "--rounds", "2", "--json"});
  ASSERT_EQ(ended.code, exit_code::ok) << ended.errors;
  const json report = json::parse(ended.output);
  EXPECT_EQ(report.at("schema"), "rgtp-bench/1");
  EXPECT_GT(report.at("machine").at("processors"), 0);
  ASSERT_EQ(report.at("cases").size(), 8U) << "two numbers of pullers, cold and warm, by two routes";
  for (const json& one : report.at("cases")) {
    ASSERT_EQ(one.at("rounds").size(), 2U);
    for (const json& round : one.at("rounds")) {
      const std::size_t transfers = round.at("last_byte_s").size();
      const auto pullers = one.at("pullers").get<std::size_t>();
      EXPECT_EQ(transfers % pullers, 0U);
      EXPECT_EQ(one.at("state") == "cold", transfers == pullers) << "a warm round has half a second";
      EXPECT_EQ(round.at("bytes"), 65'536 * transfers);
      EXPECT_GT(round.at("bytes_per_s"), 0);
      EXPECT_EQ(round.at("traffic").at("datagrams") > 0, one.at("by") == "udp") << one.dump();
    }
  }
}

TEST_F(Bench, KeepsWhatWasFinishedWhereASignalEndsIt) {
  const auto bench = start({"bench", "--by", "shm,udp", "--size", "4k", "--rounds", "1000", "--json"},
                           {.errors = Stream::terminal});
  // Of so many rounds some are done then.
  ASSERT_TRUE(bench->wait_for_error(" 1 %")) << bench->errors();
  bench->send_signal(SIGINT);
  EXPECT_EQ(bench->wait(), exit_code::interrupted) << bench->errors();
  const json report = json::parse(bench->output());
  EXPECT_FALSE(report.at("cases").empty());
  EXPECT_EQ(report.at("is_whole"), false);
}

TEST_F(Bench, ComparesWithWhatIsThereAndTellsWhatIsNot) {
  const Ended ended =
      run({"bench", "--by", "shm,mmap,process_vm_readv,unix,pipe,tcp-cubic,tcp-bbr,zmq-ipc,zmq-tcp,srt,udt",
           "--size", "70000", "--pullers", "2", "--rounds", "1", "--json"});
  ASSERT_EQ(ended.code, exit_code::ok) << ended.errors;
  const json report = json::parse(ended.output);
  std::set<std::string> names;
  for (const json& one : report.at("cases")) {
    names.insert(one.at("by"));
    EXPECT_GT(one.at("figures").at("bytes_per_s").at("median"), 0);
  }
  for (const json& one : report.at("skipped")) {
    EXPECT_FALSE(one.at("why").get<std::string>().empty());
    names.insert(one.at("what"));
  }
  EXPECT_EQ(names.size(), 11U) << ended.output;
}

TEST_F(Bench, SaysWhichProgramItLacks) {
  const Ended ended =
      run({"bench", "--by", "shm,pipe", "--peers", scratch().string(), "--size", "4k", "--rounds", "1"});
  EXPECT_EQ(ended.code, exit_code::ok) << ended.errors;
  EXPECT_THAT(ended.output, HasSubstr("skipped pipe: no program"));
}

TEST_F(Bench, ComparesOverALink) {
  if (::geteuid() != 0) GTEST_SKIP() << "network namespaces need root";
  const Ended ended = run({"bench", "--by", "shm,udp,tcp-cubic", "--link", "veth", "--link",
                           "rate=50M,delay=5ms", "--size", "100k", "--rounds", "1", "--json"});
  ASSERT_EQ(ended.code, exit_code::ok) << ended.errors;
  const json report = json::parse(ended.output);
  if (report.at("skipped").dump().find("ip netns add") != std::string::npos)
    GTEST_SKIP() << "this root may not make a network namespace";
  std::set<std::string> paths;
  for (const json& one : report.at("cases")) {
    EXPECT_NE(one.at("by"), "shm") << "which crosses no link";
    paths.insert(one.at("path").at("name"));
    // What a link delays it delays for everybody.
    if (one.at("path").at("name") != "veth") {
      EXPECT_GT(one.at("rounds").at(0).at("last_byte_s").at(0), 0.01);
    }
  }
  EXPECT_TRUE(paths.contains("veth")) << report.at("skipped").dump();
}

TEST_F(Bench, TellsWhatWasSentAndSentAgain) {
  if (::geteuid() != 0) GTEST_SKIP() << "network namespaces need root";
  const auto compare = [&](const std::string& by, const std::string& link, int least_again) {
    const Ended ended =
        run({"bench", "--by", by, "--link", link, "--size", "512k", "--rounds", "1", "--json"});
    ASSERT_EQ(ended.code, exit_code::ok) << ended.errors;
    const json report = json::parse(ended.output);
    if (report.at("skipped").dump().find("ip netns add") != std::string::npos)
      GTEST_SKIP() << "this root may not make a network namespace";
    EXPECT_EQ(report.at("cases").size() + report.at("skipped").size() * 2, 4U) << "two ways, cold and warm";
    for (const json& one : report.at("cases")) {
      const json& traffic = one.at("rounds").at(0).at("traffic");
      EXPECT_GT(traffic.at("datagrams"), 350) << "512 KiB at MTU 1500: " << one.dump();
      ASSERT_TRUE(traffic.at("again").is_number()) << one.dump();
      EXPECT_GE(traffic.at("again"), least_again) << one.dump();
    }
  };
  compare("udp,tcp-cubic", "rate=100M,delay=1ms,loss=5%", 1);
  compare("srt,udt", "veth", 0);  // which take seconds over that link
}

TEST_F(Bench, LeavesNoNamespaceBehindWhereASignalEndsIt) {
  if (::geteuid() != 0) GTEST_SKIP() << "network namespaces need root";
  for (const int signal : {SIGHUP, SIGINT, SIGTERM}) {
    const auto bench = start(
        {"bench", "--by", "udp", "--link", "veth", "--size", "4k", "--rounds", "1000"},
        {.errors = Stream::terminal, .prepare = [] { return std::signal(SIGHUP, SIG_DFL) != SIG_ERR; }});
    if (!bench->wait_for_error(" 1 %") && bench->output().find("ip netns add") != std::string::npos)
      GTEST_SKIP() << "this root may not make a network namespace";
    const std::string own = "-" + std::to_string(bench->pid()) + "-";
    EXPECT_THAT(names_in("/run/netns"), Contains(HasSubstr(own)));
    bench->send_signal(signal);
    EXPECT_EQ(bench->wait(), 128 + signal) << bench->errors();
    EXPECT_THAT(names_in("/run/netns"), Not(Contains(HasSubstr(own))));
  }
}

TEST_F(Bench, WritesAPage) {
  const auto file = scratch() / "page.html";
  ASSERT_EQ(
      run({"bench", "--by", "shm,udp", "--size", "4k,64k", "--rounds", "1", "--html", file.string()}).code,
      exit_code::ok);
  std::ifstream page(file);
  const std::string text{std::istreambuf_iterator<char>(page), {}};
  EXPECT_THAT(text, HasSubstr("<svg"));
  EXPECT_THAT(text, HasSubstr("</html>"));
  const auto picture = scratch() / "picture.svg";
  ASSERT_EQ(
      run({"bench", "--by", "shm,udp", "--size", "4k,64k", "--rounds", "1", "--svg", picture.string()}).code,
      exit_code::ok);
  std::ifstream drawn(picture);
  EXPECT_TRUE(std::string(std::istreambuf_iterator<char>(drawn), {}).starts_with("<svg xmlns="));
  EXPECT_EQ(
      run({"bench", "--by", "shm", "--size", "4k", "--rounds", "1", "--html", "/nowhere/page.html"}).code,
      exit_code::failure);
}

TEST_F(Bench, RefusesWhatCannotBe) {
  for (const char* wrong : {"0", "5g", "none"})
    EXPECT_EQ(run({"bench", "--size", wrong}).code, exit_code::usage) << wrong;
  for (const char* wrong : {"0", "65", "-1"})
    EXPECT_EQ(run({"bench", "--pullers", wrong}).code, exit_code::usage) << wrong;
  EXPECT_EQ(run({"bench", "--by", "carrier-pigeon"}).code, exit_code::usage);
  EXPECT_EQ(run({"bench", "--link", "rate=fast"}).code, exit_code::usage);
}

}  // namespace
}  // namespace rgtp::test
