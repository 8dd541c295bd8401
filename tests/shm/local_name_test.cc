#include "shm/local_name.h"

#include <chrono>
#include <cstdlib>

#include <fcntl.h>

#include <rgtp/host.h>

#include "shm/os_faults.h"
#include "shm/segment_fixture.h"
#include "support/forked_child.h"
#include "support/users.h"

namespace rgtp::shm {
namespace {

using test::ForkedChild;

const fs::path shared = "/dev/shm";

// An environment variable, for a while.
class Variable {
 public:
  Variable(const char* name, const fs::path& value) : name_(name) { ::setenv(name, value.c_str(), 1); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;
  ~Variable() { ::unsetenv(name_); }

 private:
  const char* const name_;
};

class LocalNameTest : public testing::Test {
 protected:
  void SetUp() override { ::unsetenv("XDG_RUNTIME_DIR"); }

  // With a /dev/shm of its own, so that nothing of this host's is seen or touched.
  static void apart(const std::function<void()>& body) {
    const bool ran = on_a_thread_with_a_small_disk(shared, 4 * 1024 * 1024, [&] {
      ::chmod(shared.c_str(), 01777);
      body();
    });
    if (!ran) GTEST_SKIP() << "no mount namespace can be made here";
  }
  static std::unique_ptr<LocalName> take(std::string_view name, const Locator& locator) {
    auto taken = LocalName::take(name, locator);
    EXPECT_TRUE(taken) << taken.error().message();
    return taken ? std::move(*taken) : nullptr;
  }
  static Locator some_locator() { return Locator(Locator::ThisHost{SurfaceId::random()}); }
  static fs::path own_directory() { return shared / user_directory_name(::geteuid()); }
  // A name whose process was killed.
  static void leave(std::string_view name, const Locator& locator) {
    ForkedChild child([&](const ForkedChild::Parent& parent) {
      const auto taken = take(name, locator);
      parent.tell("taken");
      parent.wait_to_be_killed();
    });
    EXPECT_TRUE(child.read_line());
  }
};

TEST_F(LocalNameTest, IsFoundWhileItIsHeldAndLeavesNothing) {
  apart([] {
    expect_error(find_local_name("features"), Errc::unknown_surface, "'features'");
    const Locator locator = some_locator();
    {
      const auto name = take("features", locator);
      EXPECT_EQ(find_local_name("features").value(), locator);
      expect_error(find_local_name("feature"), Errc::unknown_surface, "'feature'");
      EXPECT_EQ(mode_of(own_directory()), 0700U);
      EXPECT_EQ(mode_of(own_directory() / "features"), 0600U);
    }
    expect_error(find_local_name("features"), Errc::unknown_surface, "'features'");
    EXPECT_TRUE(names_in(shared).empty());
  });
}

TEST_F(LocalNameTest, IsFoundByOtherProcesses) {
  apart([] {
    const Locator locator = some_locator();
    const auto name = take("n", locator);
    ForkedChild child([&](const ForkedChild::Parent&) { EXPECT_EQ(find_local_name("n").value(), locator); });
    EXPECT_EQ(child.wait(), 0);
    EXPECT_TRUE(find_local_name("n"));
  });
}

TEST_F(LocalNameTest, ANewerSurfaceTakesItOverAndTheOlderOnesEndDoesNotRemoveIt) {
  apart([] {
    const Locator older = some_locator();
    const Locator newer = some_locator();
    auto first = take("n", older);
    auto second = take("n", newer);
    EXPECT_EQ(find_local_name("n").value(), newer);
    first.reset();
    EXPECT_EQ(find_local_name("n").value(), newer);
    second.reset();
    expect_error(find_local_name("n"), Errc::unknown_surface, "");
    EXPECT_TRUE(names_in(shared).empty());
  });
}

TEST_F(LocalNameTest, SeveralLiveSideBySide) {
  apart([] {
    const Locator a = some_locator();
    const Locator b = some_locator();
    const auto first = take("a", a);
    auto second = take("b", b);
    EXPECT_EQ(find_local_name("a").value(), a);
    EXPECT_EQ(find_local_name("b").value(), b);
    second.reset();
    EXPECT_EQ(find_local_name("a").value(), a);
  });
}

TEST_F(LocalNameTest, OfAKilledProcessIsGoneUntilItIsTakenAgain) {
  apart([] {
    leave("n", some_locator());
    expect_error(find_local_name("n"), Errc::exposer_gone, "'n' has ended");
    const Locator locator = some_locator();
    const auto name = take("n", locator);
    EXPECT_EQ(find_local_name("n").value(), locator);
  });
}

TEST_F(LocalNameTest, OfAKilledProcessIsSweptAndALiveOneStays) {
  apart([] {
    leave("dead", some_locator());
    const auto live = take("live", some_locator());
    auto cleared = clear_host(shared).value();
    EXPECT_EQ(cleared.names, 1U);
    EXPECT_EQ(cleared.owners, 1U);
    EXPECT_TRUE(find_local_name("live"));
    expect_error(find_local_name("dead"), Errc::unknown_surface, "");
    EXPECT_EQ(clear_host(shared).value().names, 0U);
    EXPECT_TRUE(find_local_name("live"));
  });
}

TEST_F(LocalNameTest, TheSweepLeavesNothingOfADeadProcess) {
  apart([] {
    leave("dead", some_locator());
    EXPECT_EQ(clear_host(shared).value().names, 1U);
    EXPECT_TRUE(names_in(shared).empty());
  });
}

TEST_F(LocalNameTest, RootSweepsOtherUsersNames) {
  if (::geteuid() != 0) GTEST_SKIP() << "not root";
  apart([] {
    const auto as_stranger = [](const ForkedChild::Parent& parent) {
      ASSERT_TRUE(test::become(12'345));
      const auto taken = take("n", some_locator());
      parent.tell("taken");
      parent.wait_to_be_killed();
    };
    {
      ForkedChild living(as_stranger);
      ASSERT_TRUE(living.read_line());
      EXPECT_EQ(clear_host(shared).value().names, 0U);
      expect_error(find_local_name("n"), Errc::unknown_surface, "");  // another user's
    }
    const auto cleared = clear_host(shared).value();
    EXPECT_EQ(cleared.names, 1U);
    EXPECT_EQ(cleared.owners, 1U);
    EXPECT_TRUE(names_in(shared).empty());
  });
}

TEST_F(LocalNameTest, ANameThatCannotBeIsRefused) {
  apart([] {
    for (const char* name : {"", ".", "..", ".lock", ".new", "a/b", "../x", "/x", "a b", "a\n"})
      EXPECT_EQ(LocalName::take(name, some_locator()).error().code, Errc::malformed_locator) << name;
    EXPECT_TRUE(names_in(shared).empty());
    EXPECT_TRUE(LocalName::take(std::string(128, 'x'), some_locator()));
    EXPECT_FALSE(LocalName::take(std::string(129, 'x'), some_locator()));
  });
}

TEST_F(LocalNameTest, AFileThatHoldsNoLocatorIsMalformed) {
  apart([] {
    const auto name = take("n", some_locator());
    const std::string owner = OwnerId::random().to_hex();
    for (const std::string& text :
         {std::string(), std::string("\n"), std::string("rgtp:///0\n" + owner + "\n"),
          some_locator().reveal(), some_locator().reveal() + "\n", some_locator().reveal() + "\n" + owner,
          some_locator().reveal() + "\n" + owner + "\nmore", some_locator().reveal() + "\n0\n",
          std::string(10'000, 'x')}) {
      write_file(own_directory() / "n", std::as_bytes(std::span(text)));
      expect_error(find_local_name("n"), Errc::malformed_data, "holds no locator");
    }
    fs::remove(own_directory() / "n");
    fs::create_symlink("/etc/passwd", own_directory() / "n");
    EXPECT_FALSE(find_local_name("n"));
    fs::remove(own_directory() / "n");
    ASSERT_EQ(::mkfifo((own_directory() / "n").c_str(), 0600), 0);
    EXPECT_FALSE(find_local_name("n"));
  });
}

TEST_F(LocalNameTest, AHalfWrittenOneOfAKilledProcessIsWrittenOver) {
  apart([] {
    fs::create_directory(own_directory());
    ASSERT_EQ(::chmod(own_directory().c_str(), 0700), 0);
    const std::string junk(5000, 'x');
    write_file(own_directory() / ".new", std::as_bytes(std::span(junk)));
    const Locator locator = some_locator();
    auto name = take("n", locator);
    EXPECT_EQ(find_local_name("n").value(), locator);
    name.reset();
    EXPECT_TRUE(names_in(shared).empty());
  });
}

TEST_F(LocalNameTest, WhereItCannotBeWrittenNothingIsLeft) {
  apart([] {
    // All of it but a page or so.
    const int fd = ::open((shared / "filler").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    const auto keep = Owner::of_this_process(shared).value();
    Bytes page(4096, std::byte{1});
    while (::write(fd, page.data(), page.size()) > 0) {
    }
    ::close(fd);
    EXPECT_EQ(LocalName::take("n", some_locator()).error().code, Errc::no_space);
    fs::remove(shared / "filler");
    EXPECT_FALSE(fs::exists(own_directory()));
  });
}

TEST_F(LocalNameTest, ADirectoryThatIsNotThisUsersAloneIsNotUsed) {
  apart([] {
    fs::create_directory(own_directory());
    ASSERT_EQ(::chmod(own_directory().c_str(), 0755), 0);
    expect_error(LocalName::take("n", some_locator()), Errc::denied, own_directory().string());
    expect_error(LocalName::take("n", some_locator()), Errc::denied, "XDG_RUNTIME_DIR");
    expect_error(find_local_name("n"), Errc::denied, own_directory().string());
    if (::geteuid() != 0) return;
    ASSERT_EQ(::chmod(own_directory().c_str(), 0700), 0);
    ASSERT_EQ(::chown(own_directory().c_str(), 12'345, 0), 0);
    expect_error(LocalName::take("n", some_locator()), Errc::denied, own_directory().string());
  });
}

TEST_F(LocalNameTest, ALinkInItsPlaceIsNotFollowed) {
  apart([] {
    fs::create_directory(shared / "elsewhere");
    ASSERT_EQ(::chmod((shared / "elsewhere").c_str(), 0700), 0);
    fs::create_directory_symlink(shared / "elsewhere", own_directory());
    EXPECT_FALSE(LocalName::take("n", some_locator()));
    EXPECT_TRUE(fs::is_empty(shared / "elsewhere"));
  });
}

TEST_F(LocalNameTest, InThePlaceOfATakenDirectoryTheUsersRuntimeDirectoryServes) {
  apart([] {
    const TemporaryDirectory runtime;
    const Variable variable("XDG_RUNTIME_DIR", runtime.path());
    fs::create_directory(own_directory());
    ASSERT_EQ(::chmod(own_directory().c_str(), 0755), 0);
    const Locator locator = some_locator();
    auto name = take("n", locator);
    EXPECT_EQ(find_local_name("n").value(), locator);
    EXPECT_TRUE(fs::exists(runtime / "rgtp" / "n"));
    EXPECT_TRUE(fs::is_empty(own_directory()));
    name.reset();
    EXPECT_FALSE(fs::exists(runtime / "rgtp"));
  });
}

TEST_F(LocalNameTest, WhereBothAreTakenTheErrorNamesBoth) {
  apart([] {
    const TemporaryDirectory runtime;
    const Variable variable("XDG_RUNTIME_DIR", runtime.path());
    for (const fs::path& directory : {own_directory(), runtime / "rgtp"}) {
      fs::create_directory(directory);
      ASSERT_EQ(::chmod(directory.c_str(), 0755), 0);
    }
    expect_error(LocalName::take("n", some_locator()), Errc::denied, own_directory().string());
    expect_error(LocalName::take("n", some_locator()), Errc::denied, (runtime / "rgtp").string());
    expect_error(find_local_name("n"), Errc::denied, (runtime / "rgtp").string());
  });
}

TEST_F(LocalNameTest, IsTakenWhateverTheUmask) {
  apart([] {
    const Umask umask(0777);
    const bool ran = on_a_thread_without_capabilities([] {
      const Locator locator = some_locator();
      const auto name = take("n", locator);
      const auto found = find_local_name("n");
      ASSERT_TRUE(found) << found.error().message();
      EXPECT_EQ(*found, locator);
      const auto second = take("n", locator);  // through the same directory and lock
    });
    if (!ran) GTEST_SKIP() << "capabilities cannot be dropped here";
  });
}

TEST_F(LocalNameTest, ALockThatIsHeldForLongIsAnErrorAndNotForEver) {
  apart([] {
    const auto name = take("n", some_locator());
    ForkedChild child([](const ForkedChild::Parent& parent) {
      const auto locked = LockedUserDirectory::open(shared).value();
      parent.tell("locked");
      parent.wait_to_be_killed();
    });
    ASSERT_TRUE(child.read_line());
    EXPECT_TRUE(find_local_name("n"));  // looking needs no lock
    const auto begun = std::chrono::steady_clock::now();
    expect_error(LocalName::take("m", some_locator()), Errc::timed_out, ".lock");
    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(8));
    child.kill();
    EXPECT_TRUE(LocalName::take("m", some_locator()));
  });
}

TEST_F(LocalNameTest, ManyProcessesThatTakeAndGiveUpLoseNothing) {
  apart([] {
    std::vector<std::unique_ptr<ForkedChild>> children;
    children.reserve(4);
    for (int i = 0; i < 4; ++i)
      children.push_back(std::make_unique<ForkedChild>([i](const ForkedChild::Parent&) {
        const std::string mine = "n" + std::to_string(i);
        for (int round = 0; round < 100; ++round) {
          const Locator locator = some_locator();
          const auto name = take(mine, locator);
          const auto common = take("common", locator);
          const auto found = find_local_name(mine);
          ASSERT_TRUE(found) << found.error().message();
          EXPECT_EQ(*found, locator);
        }
      }));
    for (const auto& child : children) EXPECT_EQ(child->wait(), 0);
    EXPECT_TRUE(names_in(shared).empty());
  });
}

TEST_F(LocalNameTest, TheDirectoryMayGoAndComeBackBetweenTwoProcesses) {
  apart([] {
    std::vector<std::unique_ptr<ForkedChild>> children;
    children.reserve(4);
    for (int i = 0; i < 4; ++i)
      children.push_back(std::make_unique<ForkedChild>([i](const ForkedChild::Parent&) {
        for (int round = 0; round < 500; ++round) {
          const auto taken = LocalName::take("n" + std::to_string(i), some_locator());
          ASSERT_TRUE(taken) << taken.error().message();
        }
      }));
    for (const auto& child : children) EXPECT_EQ(child->wait(), 0);
    EXPECT_TRUE(names_in(shared).empty());
  });
}

TEST(UserDirectoryName, IsReadBackAndIsNoOtherName) {
  EXPECT_EQ(user_of_directory_name(user_directory_name(0)), 0U);
  EXPECT_EQ(user_of_directory_name(user_directory_name(1000)), 1000U);
  for (const char* name : {"", "rgtp-", "rgtp-x", "rgtp-1x", "rgtp--1", "rgtp-4294967296", "1000",
                           "rgtp-01234567890123456789012345678901"})
    EXPECT_FALSE(user_of_directory_name(name)) << name;
}

}  // namespace
}  // namespace rgtp::shm
