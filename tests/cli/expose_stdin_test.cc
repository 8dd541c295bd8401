// `rgtp expose -`: what comes on stdin can be pulled while it comes.
#include <csignal>
#include <filesystem>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/command_fixture.h"
#include "support/pattern.h"

namespace rgtp::test {
namespace {

constexpr std::size_t chunk_bytes = 65'536;

// The exposer's stdin is a pipe with a name that the test writes into.
class ExposeStdin : public CommandTest {
 protected:
  ExposeStdin() { EXPECT_EQ(mkfifo((scratch() / "in").c_str(), 0600), 0); }
  ~ExposeStdin() override { end_input(); }

  Exposed expose_stdin(const Arguments& more = {}) {
    // For reading too, so that it never waits for the other end.
    if (input_ < 0) input_ = open((scratch() / "in").c_str(), O_RDWR | O_CLOEXEC);
    EXPECT_GE(input_, 0);
    Arguments arguments = {"expose", "-"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    Exposed exposed{
        start(
            arguments,
            {.prepare = [] { return dup2(open("in", O_RDONLY | O_CLOEXEC), STDIN_FILENO) == STDIN_FILENO; }}),
        {}};
    exposed.locator = exposed.process->read_line().value_or("");
    EXPECT_FALSE(exposed.locator.empty()) << exposed.process->errors();
    return exposed;
  }
  void write_input(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t written = write(input_, bytes.data(), bytes.size());
      ASSERT_GT(written, 0);
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
  }
  void end_input() {
    if (input_ >= 0) close(input_);
    input_ = -1;
  }
  Running shell(const std::string& script) const {
    return std::make_unique<ChildProcess>("/bin/sh", Arguments{"-c", script},
                                          ChildProcess::Options{.directory = scratch()});
  }
  static std::string text(std::size_t size) {
    const auto bytes = pattern(size);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  static void end_well(const Exposed& exposed) {
    exposed.process->send_signal(SIGTERM);
    EXPECT_EQ(exposed.process->wait(), exit_code::ok) << exposed.process->errors();
  }

 private:
  int input_ = -1;
};

TEST_F(ExposeStdin, IsPulledWhileItComesByBothRoutes) {
  const std::string bytes = text(4 * chunk_bytes + 777);
  const auto exposed = expose_stdin();
  const auto by_memory = start({"pull", exposed.locator, "-o", "-", "--route", "shm"});
  const auto by_packets = start({"pull", exposed.locator, "-o", "-", "--route", "udp"});
  write_input(std::string_view(bytes).substr(0, 3 * chunk_bytes + 5));
  for (const auto& pull : {&by_memory, &by_packets})
    EXPECT_TRUE((*pull)->wait_for_output(3 * chunk_bytes)) << (*pull)->errors();
  write_input(std::string_view(bytes).substr(3 * chunk_bytes + 5));
  end_input();
  for (const auto& pull : {&by_memory, &by_packets}) {
    EXPECT_EQ((*pull)->wait(), exit_code::ok) << (*pull)->errors();
    EXPECT_TRUE((*pull)->output() == bytes);
  }
  EXPECT_EQ(run({"pull", exposed.locator, "-o", "out"}).code, exit_code::ok);
  EXPECT_TRUE(read_file("out") == bytes);
  end_well(exposed);
}

TEST_F(ExposeStdin, IsPulledIntoAFileThatTakesNoMoreThanThereIs) {
  const std::string bytes = text(2 * chunk_bytes + 5);
  for (const char* const route : {"shm", "udp"}) {
    const auto exposed = expose_stdin();
    const auto pull = start({"pull", exposed.locator, "-o", "out", "--route", route});
    write_input(bytes);
    end_input();
    EXPECT_EQ(pull->wait(), exit_code::ok) << pull->errors();
    EXPECT_TRUE(read_file("out") == bytes);
    end_well(exposed);
  }
}

TEST_F(ExposeStdin, TakesMemoryForWhatCameAndNotForItsCapacity) {
  if (!has_own_shm()) GTEST_SKIP() << "other tests use this host's /dev/shm";
  const auto exposed = expose_stdin();
  write_input(text(chunk_bytes));
  const auto pull = start({"pull", exposed.locator, "-o", "-"});
  EXPECT_TRUE(pull->wait_for_output(chunk_bytes));
  std::uint64_t taken = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/dev/shm")) {
    struct stat status = {};
    if (stat(entry.path().c_str(), &status) == 0) taken += static_cast<std::uint64_t>(status.st_blocks) * 512;
  }
  EXPECT_LT(taken, 32U << 20);
  EXPECT_NE(run({"ls"}).output.find("up to 68.7 GB"), std::string::npos);
  pull->send_signal(SIGTERM);
  EXPECT_EQ(pull->wait(), exit_code::terminated);
  exposed.process->send_signal(SIGTERM);
  EXPECT_EQ(exposed.process->wait(), exit_code::terminated);
}

TEST_F(ExposeStdin, EndsItsPullsWhereItIsToldToEndBeforeItsInputDoes) {
  for (const char* const route : {"shm", "udp"}) {
    const auto exposed = expose_stdin();
    const auto pull = start({"pull", exposed.locator, "-o", "-", "--route", route});
    write_input(text(chunk_bytes + 10));
    EXPECT_TRUE(pull->wait_for_output(chunk_bytes));
    exposed.process->send_signal(SIGINT);
    EXPECT_EQ(exposed.process->wait(), exit_code::interrupted);
    EXPECT_EQ(pull->wait(), exit_code::exposer_ended);
    EXPECT_THAT(pull->errors(), testing::HasSubstr("gave"));
  }
}

TEST_F(ExposeStdin, HoldsItsInputToTheSizeThatWasSaid) {
  struct Case {
    std::string option;
    std::size_t bytes;
    int code;
    std::string message;
  };
  for (const Case& c : {Case{"--size", 5, exit_code::usage, "stdin ended after 5 of the 10 bytes of --size"},
                        Case{"--size", 11, exit_code::failure,
                             "stdin holds more than 10 bytes: give a larger --size, or none"},
                        Case{"--capacity", 11, exit_code::failure, "give a larger --capacity"}}) {
    const auto ended = run({"expose", "-", c.option, "10"}, {.input = text(c.bytes)});
    EXPECT_EQ(ended.code, c.code);
    EXPECT_THAT(ended.errors, testing::HasSubstr(c.message));
  }
  for (const char* const option : {"--size", "--capacity"}) {
    const auto exposed = expose_stdin({option, "10"});
    write_input(text(10));
    end_input();
    EXPECT_EQ(run({"pull", exposed.locator, "-o", "out"}).code, exit_code::ok);
    EXPECT_TRUE(read_file("out") == text(10));
    end_well(exposed);
  }
  for (const auto& [arguments, message] :
       {std::pair{Arguments{"expose", "in", "--size", "10"}, "said of stdin"},
        std::pair{Arguments{"expose", "-", "-"}, "stdin can be read once"}}) {
    const auto ended = run(arguments);
    EXPECT_EQ(ended.code, exit_code::usage);
    EXPECT_THAT(ended.errors, testing::HasSubstr(message));
  }
}

TEST_F(ExposeStdin, OfNothingIsASurfaceOfNothing) {
  const auto exposed = expose_stdin();
  end_input();
  EXPECT_EQ(run({"pull", exposed.locator, "-o", "out"}).code, exit_code::ok);
  EXPECT_EQ(read_file("out"), "");
  end_well(exposed);
}

TEST_F(ExposeStdin, CarriesADirectoryAsATarStream) {
  std::filesystem::create_directories(scratch() / "tree/below");
  write_file("tree/a", 300'000, 1);
  write_file("tree/below/b", 70'001, 2);
  write_file("tree/below/empty", 0);
  for (const std::string route : {"shm", "udp"}) {
    std::filesystem::create_directory(scratch() / route);
    const auto exposed = expose_stdin();
    const auto writing = shell("tar cf - tree >in");
    const auto reading = shell("'" RGTP_COMMAND_PATH "' pull '" + exposed.locator + "' -o - --route " +
                               route + " | tar xf - -C " + route);
    EXPECT_EQ(writing->wait(), 0);
    end_input();
    EXPECT_EQ(reading->wait(), 0) << reading->errors();
    for (const char* const file : {"tree/a", "tree/below/b", "tree/below/empty"})
      EXPECT_TRUE(same(file, route + "/" + file)) << file;
    end_well(exposed);
  }
}

}  // namespace
}  // namespace rgtp::test
