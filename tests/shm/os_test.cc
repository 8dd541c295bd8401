#include "shm/os.h"

#include <atomic>
#include <cerrno>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "shm/file_bytes.h"

namespace rgtp::shm {
namespace {

namespace bip = boost::interprocess;

class MapFile : public testing::Test {
 protected:
  Descriptor file_of(std::uint64_t size) const {
    Descriptor file(::open(directory_.path().c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    EXPECT_EQ(::ftruncate(file.get(), static_cast<off_t>(size)), 0);
    EXPECT_EQ(::pwrite(file.get(), "x", 1, static_cast<off_t>(size - 1)), 1);
    return file;
  }
  // What is left behind each time is many after a while; a sanitizer's own few are not.
  static constexpr int often = 500;
  static constexpr std::size_t few = 100;
  static std::size_t mappings() {
    std::ifstream maps("/proc/self/maps");
    std::size_t lines = 0;
    for (std::string line; std::getline(maps, line);) ++lines;
    return lines;
  }

  const TemporaryDirectory directory_{"/dev/shm"};
};

TEST_F(MapFile, PlacesWhatMayHaveHugePagesAtTheirMultiplesAndLeavesNothingBeside) {
  for (const std::uint64_t size : {huge_page_bytes, huge_page_bytes + 1, 3 * huge_page_bytes - 4096}) {
    const Descriptor file = file_of(size);
    const std::size_t before = mappings();
    for (int i = 0; i < often; ++i) {
      bip::mapped_region mapping;
      ASSERT_EQ(map_file(file.get(), bip::read_only, size, mapping), 0);
      ASSERT_EQ(mapping.get_size(), size);
      ASSERT_EQ(reinterpret_cast<std::uintptr_t>(mapping.get_address()) % huge_page_bytes, 0U);
      ASSERT_EQ(bytes_of(mapping).back(), std::byte{'x'});
    }
    EXPECT_LT(mappings(), before + few);
  }
}

TEST_F(MapFile, IsSafeInManyThreadsAtOnce) {
  const Descriptor file = file_of(huge_page_bytes);
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) {
        bip::mapped_region mapping;
        const bool mapped = map_file(file.get(), bip::read_only, huge_page_bytes, mapping) == 0;
        if (!mapped || mapping.get_size() != huge_page_bytes || bytes_of(mapping).back() != std::byte{'x'})
          ++wrong;
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(MapFile, WhatCannotBeMappedIsAnErrorAndLeavesNothing) {
  const Descriptor file = file_of(huge_page_bytes);
  const std::size_t before = mappings();
  bip::mapped_region mapping;
  const Descriptor reader(::open(proc_name(file.get()).c_str(), O_RDONLY | O_CLOEXEC));
  for (int i = 0; i < often; ++i) {
    ASSERT_EQ(map_file(-1, bip::read_only, huge_page_bytes, mapping), EBADF);
    ASSERT_EQ(map_file(reader.get(), bip::read_write, huge_page_bytes, mapping), EACCES);
  }
  EXPECT_EQ(mapping.get_size(), 0U);
  EXPECT_LT(mappings(), before + few);
}

}  // namespace
}  // namespace rgtp::shm
