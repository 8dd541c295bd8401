#include "cli/doctor.h"

#include <algorithm>

#include <gmock/gmock.h>

#include "cli/command_fixture.h"

namespace rgtp::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Grade = Finding::Grade;

constexpr std::uint64_t gib = std::uint64_t{1} << 30;

// Of which nothing costs anything.
HostSettings healthy() {
  return {.shared_memory = HostSettings::SharedMemory{.file_system = "tmpfs",
                                                      .huge = "within_size",
                                                      .bytes = 8 * gib,
                                                      .free_bytes = 7 * gib,
                                                      .is_writable = true,
                                                      .has_access_lists = true},
          .memory_bytes = 16 * gib,
          .shmem_enabled = "never",
          .receive_buffer_max = 4 * 1024 * 1024,
          .send_buffer_max = 4 * 1024 * 1024,
          .open_files = 1024,
          .mappings = 65'530};
}

// The one finding that is not good, of which there has to be one alone.
Finding trouble_with(const HostSettings& settings) {
  const auto findings = diagnose(settings);
  const auto is_bad = [](const Finding& finding) { return finding.grade != Grade::good; };
  EXPECT_EQ(std::ranges::count_if(findings, is_bad), 1) << report_on(findings);
  const auto found = std::ranges::find_if(findings, is_bad);
  return found == findings.end() ? Finding() : *found;
}
void expect_trouble(const HostSettings& settings, Grade grade, const std::string& what,
                    const std::string& remedy) {
  const Finding finding = trouble_with(settings);
  EXPECT_EQ(finding.grade, grade);
  EXPECT_THAT(finding.what, HasSubstr(what));
  EXPECT_FALSE(finding.cost.empty());
  EXPECT_THAT(finding.remedy, HasSubstr(remedy));
}

TEST(Doctor, FindsNothingWrongWithAHostThatIsSetUpWell) {
  for (const Finding& finding : diagnose(healthy())) {
    EXPECT_EQ(finding.grade, Grade::good) << finding.what;
    EXPECT_TRUE(finding.cost.empty() && finding.remedy.empty()) << finding.what;
  }
}

TEST(Doctor, NamesWhatSharedMemoryLacks) {
  HostSettings settings = healthy();
  settings.shared_memory->free_bytes = gib / 2;
  expect_trouble(settings, Grade::costs, "536.9 MB of 8.6 GB free", "remount,size=");
  settings = healthy();
  settings.shared_memory->bytes = settings.shared_memory->free_bytes =
      64 * 1024 * 1024;  // as containers have
  expect_trouble(settings, Grade::costs, "67.1 MB", "--shm-size");
  settings = healthy();
  settings.shared_memory->is_writable = false;
  expect_trouble(settings, Grade::broken, "may not be written", "chmod");
  settings = healthy();
  settings.shared_memory->has_access_lists = false;
  expect_trouble(settings, Grade::broken, "access control lists", "CONFIG_TMPFS_POSIX_ACL");
  settings = healthy();
  settings.shared_memory->file_system = "";
  expect_trouble(settings, Grade::costs, "no file system of its own", "mount -t tmpfs");
  settings.shared_memory.reset();
  expect_trouble(settings, Grade::broken, "there is no /dev/shm", "mount -t tmpfs");
}

TEST(Doctor, TellsWhetherSurfacesHaveHugePages) {
  HostSettings settings = healthy();
  settings.shared_memory->huge = "never";
  expect_trouble(settings, Grade::costs, "huge pages in /dev/shm: never", "huge=within_size /dev/shm");
  settings.shmem_enabled = "force";
  EXPECT_EQ(diagnose(settings)[1].grade, Grade::good);
  settings = healthy();
  settings.shmem_enabled = "deny";
  expect_trouble(settings, Grade::costs, "huge pages", "shmem_enabled");
}

TEST(Doctor, NamesLimitsThatAreLow) {
  HostSettings settings = healthy();
  settings.receive_buffer_max = 212'992;
  expect_trouble(settings, Grade::costs, "net.core.rmem_max", "net.core.rmem_max=4194304");
  EXPECT_THAT(trouble_with(settings).cost, HasSubstr("1.7 ms at 1 Gbit/s"));
  settings = healthy();
  settings.send_buffer_max = 100'000;
  expect_trouble(settings, Grade::costs, "net.core.wmem_max", "net.core.wmem_max=262144");
  settings = healthy();
  settings.open_files = 100;
  expect_trouble(settings, Grade::costs, "open files a process: 100", "ulimit -n");
  settings = healthy();
  settings.address_space = gib;
  expect_trouble(settings, Grade::costs, "1.1 GB", "ulimit -v");
}

TEST(Doctor, TellsWhatDeadExposersLeft) {
  HostSettings settings = healthy();
  settings.dead_surfaces = 2;
  settings.dead_bytes = gib;
  expect_trouble(settings, Grade::costs, "2 surfaces", "rgtp gc");
}

TEST(Doctor, SaysNothingOfWhatTheSystemDoesNotSay) {
  const std::string report = report_on(diagnose({}));
  EXPECT_THAT(report, HasSubstr("there is no /dev/shm"));
  for (const char* const unknown : {"net.core", "open files", "addresses", "huge pages"})
    EXPECT_THAT(report, Not(HasSubstr(unknown)));
}

TEST(Doctor, ReadsThisHostsSettings) {
  const HostSettings settings = read_host_settings();
  ASSERT_TRUE(settings.shared_memory);
  EXPECT_GT(settings.shared_memory->bytes, 0U);
  EXPECT_GT(settings.memory_bytes.value_or(0), 0U);
  EXPECT_GT(settings.receive_buffer_max.value_or(0), 0U);
  EXPECT_GT(settings.mappings.value_or(0), 0U);
  EXPECT_FALSE(read_host_settings("/no such directory").shared_memory);
}

class DoctorCommand : public test::CommandTest {};

TEST_F(DoctorCommand, ReportsAndRemovesNothing) {
  if (!has_own_shm()) GTEST_SKIP() << "other tests use this host's /dev/shm";
  write_file("in", 100'000);
  const auto exposed = expose({"in"});
  exposed.process->send_signal(SIGKILL);
  exposed.process->wait();
  for (int i = 0; i < 2; ++i) {
    const Ended ended = run({"doctor"});
    EXPECT_EQ(ended.code, test::exit_code::ok) << ended.errors;
    EXPECT_THAT(ended.output, HasSubstr("of 67.1 MB free"));
    EXPECT_THAT(ended.output, HasSubstr("1 surfaces are left"));
  }
}

}  // namespace
}  // namespace rgtp::cli
