#include "shm/owner.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>

#include "shm/segment_fixture.h"
#include "support/forked_child.h"

namespace rgtp::shm {
namespace {

using namespace std::chrono_literals;
using test::comes_true;
using test::ForkedChild;

class OwnerTest : public testing::Test {
 protected:
  std::shared_ptr<Owner> own() const { return Owner::of_this_process(directory_.path()).value(); }
  bool lives(const OwnerId& id) const { return is_alive(directory_.path(), id, ::geteuid()); }
  bool dies(const OwnerId& id) const {
    return comes_true([&] { return !lives(id); }, 1s);
  }
  fs::path lock_file(const OwnerId& id) const { return directory_ / owner_file_name(id); }
  std::vector<std::string> names() const { return names_in(directory_.path()); }
  // Of a process that was killed.
  OwnerId dead_owner() const {
    ForkedChild child([&](const ForkedChild::Parent& parent) {
      const auto owner = own();
      parent.tell(owner->id().to_hex());
      parent.wait_to_be_killed();
    });
    return OwnerId::from_hex(child.read_line().value()).value();
  }

  const TemporaryDirectory directory_{"/dev/shm"};
};

// A process that is nobody's child any more, to be ended with the test.
class Orphan {
 public:
  explicit Orphan(const std::string& pid) : pid_(std::stoi(pid)) {}
  Orphan(const Orphan&) = delete;
  Orphan& operator=(const Orphan&) = delete;
  ~Orphan() { ::kill(pid_, SIGKILL); }
  bool is_there() const { return ::kill(pid_, 0) == 0; }

 private:
  const pid_t pid_;
};

// A way for descriptors from one process to another (unix(7), SCM_RIGHTS).
class Passage {
 public:
  Passage() { EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends_), 0); }
  Passage(const Passage&) = delete;
  Passage& operator=(const Passage&) = delete;
  ~Passage() {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }

  void send(int descriptor) {
    auto* const header = CMSG_FIRSTHDR(&message_);
    *header = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
    EXPECT_EQ(::sendmsg(ends_[0], &message_, 0), 1);
  }
  // What was sent before.
  Descriptor receive() {
    if (::recvmsg(ends_[1], &message_, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) != 1) return Descriptor();
    int descriptor = -1;
    std::memcpy(&descriptor, CMSG_DATA(CMSG_FIRSTHDR(&message_)), sizeof descriptor);
    return Descriptor(descriptor);
  }

 private:
  int ends_[2] = {-1, -1};
  char byte_ = 'd';
  iovec part_ = {&byte_, 1};
  alignas(cmsghdr) char control_[CMSG_SPACE(sizeof(int))] = {};
  msghdr message_ = {nullptr, 0, &part_, 1, control_, sizeof control_, 0};
};

// Of this process, and of that file, whatever it was called when it was opened; -1 where there is none.
int descriptor_of(const fs::path& file) {
  for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
    std::error_code error;
    if (fs::equivalent(entry.path(), file, error)) return std::stoi(entry.path().filename().string());
  }
  return -1;
}

TEST_F(OwnerTest, LivesWhileItIsHeldAndLeavesNothing) {
  auto owner = own();
  const OwnerId id = owner->id();
  EXPECT_TRUE(lives(id));
  EXPECT_EQ(names(), std::vector{owner_file_name(id)});
  owner.reset();
  EXPECT_FALSE(lives(id));
  EXPECT_TRUE(names().empty());
}

TEST_F(OwnerTest, IsOneForAllOfAProcessInADirectory) {
  const auto owner = own();
  EXPECT_EQ(own(), owner);
  const TemporaryDirectory other("/dev/shm");
  const auto elsewhere = Owner::of_this_process(other.path()).value();
  EXPECT_NE(elsewhere->id(), owner->id());
  EXPECT_FALSE(is_alive(other.path(), owner->id(), ::geteuid()));
}

TEST_F(OwnerTest, IsANewOneAfterTheLastHolderWent) {
  const OwnerId first = own()->id();
  EXPECT_NE(own()->id(), first);
}

TEST_F(OwnerTest, IsSeenByOtherProcesses) {
  const auto owner = own();
  ForkedChild child([&](const ForkedChild::Parent&) { EXPECT_TRUE(lives(owner->id())); });
  EXPECT_EQ(child.wait(), 0);
  EXPECT_TRUE(lives(owner->id()));
}

