#include "shm/access_list.h"

#include <cerrno>

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include "shm/os_faults.h"
#include "shm/segment_fixture.h"
#include "support/forked_child.h"

namespace rgtp::shm {
namespace {

using test::ForkedChild;

constexpr uid_t user = 12'345;
constexpr uid_t other_user = 23'456;
constexpr gid_t group = 34'567;
constexpr gid_t other_group = 45'678;

class AccessListTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can become others";
    ASSERT_EQ(::chmod(directory_.path().c_str(), 0755), 0);
  }
  fs::path object() const { return directory_ / "object"; }
  // Anew, under the umask, readable and writable to all at first.
  Result<void> give(const Access& access, mode_t mask = 022) const {
    const Umask umask(mask);
    fs::remove(object());
    const Descriptor made(::open(object().c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    return give_access(made, directory_.path(), access);
  }
  // The errno of opening it as somebody else, or 0.
  int error_for(uid_t who, gid_t with, int flags) const {
    ForkedChild child([&](const ForkedChild::Parent& parent) {
      if (::setgroups(1, &with) != 0 || ::setresgid(other_group, other_group, other_group) != 0 ||
          ::setresuid(who, who, who) != 0)
        return parent.tell("-1");
      parent.tell(std::to_string(::open(object().c_str(), flags | O_CLOEXEC) >= 0 ? 0 : errno));
    });
    return std::stoi(child.read_line().value_or("-2"));
  }
  void expect_reader(uid_t who, gid_t with, bool may) const {
    EXPECT_EQ(error_for(who, with, O_RDONLY), may ? 0 : EACCES) << "user " << who << ", group " << with;
    EXPECT_EQ(error_for(who, with, O_WRONLY), EACCES) << "user " << who << ", group " << with;
  }

  const TemporaryDirectory directory_{"/dev/shm"};
};

TEST_F(AccessListTest, LetsInWhomItNamesToReadAndNobodyElseWhateverTheUmask) {
  for (const mode_t mask : {0U, 022U, 0777U}) {
    SCOPED_TRACE(testing::Message() << "umask " << std::oct << mask);
    ASSERT_TRUE(give(Access::owner(), mask));
    expect_reader(user, group, false);
    ASSERT_TRUE(give(Access::users({user}), mask));
    expect_reader(user, other_group, true);
    expect_reader(other_user, group, false);
    ASSERT_TRUE(give(Access::groups({group}), mask));
    expect_reader(user, group, true);
    expect_reader(user, other_group, false);
    ASSERT_TRUE(give(Access::everyone(), mask));
    expect_reader(other_user, other_group, true);
  }
}

TEST_F(AccessListTest, NamesManyOfBothAndTheSameOneTwice) {
  std::vector<uid_t> users = {user, user};
  for (uid_t more = 1; more <= 500; ++more) users.push_back(more);
  ASSERT_TRUE(give(Access::named(users, {group, group})));
  expect_reader(user, other_group, true);
  expect_reader(500, other_group, true);
  expect_reader(other_user, group, true);
  expect_reader(other_user, other_group, false);
}

TEST_F(AccessListTest, NamingNobodyIsTheOwnerAlone) {
  ASSERT_TRUE(give(Access::named({}, {})));
  expect_reader(user, group, false);
}

TEST_F(AccessListTest, MoreThanTheSystemTakesIsAnError) {
  std::vector<uid_t> users;
  for (uid_t more = 1; more <= 20'000; ++more) users.push_back(more);
  expect_error(give(Access::users(users)), Errc::no_space, "put them into one group");
}

TEST_F(AccessListTest, AFileSystemWithoutListsIsAnError) {
  // A pipe has none either.
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const Descriptor reader(ends[0]);
  const Descriptor writer(ends[1]);
  expect_error(give_access(reader, "/place", Access::users({user})), Errc::invalid_argument,
               "without access control lists");
  EXPECT_TRUE(give_access(reader, "/place", Access::everyone()));
}

TEST_F(AccessListTest, AFilesModeTellsWhetherAllWhoAreNamedMayReadIt) {
  const fs::path file = directory_ / "file";
  write_file(file, {});
  ASSERT_EQ(::chown(file.c_str(), user, group), 0);
  struct Case {
    mode_t mode;
    bool owner, other, group, other_group, everyone;
  };
  for (const Case& c :
       {Case{0444, true, true, true, true, true}, Case{0440, true, false, true, false, false},
        Case{0400, true, false, false, false, false}, Case{0004, false, true, false, true, true}}) {
    SCOPED_TRACE(testing::Message() << "mode " << std::oct << c.mode);
    ASSERT_EQ(::chmod(file.c_str(), c.mode), 0);
    EXPECT_TRUE(may_read(file, Access::owner()));
    EXPECT_TRUE(may_read(file, Access::users({0})));
    EXPECT_EQ(may_read(file, Access::users({user})), c.owner);
    EXPECT_EQ(may_read(file, Access::users({other_user})), c.other);
    EXPECT_EQ(may_read(file, Access::users({user, other_user})), c.owner && c.other);
    EXPECT_EQ(may_read(file, Access::groups({group})), c.group);
    EXPECT_EQ(may_read(file, Access::groups({other_group})), c.other_group);
    EXPECT_EQ(may_read(file, Access::everyone()), c.everyone);
  }
  EXPECT_FALSE(may_read(directory_ / "none", Access::everyone()));
}

TEST_F(AccessListTest, AMemberOfAFilesGroupMayReadWhatItsGroupMay) {
  const fs::path file = directory_ / "file";
  write_file(file, {});
  ASSERT_EQ(::chmod(file.c_str(), 0040), 0);
  const passwd* const nobody = ::getpwnam("nobody");
  if (nobody == nullptr) GTEST_SKIP() << "this host has no nobody";
  ASSERT_EQ(::chown(file.c_str(), user, nobody->pw_gid), 0);
  EXPECT_TRUE(may_read(file, Access::users({nobody->pw_uid})));
  EXPECT_FALSE(may_read(file, Access::users({other_user})));
}

TEST_F(AccessListTest, WhatAFilesOwnListSaysIsLeftToTheKernel) {
  ASSERT_TRUE(give(Access::users({user})));
  EXPECT_TRUE(may_read(object(), Access::users({user})));
}

}  // namespace
}  // namespace rgtp::shm
