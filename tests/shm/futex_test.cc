#include "shm/futex.h"

#include <array>
#include <chrono>
#include <new>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shm/file_bytes.h"
#include "shm/os_faults.h"
#include "support/forked_child.h"

namespace rgtp::shm {
namespace {

using namespace std::chrono_literals;
using test::ForkedChild;

// A page of a file, as an exposer and as a puller map it.
class SharedPage {
 public:
  SharedPage() : fd_(::open((directory_ / "page").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    EXPECT_EQ(::ftruncate(fd_, 4096), 0);
    writable_ = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
    readable_ = ::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, fd_, 0);
    EXPECT_TRUE(writable_ != MAP_FAILED && readable_ != MAP_FAILED);
  }
  SharedPage(const SharedPage&) = delete;
  SharedPage& operator=(const SharedPage&) = delete;
  ~SharedPage() {
    ::munmap(writable_, 4096);
    ::munmap(readable_, 4096);
    ::close(fd_);
  }

  FutexWord& word(std::size_t index = 0) const { return static_cast<FutexWord*>(writable_)[index]; }
  const FutexWord& seen_word(std::size_t index = 0) const {
    return static_cast<const FutexWord*>(readable_)[index];
  }
  void cut() const { EXPECT_EQ(::ftruncate(fd_, 0), 0); }

 private:
  const TemporaryDirectory directory_{"/dev/shm"};
  const int fd_;
  void* writable_ = nullptr;
  void* readable_ = nullptr;
};

// How long it takes.
Duration wait_any(std::span<const FutexWait> waits, Duration timeout) {
  const auto begun = std::chrono::steady_clock::now();
  futex_wait_any(waits, timeout);
  return std::chrono::steady_clock::now() - begun;
}

// Until the word differs: a wait may return for nothing.
Duration wait_for_change(const FutexWord& word, std::uint32_t seen, Duration patience) {
  const auto begun = std::chrono::steady_clock::now();
  Duration waited{0};
  while (word.load() == seen && waited < patience) {
    const std::array waits = {FutexWait{&word, seen}};
    futex_wait_any(waits, patience - waited);
    waited = std::chrono::steady_clock::now() - begun;
  }
  return waited;
}

void expect_wakes_across_processes(const SharedPage& page) {
  ForkedChild child([&](const ForkedChild::Parent&) {
    ::usleep(100'000);
    ++page.word();
    futex_wake_all(page.word());
  });
  EXPECT_LT(wait_for_change(page.seen_word(), 0, 10s), 5s);
  EXPECT_EQ(page.seen_word(), 1U);
  EXPECT_EQ(child.wait(), 0);
}

TEST(Futex, WakesAnotherProcessThatOnlyReadsTheWord) {
  const SharedPage page;
  expect_wakes_across_processes(page);
}

TEST(Futex, WakesAllThatWait) {
  const SharedPage page;
  std::vector<std::unique_ptr<ForkedChild>> waiting;
  for (int i = 0; i < 4; ++i)
    waiting.push_back(std::make_unique<ForkedChild>([&](const ForkedChild::Parent& parent) {
      parent.tell("");
      EXPECT_LT(wait_for_change(page.seen_word(), 0, 10s), 5s);
    }));
  for (const auto& child : waiting) ASSERT_TRUE(child->read_line());
  ::usleep(50'000);
  ++page.word();
  futex_wake_all(page.word());
  for (const auto& child : waiting) EXPECT_EQ(child->wait(), 0);
}

TEST(Futex, ReturnsAtOnceWhereTheWordIsAnotherAlready) {
  const SharedPage page;
  page.word() = 7;
  const std::array waits = {FutexWait{&page.seen_word(), 6}};
  EXPECT_LT(wait_any(waits, 10s), 1s);
}

TEST(Futex, EndsWhenTheTimeIsOver) {
  const SharedPage page;
  const std::array waits = {FutexWait{&page.seen_word(), 0}};
  const Duration waited = wait_any(waits, 100ms);
  EXPECT_GE(waited, 90ms);
  EXPECT_LT(waited, 2s);
}

TEST(Futex, WaitsForAsManyWordsAsItSays) {
  const SharedPage page;
  std::vector<FutexWait> waits;
  for (std::size_t i = 0; i < max_futex_waits; ++i) waits.push_back({&page.seen_word(i), 0});
  EXPECT_GE(wait_any(waits, 50ms), 45ms);
  for (const std::size_t changed : {std::size_t{0}, std::size_t{64}, max_futex_waits - 1}) {
    ForkedChild child([&](const ForkedChild::Parent&) {
      ::usleep(50'000);
      ++page.word(changed);
      futex_wake_all(page.word(changed));
    });
    EXPECT_LT(wait_any(waits, 10s), 5s) << changed;
    EXPECT_EQ(child.wait(), 0);
    waits[changed].seen = page.word(changed);
  }
}

TEST(Futex, MemoryThatIsGoneEndsTheWaitAndIsNoSignal) {
  const SharedPage page;
  page.cut();
  const std::array waits = {FutexWait{&page.seen_word(), 0}};
  EXPECT_LT(wait_any(waits, 10s), 1s);
}

TEST(Futex, ReturnsNowAndThenWhereTheCallIsLackingOrFiltered) {
  for (const int refusal : {ENOSYS, EPERM}) {
    ForkedChild child([refusal](const ForkedChild::Parent&) {
      constexpr long futex_waitv_number = 449;
      const SharedPage page;
      (void)on_a_thread_refused({{futex_waitv_number, refusal}}, [&] {
        const std::array waits = {FutexWait{&page.seen_word(), 0}};
        Duration waited{};
        for (int i = 0; i < 10; ++i) waited += wait_any(waits, 10s);
        EXPECT_GE(waited, 10 * 4ms);  // it does not spin
        EXPECT_LT(waited, 2s);
      });
    });
    EXPECT_EQ(child.wait(), 0);
  }
}

}  // namespace
}  // namespace rgtp::shm
