#include "shm/waiter.h"

#include <array>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "support/forked_child.h"
#include "support/loop_thread.h"

namespace rgtp::shm {
namespace {

using namespace std::chrono_literals;
using test::comes_true;

// A word with what a test knows of its looks.
struct Watched {
  std::shared_ptr<FutexWord> word = std::make_shared<FutexWord>(0);
  std::atomic<int> looks{0};
  std::atomic<std::uint32_t> seen{0};
  std::unique_ptr<Waiter::Ticket> ticket;

  void change() const {
    ++*word;
    futex_wake_all(*word);
  }
};

class WaiterTest : public testing::Test {
 protected:
  void SetUp() override {
    loop_.run([&] { waiter_ = std::make_unique<Waiter>(*loop_); });
  }
  void TearDown() override {
    loop_.run([&] {
      watched_.clear();
      waiter_.reset();
    });
  }

  Watched& watch() {
    watched_.push_back(std::make_unique<Watched>());
    Watched& watched = *watched_.back();
    loop_.run([&] { take_ticket(watched); });
    return watched;
  }
  // On the loop.
  void take_ticket(Watched& watched) {
    watched.ticket = waiter_
                         ->wait_for(*watched.word, watched.word, 0,
                                    [&watched] {
                                      ++watched.looks;
                                      return watched.seen = watched.word->load();
                                    })
                         .value();
  }
  void drop(Watched& watched) {
    loop_.run([&] { watched.ticket.reset(); });
  }
  // How long until the change is seen.
  static Duration time_of_change(Watched& watched) {
    const auto begun = std::chrono::steady_clock::now();
    watched.change();
    EXPECT_TRUE(comes_true([&] { return watched.seen == watched.word->load(); }));
    return std::chrono::steady_clock::now() - begun;
  }

  test::LoopThread loop_;
  std::unique_ptr<Waiter> waiter_;
  std::vector<std::unique_ptr<Watched>> watched_;
};

TEST_F(WaiterTest, SeesEachChangeLongBeforeTheNextLook) {
  Watched& watched = watch();
  Duration all{0};
  constexpr int changes = 20;
  for (int i = 0; i < changes; ++i) all += time_of_change(watched);
  EXPECT_LT(all, changes * Waiter::look_interval / 4);
}

TEST_F(WaiterTest, SeesAChangeFromBeforeItWasAsked) {
  watched_.push_back(std::make_unique<Watched>());
  Watched& watched = *watched_.back();
  *watched.word = 5;
  loop_.run([&] { take_ticket(watched); });
  EXPECT_TRUE(comes_true([&] { return watched.seen == 5U; }));
}

TEST_F(WaiterTest, LooksFromTimeToTimeThoughNothingChanges) {
  const Watched& watched = watch();
  EXPECT_TRUE(comes_true([&] { return watched.looks >= 3; }));
  // And not all the time.
  const int before = watched.looks;
  std::this_thread::sleep_for(2 * Waiter::look_interval);
  EXPECT_LE(watched.looks - before, 5);
}

TEST_F(WaiterTest, SeesAChangeThatWokeNobody) {
  Watched& watched = watch();
  std::this_thread::sleep_for(50ms);
  ++*watched.word;
  EXPECT_TRUE(comes_true([&] { return watched.seen == 1U; }, 4 * Waiter::look_interval));
}

TEST_F(WaiterTest, SeesAChangeThoughItsWaitWasMovedToAnotherWord) {
  Watched& watched = watch();
  FutexWord elsewhere{0};
  const auto requeue = [&] {
    return syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(watched.word.get()), FUTEX_CMP_REQUEUE, 0, 10,
                   reinterpret_cast<std::uint32_t*>(&elsewhere), watched.word->load());
  };
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(comes_true([&] { return requeue() > 0; }, 1s)) << "nobody waited";
    EXPECT_LT(time_of_change(watched), 4 * Waiter::look_interval);
  }
}

TEST_F(WaiterTest, TellsOnlyUntilTheTicketGoes) {
  Watched& watched = watch();
  time_of_change(watched);
  drop(watched);
  const int looks = watched.looks;
  watched.change();
  std::this_thread::sleep_for(3 * Waiter::look_interval / 2);
  EXPECT_EQ(watched.looks, looks);
}

TEST_F(WaiterTest, KeepsTheMemoryNoLongerThanTheTicketAndAWait) {
  std::weak_ptr<FutexWord> memory;
  std::unique_ptr<Waiter::Ticket> ticket;
  loop_.run([&] {
    const auto word = std::make_shared<FutexWord>(0);
    memory = word;
    ticket = waiter_->wait_for(*word, word, 0, [] { return 0U; }).value();
  });
  std::this_thread::sleep_for(20ms);
  EXPECT_FALSE(memory.expired());
  loop_.run([&] { ticket.reset(); });
  EXPECT_TRUE(comes_true([&] { return memory.expired(); }, 4 * Waiter::look_interval));
}

