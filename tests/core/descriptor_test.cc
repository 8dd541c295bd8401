#include "core/descriptor.h"

#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "support/forked_child.h"

namespace rgtp::core {
namespace {

using test::ForkedChild;

int open_null() { return ::open("/dev/null", O_RDWR | O_CLOEXEC); }
bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

TEST(DescriptorTest, IsClosedWithItsOwner) {
  int fd = -1;
  {
    const Descriptor descriptor(open_null());
    fd = descriptor.get();
    ASSERT_TRUE(descriptor);
    EXPECT_TRUE(is_open(fd));
  }
  EXPECT_FALSE(is_open(fd));
}

TEST(DescriptorTest, MayBeNone) {
  Descriptor none;
  EXPECT_FALSE(none);
  none.reset();
  EXPECT_EQ(none.get(), -1);
}

TEST(DescriptorTest, MovesAndIsClosedOnce) {
  Descriptor first(open_null());
  const int fd = first.get();
  Descriptor second(std::move(first));
  EXPECT_EQ(second.get(), fd);
  Descriptor third;
  third = std::move(second);
  EXPECT_EQ(third.get(), fd);
  EXPECT_TRUE(is_open(fd));
  third.reset();
  EXPECT_FALSE(third);
  EXPECT_FALSE(is_open(fd));
}

TEST(DescriptorTest, IsClosedInAForkedChild) {
  const Descriptor descriptor(open_null());
  // Enough of them to need more than one word of bits.
  std::vector<Descriptor> more;
  for (int i = 0; i < 150; ++i) more.emplace_back(open_null());
  ForkedChild child([&](const ForkedChild::Parent&) {
    EXPECT_FALSE(is_open(descriptor.get()));
    EXPECT_FALSE(descriptor.is_of_this_process());
    for (const Descriptor& other : more) EXPECT_FALSE(is_open(other.get()));
  });
  EXPECT_EQ(child.wait(), 0);
  EXPECT_TRUE(is_open(descriptor.get()));
  EXPECT_TRUE(descriptor.is_of_this_process());
}

TEST(DescriptorTest, OneThatWasLetGoIsNotClosedInAForkedChild) {
  int fd = -1;
  {
    const Descriptor descriptor(open_null());
    fd = descriptor.get();
  }
  // The number is somebody else's now.
  ASSERT_EQ(::dup2(STDERR_FILENO, fd), fd);
  ForkedChild child([&](const ForkedChild::Parent&) { EXPECT_TRUE(is_open(fd)); });
  EXPECT_EQ(child.wait(), 0);
  ::close(fd);
}

TEST(DescriptorTest, StaysOpenInAForkedChildWhereThatIsAskedFor) {
  const Descriptor descriptor(open_null());
  keep_in_children(descriptor.get());
  ForkedChild child([&](const ForkedChild::Parent&) { EXPECT_TRUE(is_open(descriptor.get())); });
  EXPECT_EQ(child.wait(), 0);
  const int plain = open_null();
  close_in_children(plain);
  ForkedChild second([&](const ForkedChild::Parent&) { EXPECT_FALSE(is_open(plain)); });
  EXPECT_EQ(second.wait(), 0);
  keep_in_children(plain);
  ::close(plain);
}

TEST(DescriptorTest, OfAParentDoesNotCloseWhatTheChildOpenedUnderItsNumber) {
  Descriptor descriptor(open_null());
  ForkedChild child([&](const ForkedChild::Parent&) {
    ASSERT_EQ(::dup2(STDERR_FILENO, descriptor.get()), descriptor.get());
    const int fd = descriptor.get();
    descriptor.reset();
    EXPECT_TRUE(is_open(fd));
    Descriptor moved(std::move(descriptor));
    moved.reset();
    EXPECT_TRUE(is_open(fd));
  });
  EXPECT_EQ(child.wait(), 0);
}

TEST(DescriptorTest, OfAChildIsItsOwnAndClosedInItsChildren) {
  Descriptor descriptor(open_null());
  const unsigned generation = process_generation();
  ForkedChild child([&](const ForkedChild::Parent&) {
    EXPECT_NE(process_generation(), generation);
    descriptor = Descriptor(open_null());
    EXPECT_TRUE(descriptor.is_of_this_process());
    EXPECT_TRUE(is_open(descriptor.get()));
    ForkedChild grandchild([&](const ForkedChild::Parent&) { EXPECT_FALSE(is_open(descriptor.get())); });
    EXPECT_EQ(grandchild.wait(), 0);
    const int fd = descriptor.get();
    descriptor.reset();
    EXPECT_FALSE(is_open(fd));
  });
  EXPECT_EQ(child.wait(), 0);
  EXPECT_EQ(process_generation(), generation);
  EXPECT_TRUE(is_open(descriptor.get()));
}

}  // namespace
}  // namespace rgtp::core
