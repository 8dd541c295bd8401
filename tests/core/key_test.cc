// What keeps a key's bytes to this process, as the kernel and a forked child see it.
#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>
#include <span>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <sys/prctl.h>

#include <rgtp/key.h>

#include "support/forked_child.h"
#include "support/pattern.h"

namespace rgtp {
namespace {

using test::ForkedChild;

constexpr auto no_bytes = std::array<std::byte, Key::size>{};

std::array<std::byte, Key::size> some_bytes(std::uint64_t seed = 1) {
  std::array<std::byte, Key::size> bytes{};
  test::fill_pattern(bytes, 0, seed);
  return bytes;
}

bool are_zeros(std::span<const std::byte> bytes) {
  return std::ranges::all_of(bytes, [](std::byte byte) { return byte == std::byte{0}; });
}

// What the kernel says of the mapping that holds this byte: its VmFlags in smaps (proc(5)).
std::set<std::string> flags_of_mapping_at(const std::byte* byte) {
  const auto address = reinterpret_cast<std::uintptr_t>(byte);
  std::ifstream smaps("/proc/self/smaps");
  bool is_here = false;
  for (std::string line; std::getline(smaps, line);) {
    std::istringstream words(line);
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    char dash = ' ';
    if (words >> std::hex >> begin >> dash >> end && dash == '-')
      is_here = begin <= address && address < end;
    else if (is_here && line.starts_with("VmFlags:")) {
      std::istringstream flags(line.substr(line.find(':') + 1));
      return {std::istream_iterator<std::string>(flags), {}};
    }
  }
  return {};
}

TEST(Key, HoldsACopyOfTheBytesThatItIsMadeOf) {
  auto bytes = some_bytes();
  const Key key(bytes);
  EXPECT_NE(key.bytes().data(), bytes.data());
  wipe(bytes);
  EXPECT_TRUE(are_zeros(bytes));
  EXPECT_TRUE(std::ranges::equal(key.bytes(), some_bytes()));
}

TEST(Key, SharesItsBytesWithItsCopies) {
  const Key key(some_bytes());
  const Key copy = key;
  Key assigned = Key::random();
  assigned = key;
  Key moved_from = key;
  const Key moved = std::move(moved_from);
  for (const Key* const other : {&copy, &std::as_const(assigned), &moved}) {
    EXPECT_EQ(other->bytes().data(), key.bytes().data());
    EXPECT_TRUE(*other == key);
  }
}

TEST(Key, EqualsAnotherOfTheSameBytesAlone) {
  const Key key(some_bytes());
  auto bytes = some_bytes();
  EXPECT_NE(Key(bytes).bytes().data(), key.bytes().data());
  EXPECT_TRUE(Key(bytes) == key);
  for (std::byte& byte : bytes) {
    byte ^= std::byte{0x40};
    EXPECT_FALSE(Key(bytes) == key);
    byte ^= std::byte{0x40};
  }
}

TEST(Key, IsAnotherEachTimeItIsDrawn) {
  std::set<std::vector<std::byte>> drawn;
  for (int i = 0; i < 100; ++i) {
    const Key key = Key::random();
    drawn.emplace(key.bytes().begin(), key.bytes().end());
  }
  EXPECT_EQ(drawn.size(), 100U);
}

// A page holds 128 of them.
TEST(Key, StandsInMemoryThatNoCoreDumpAndNoChildGetsHoweverManyThereAre) {
  std::vector<Key> keys;
  std::set<const std::byte*> places;
  std::set<std::uintptr_t> pages;
  for (std::uint64_t i = 0; i < 300; ++i) {
    keys.emplace_back(some_bytes(i));
    const std::byte* const place = keys.back().bytes().data();
    places.insert(place);
    if (!pages.insert(reinterpret_cast<std::uintptr_t>(place) / 4096).second) continue;
    const auto flags = flags_of_mapping_at(place);
    EXPECT_TRUE(flags.contains("dd")) << "key " << i << " is dumped";
    EXPECT_TRUE(flags.contains("wf")) << "a child keeps key " << i;
  }
  EXPECT_EQ(places.size(), 300U);
  EXPECT_GE(pages.size(), 3U);
  for (std::uint64_t i = 0; i < 300; ++i) EXPECT_TRUE(keys[i] == Key(some_bytes(i))) << i;
}

TEST(Key, IsZerosInAForkedChild) {
  const Key key(some_bytes());
  const Key copy = key;
  ForkedChild child([&](const ForkedChild::Parent&) {
    EXPECT_TRUE(are_zeros(key.bytes()));
    EXPECT_TRUE(are_zeros(copy.bytes()));
    EXPECT_TRUE(key == Key(no_bytes));
  });
  EXPECT_EQ(child.wait(), 0);
  EXPECT_TRUE(std::ranges::equal(key.bytes(), some_bytes()));
}

// Whose memory of keys is another than its parent's, which may have been locked at that moment. By itself in
// a process this test has no descriptor yet: what tells a child from its parent must not wait for one.
TEST(Key, GivesAChildOfTheProcessKeysOfItsOwn) {
  std::optional<Key> of_parent(some_bytes());
  ForkedChild child([&](const ForkedChild::Parent&) {
    const std::byte* const place = of_parent->bytes().data();
    const Key own(some_bytes(2));
    EXPECT_TRUE(std::ranges::equal(own.bytes(), some_bytes(2)));
    // The place of what the parent had is nobody's here.
    of_parent.reset();
    std::vector<Key> more;
    for (std::uint64_t i = 0; i < 200; ++i) {
      more.emplace_back(some_bytes(i));
      EXPECT_NE(more.back().bytes().data(), place);
    }
    EXPECT_TRUE(std::ranges::equal(own.bytes(), some_bytes(2)));
  });
  EXPECT_EQ(child.wait(), 0);
  EXPECT_TRUE(std::ranges::equal(of_parent->bytes(), some_bytes()));
}

// The page stays mapped, so what is left of a key can be read.
TEST(Key, IsWipedWhenItsLastCopyGoes) {
  std::optional<Key> key(some_bytes());
  const std::span<const std::byte, Key::size> place = key->bytes();
  std::optional<Key> copy = key;
  key.reset();
  EXPECT_TRUE(std::ranges::equal(place, some_bytes()));
  copy.reset();
  EXPECT_TRUE(are_zeros(place));
}

TEST(Key, IsWipedWhenAnotherTakesItsPlace) {
  Key key(some_bytes());
  const std::span<const std::byte, Key::size> place = key.bytes();
  key = Key(some_bytes(2));
  EXPECT_TRUE(are_zeros(place));
  EXPECT_TRUE(std::ranges::equal(key.bytes(), some_bytes(2)));
}

TEST(Wipe, ZeroesExactlyTheBytesItIsGiven) {
  auto bytes = test::pattern(64);
  const auto before = bytes;
  wipe(std::span(bytes).subspan(7, 40));
  EXPECT_TRUE(std::ranges::equal(std::span(bytes).first(7), std::span(before).first(7)));
  EXPECT_TRUE(are_zeros(std::span(bytes).subspan(7, 40)));
  EXPECT_TRUE(std::ranges::equal(std::span(bytes).subspan(47), std::span(before).subspan(47)));
  wipe(std::span<std::byte>());
}

// The short ones are inside the string itself. What was cut off stands in the buffer still.
TEST(Wipe, ZeroesAStringsWholeBufferAndLeavesItEmpty) {
  for (const std::size_t length : {0U, 1U, 15U, 16U, 100U, 5000U}) {
    for (const std::size_t left : {length, length / 2, std::size_t{0}}) {
      std::string text(length, 's');
      text.resize(left);
      const char* const buffer = text.data();
      const std::size_t capacity = text.capacity();
      wipe(text);
      EXPECT_TRUE(text.empty());
      ASSERT_EQ(text.data(), buffer);
      EXPECT_EQ(std::count(buffer, buffer + capacity, '\0'), static_cast<std::ptrdiff_t>(capacity))
          << length << " cut to " << left;
    }
  }
}

// In a child, since there is no way back for whoever debugs the tests.
TEST(KeepOutOfDumps, HasTheKernelTakeTheProcessForUndumpable) {
  const int before = ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
  ForkedChild child([](const ForkedChild::Parent&) {
    ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    const auto kept = keep_out_of_dumps();
    EXPECT_TRUE(kept);
    EXPECT_EQ(::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
  });
  EXPECT_EQ(child.wait(), 0);
  EXPECT_EQ(::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), before);
}

}  // namespace
}  // namespace rgtp