TEST_F(OwnerTest, HasALockFileThatAllMayAskWhateverTheUmask) {
  for (const mode_t mask : {0U, 0077U, 0777U}) {
    const Umask umask(mask);
    const auto owner = own();
    EXPECT_EQ(mode_of(lock_file(owner->id())), 0644U);
    EXPECT_EQ(fs::file_size(lock_file(owner->id())), 0U);
  }
}

TEST_F(OwnerTest, IsDeadOnceItsProcessWasKilled) {
  ForkedChild child([&](const ForkedChild::Parent& parent) {
    const auto owner = own();
    parent.tell(owner->id().to_hex());
    parent.wait_to_be_killed();
  });
  const OwnerId id = OwnerId::from_hex(child.read_line().value()).value();
  EXPECT_TRUE(lives(id));
  child.kill();
  EXPECT_FALSE(lives(id));
  EXPECT_TRUE(fs::exists(lock_file(id)));  // the sweep's
}

TEST_F(OwnerTest, IsNotKeptAliveByItsForkedChild) {
  ForkedChild child([&](const ForkedChild::Parent& parent) {
    const auto owner = own();
    const pid_t forked = ::fork();
    if (forked == 0) {
      ::alarm(20);
      while (true) ::pause();
    }
    parent.tell(owner->id().to_hex());
    parent.tell(std::to_string(forked));
    parent.wait_to_be_killed();
  });
  const OwnerId id = OwnerId::from_hex(child.read_line().value()).value();
  const Orphan orphan(child.read_line().value());
  EXPECT_TRUE(lives(id));
  child.kill();
  EXPECT_TRUE(dies(id));
  EXPECT_TRUE(orphan.is_there());
}

TEST_F(OwnerTest, IsNotKeptAliveByAProgramThatItStarted) {
  ForkedChild child([&](const ForkedChild::Parent& parent) {
    const auto owner = own();
    pid_t started = 0;
    char name[] = "sleep";
    char seconds[] = "20";
    char* const arguments[] = {name, seconds, nullptr};
    ASSERT_EQ(::posix_spawnp(&started, name, nullptr, nullptr, arguments, environ), 0);
    parent.tell(owner->id().to_hex());
    parent.tell(std::to_string(started));
    parent.wait_to_be_killed();
  });
  const OwnerId id = OwnerId::from_hex(child.read_line().value()).value();
  const Orphan orphan(child.read_line().value());
  EXPECT_TRUE(lives(id));
  child.kill();
  EXPECT_TRUE(dies(id));
  EXPECT_TRUE(orphan.is_there());
}

TEST_F(OwnerTest, IsNotKeptAliveByADescriptorOfItsFileThatWasPassedOn) {
  Passage passage;
  ForkedChild child([&](const ForkedChild::Parent& parent) {
    const auto owner = own();
    passage.send(open_owner_file(directory_.path(), owner->id(), ::geteuid()).value().get());
    parent.tell(owner->id().to_hex());
    parent.wait_to_be_killed();
  });
  const OwnerId id = OwnerId::from_hex(child.read_line().value()).value();
  const Descriptor passed = passage.receive();
  ASSERT_TRUE(passed);
  EXPECT_TRUE(is_locked(passed.get()));
  child.kill();
  EXPECT_FALSE(lives(id));
  EXPECT_FALSE(is_locked(passed.get()));
}

TEST_F(OwnerTest, LivesOnInWhomItsLockItselfWasPassedToUntilThatOneClosesIt) {
  Passage passage;
  ForkedChild child([&](const ForkedChild::Parent& parent) {
    const auto owner = own();
    passage.send(descriptor_of(lock_file(owner->id())));
    parent.tell(owner->id().to_hex());
    parent.wait_to_be_killed();
  });
  const OwnerId id = OwnerId::from_hex(child.read_line().value()).value();
  Descriptor passed = passage.receive();
  ASSERT_TRUE(passed);
  child.kill();
  EXPECT_TRUE(lives(id));
  passed.reset();
  EXPECT_FALSE(lives(id));
}