TEST_F(WaiterTest, SeesChangesOfMoreWordsThanOneWaitTakes) {
  constexpr std::size_t words = 3 * max_futex_waits;
  for (std::size_t i = 0; i < words; ++i) watch();
  for (const std::size_t i :
       {std::size_t{0}, max_futex_waits - 2, max_futex_waits - 1, max_futex_waits, words - 1})
    EXPECT_LT(time_of_change(*watched_[i]), 1s) << i;
  // Fewer again.
  while (watched_.size() > 10) {
    drop(*watched_.back());
    watched_.pop_back();
  }
  EXPECT_LT(time_of_change(*watched_[9]), 1s);
}

TEST_F(WaiterTest, ATicketMayGoInsideItsOwnLook) {
  watched_.push_back(std::make_unique<Watched>());
  Watched& watched = *watched_.back();
  const auto alive = std::make_shared<int>(5);
  loop_.run([&] {
    watched.ticket = waiter_
                         ->wait_for(*watched.word, watched.word, 0,
                                    [&watched, alive] {
                                      ++watched.looks;
                                      watched.ticket.reset();
                                      return static_cast<std::uint32_t>(*alive);  // it is still there
                                    })
                         .value();
  });
  watched.change();
  EXPECT_TRUE(comes_true([&] { return watched.looks == 1; }));
  watched.change();
  std::this_thread::sleep_for(3 * Waiter::look_interval / 2);
  EXPECT_EQ(watched.looks, 1);
  EXPECT_EQ(alive.use_count(), 1);
}

TEST_F(WaiterTest, ATicketMayGoInsideAnothersLook) {
  watch();
  watch();
  Watched& third = watch();
  std::atomic<int> looks{0};
  watched_.insert(watched_.begin(), std::make_unique<Watched>());
  Watched& first = *watched_.front();
  loop_.run([&] {
    first.ticket = waiter_
                       ->wait_for(*first.word, first.word, 0,
                                  [&] {
                                    ++looks;
                                    for (const auto& watched : watched_)
                                      if (watched.get() != &third) watched->ticket.reset();
                                    return 1U;
                                  })
                       .value();
  });
  first.change();
  EXPECT_TRUE(comes_true([&] { return looks == 1; }));
  EXPECT_LT(time_of_change(third), 1s);
  EXPECT_EQ(looks, 1);
}

TEST_F(WaiterTest, ATicketMayBeTakenInsideALook) {
  watched_.push_back(std::make_unique<Watched>());
  watched_.push_back(std::make_unique<Watched>());
  Watched& first = *watched_[0];
  Watched& second = *watched_[1];
  loop_.run([&] {
    first.ticket = waiter_
                       ->wait_for(*first.word, first.word, 0,
                                  [&] {
                                    if (second.ticket == nullptr) take_ticket(second);
                                    return first.word->load();
                                  })
                       .value();
  });
  first.change();
  EXPECT_TRUE(comes_true([&] { return loop_.run([&] { return second.ticket != nullptr; }); }));
  EXPECT_LT(time_of_change(second), 1s);
}

TEST_F(WaiterTest, ManyTicketsComeAndGoWhileWordsChange) {
  std::array<Watched, 8> words;
  std::atomic<bool> stop{false};
  std::vector<std::thread> changing;
  for (std::size_t t = 0; t < 2; ++t)
    changing.emplace_back([&, t] {
      for (std::size_t i = t; !stop; ++i) {
        words[i % words.size()].change();
        std::this_thread::sleep_for(20us);
      }
    });
  for (int round = 0; round < 300; ++round) {
    Watched& watched = words[static_cast<std::size_t>(round) % words.size()];
    loop_.run([&] {
      if (watched.ticket != nullptr)
        watched.ticket.reset();
      else
        take_ticket(watched);
    });
  }
  stop = true;
  for (std::thread& thread : changing) thread.join();
  for (Watched& watched : words) {
    loop_.run([&] {
      if (watched.ticket == nullptr) take_ticket(watched);
    });
    time_of_change(watched);
    drop(watched);
  }
}

TEST_F(WaiterTest, MayGoWhileALookIsOnItsWay) {
  for (int round = 0; round < 50; ++round) {
    Watched watched;
    loop_.run([&] {
      waiter_ = std::make_unique<Waiter>(*loop_);
      take_ticket(watched);
    });
    std::thread changing([&] { watched.change(); });
    loop_.run([&] {
      // Long enough that the look is posted behind this.
      std::this_thread::sleep_for(std::chrono::microseconds(round * 20));
      watched.ticket.reset();
      waiter_.reset();
    });
    changing.join();
  }
  loop_.run([&] { waiter_ = std::make_unique<Waiter>(*loop_); });
  EXPECT_LT(time_of_change(watch()), 1s);
}

TEST(WaiterAlone, StartsNoThreadBeforeItIsNeeded) {
  const test::LoopThread loop;
  const auto threads = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/task"), {});
  };
  const auto before = threads();
  auto waiter = loop.run([&] { return std::make_unique<Waiter>(*loop); });
  EXPECT_EQ(threads(), before);
  loop.run([&] { waiter.reset(); });
}

}  // namespace
}  // namespace rgtp::shm