TEST_F(OwnerTest, OutlivesTheEndOfAForkedChildThatHadIt) {
  auto owner = own();
  ForkedChild child([&](const ForkedChild::Parent&) { owner.reset(); });
  EXPECT_EQ(child.wait(), 0);
  EXPECT_TRUE(lives(owner->id()));
  EXPECT_TRUE(fs::exists(lock_file(owner->id())));
}

TEST_F(OwnerTest, AForkedChildHasAnOwnerOfItsOwn) {
  const auto owner = own();
  ForkedChild child([&](const ForkedChild::Parent&) {
    const auto mine = own();
    EXPECT_NE(mine->id(), owner->id());
    EXPECT_TRUE(lives(mine->id()));
    EXPECT_TRUE(lives(owner->id()));
  });
  EXPECT_EQ(child.wait(), 0);
  EXPECT_EQ(names(), std::vector{owner_file_name(owner->id())});
}

TEST_F(OwnerTest, WhoseLockFileWasRemovedIsReplacedForWhatComesNext) {
  const auto owner = own();
  const Descriptor asked = open_owner_file(directory_.path(), owner->id(), ::geteuid()).value();
  fs::remove(lock_file(owner->id()));
  EXPECT_FALSE(lives(owner->id()));
  EXPECT_TRUE(is_locked(asked.get()));  // who has it open goes by that
  const auto next = own();
  EXPECT_NE(next->id(), owner->id());
  EXPECT_TRUE(lives(next->id()));
}

TEST_F(OwnerTest, AMissingFileOrAnUnlockedOneMeansDead) {
  const OwnerId id = OwnerId::random();
  EXPECT_FALSE(lives(id));
  write_file(lock_file(id), {});
  EXPECT_FALSE(lives(id));
  EXPECT_FALSE(is_locked(-1));
}

TEST_F(OwnerTest, AReaderThatHoldsALockCannotPretendToBeTheOwner) {
  const OwnerId id = dead_owner();
  const int fd = ::open(lock_file(id).c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_GE(fd, 0);
  struct flock lock = {};
  lock.l_whence = SEEK_SET;
  lock.l_type = F_RDLCK;
  ASSERT_EQ(::fcntl(fd, F_OFD_SETLK, &lock), 0);
  EXPECT_FALSE(lives(id));
  lock.l_type = F_WRLCK;
  EXPECT_EQ(::fcntl(fd, F_OFD_SETLK, &lock), -1);
  EXPECT_EQ(errno, EBADF);
  ::close(fd);
}

TEST_F(OwnerTest, IsNotAskedOfAFifoALinkOrADirectory) {
  const auto owner = own();
  const OwnerId id = OwnerId::random();
  fs::create_symlink(lock_file(owner->id()), lock_file(id));
  EXPECT_FALSE(lives(id));
  fs::remove(lock_file(id));
  ASSERT_EQ(::mkfifo(lock_file(id).c_str(), 0644), 0);
  EXPECT_FALSE(lives(id));
  fs::remove(lock_file(id));
  fs::create_directory(lock_file(id));
  EXPECT_FALSE(lives(id));
}

TEST_F(OwnerTest, DoesNotLiveByAnotherUsersFile) {
  const auto owner = own();
  EXPECT_FALSE(is_alive(directory_.path(), owner->id(), ::geteuid() + 1));
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  ASSERT_EQ(::chown(lock_file(owner->id()).c_str(), 12'345, 0), 0);
  EXPECT_FALSE(lives(owner->id()));
  EXPECT_TRUE(is_alive(directory_.path(), owner->id(), 12'345));
}

TEST_F(OwnerTest, HasANameThatIsReadBack) {
  const OwnerId id = OwnerId::random();
  EXPECT_EQ(owner_of_file_name(owner_file_name(id)), id);
  EXPECT_FALSE(is_segment_name(owner_file_name(id)));
  for (const char* name : {"", "rgtp-owner-", "rgtp-owner-0", "rgtp-owner-0123456789abcdef0123456789abcdeg"})
    EXPECT_FALSE(owner_of_file_name(name)) << name;
}

TEST_F(OwnerTest, AMissingDirectoryIsNotFound) {
  expect_error(Owner::of_this_process(directory_ / "missing"), Errc::not_found, "missing");
}

}  // namespace
}  // namespace rgtp::shm
