// Whatever the transport: how pulls end, and that handles may be destroyed at any moment, from any thread.
#include <atomic>
#include <random>
#include <thread>

#include "conformance/fixture.h"

namespace rgtp::test {
namespace {

using namespace std::chrono_literals;

TEST_P(Conformance, AnUnknownIdIsUnknownSurface) {
  const Surface surface = expose(pattern(1000));
  Pull p = puller_->pull(GetParam().unknown(surface.locator()));
  EXPECT_EQ(p.complete().get().error().code, Errc::unknown_surface);
  EXPECT_EQ(p.transport(), "");
}

TEST_P(Conformance, ALocatorOfAnotherKindHasNoRoute) {
  Pull p = puller_->pull(Locator::parse("rgtp+elsewhere://x").value());
  EXPECT_EQ(p.complete().get().error().code, Errc::no_route);
}

TEST_P(Conformance, ARouteWithoutSuchATransportHasNoRoute) {
  const Surface surface = expose(pattern(1000));
  Pull p = pull(surface, {.route = Route::only("pigeon")});
  EXPECT_EQ(p.complete().get().error().code, Errc::no_route);
  EXPECT_EQ(exposer_->expose(Source::bytes(pattern(10)), {.route = Route::only("pigeon")}).get().error().code,
            Errc::no_route);
}

TEST_P(Conformance, PullingAfterAWithdrawalIsAnError) {
  std::optional<Surface> surface = expose(pattern(1000));
  const Locator locator = surface->locator();
  surface.reset();
  const Surface other = expose(pattern(1));  // behind it on the loop: the withdrawal has happened
  Pull p = puller_->pull(locator);
  const auto code = p.complete().get().error().code;
  EXPECT_TRUE(code == Errc::withdrawn || code == Errc::unknown_surface) << to_string(code);
}

TEST_P(Conformance, AWithdrawalEndsPullsUnderWayAndKeepsWhatWasGivenOut) {
  const auto bytes = pattern(1000 * chunk_bytes);
  std::optional<Surface> surface = expose(bytes);
  // A consumer that waits holds the pull in the middle.
  Pull p = pull(*surface, {.order = Order::content, .window_bytes = 4 * chunk_bytes});
  const auto first = p.next().get();
  ASSERT_TRUE(first && *first);
  surface.reset();
  if (GetParam().gives_memory || GetParam().reads_memory)
    GTEST_SKIP() << "such pulls have the whole surface already";
  while (true) {
    const auto chunk = p.next().get();
    if (!chunk) {
      EXPECT_EQ(chunk.error().code, Errc::withdrawn);
      break;
    }
    ASSERT_TRUE(*chunk) << "the surface cannot have come whole";
  }
  EXPECT_TRUE(same_bytes((*first)->bytes(), std::span(bytes).first(chunk_bytes)));
}

TEST_P(Conformance, TwoExposersAndTwoPullersInOneProcessDoNotMixUp) {
  Exposer other = Exposer::open({.transports = exposer_transports_}).value();
  Puller another = Puller::open({.transports = puller_transports_}).value();
  const auto a = pattern(100'000, 1);
  const auto b = pattern(120'000, 2);
  const Surface surface_a = expose(a);
  const Surface surface_b = other.expose(Source::bytes(b)).get().value();
  std::vector<Pull> pulls;
  for (Puller* puller : {&*puller_, &another})
    for (const Surface* surface : {&surface_a, &surface_b}) pulls.push_back(puller->pull(surface->locator()));
  for (std::size_t i = 0; i < pulls.size(); ++i)
    EXPECT_TRUE(same_bytes(pulls[i].complete().get().value().bytes(), i % 2 == 0 ? a : b)) << i;
}

TEST_P(Conformance, ManyPullsAtOnceAllArrive) {
  const auto bytes = pattern(200'000);
  const Surface surface = expose(bytes);
  std::vector<Pull> pulls;
  pulls.reserve(32);
  for (int i = 0; i < 32; ++i) pulls.push_back(pull(surface));
  for (Pull& p : pulls) EXPECT_TRUE(same_bytes(p.complete().get().value().bytes(), bytes));
}

TEST_P(Conformance, ACallbackGetsTheResultOnAnotherThreadExactlyOnce) {
  const auto bytes = pattern(100'000);
  const Surface surface = expose(bytes);
  Pull p = pull(surface);
  std::atomic<int> calls = 0;
  std::atomic<bool> right = false;
  const auto here = std::this_thread::get_id();
  ASSERT_TRUE(p.complete().then([&](Result<View> view) {
    right = view && same_bytes(view->bytes(), bytes) && std::this_thread::get_id() != here;
    ++calls;
  }));
  for (int i = 0; i < 500 && calls == 0; ++i) std::this_thread::sleep_for(10ms);
  EXPECT_EQ(calls, 1);
  EXPECT_TRUE(right);
}

TEST_P(Conformance, DestroyingAPullCancelsItsPendings) {
  std::optional<Surface> surface = expose(pattern(100'000));
  std::optional<Pull> p = pull(*surface, {.order = Order::content, .window_bytes = 2 * chunk_bytes});
  (void)p->next().get();
  auto next = p->next();
  p.reset();
  EXPECT_EQ(next.get().error().code, Errc::cancelled);
}

TEST_P(Conformance, DestroyingAPullInItsOwnCallbackIsAllowed) {
  const Surface surface = expose(pattern(100'000));
  auto p = std::make_shared<std::optional<Pull>>(pull(surface));
  std::atomic<bool> done = false;
  ASSERT_TRUE((*p)->complete().then([&, p](const Result<View>&) {
    p->reset();
    done = true;
  }));
  p.reset();
  for (int i = 0; i < 500 && !done; ++i) std::this_thread::sleep_for(10ms);
  EXPECT_TRUE(done);
}

TEST_P(Conformance, DestroyingAPullInItsProgressCallbackIsAllowed) {
  const Surface surface = expose(pattern(100'000));
  auto p = std::make_shared<std::optional<Pull>>();
  std::atomic<bool> started = false;
  std::atomic<int> calls = 0;
  PullOptions options;
  options.on_progress = [&, p](const Progress&) {
    while (!started) std::this_thread::yield();
    ++calls;
    p->reset();
  };
  p->emplace(pull(surface, options));
  started = true;
  for (int i = 0; i < 500 && calls == 0; ++i) std::this_thread::sleep_for(10ms);
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(calls, 1);
}

TEST_P(Conformance, NoCallbackRunsAfterThePullIsDestroyed) {
  const Surface surface = expose(pattern(500'000));
  for (int round = 0; round < 30; ++round) {
    auto calls = std::make_shared<std::atomic<int>>(0);
    PullOptions options;
    options.on_progress = [calls](const Progress&) { ++*calls; };
    std::optional<Pull> p = pull(surface, options);
    (void)p->complete().then([calls](const Result<View>&) { ++*calls; });
    std::this_thread::sleep_for(std::chrono::microseconds(100 * round));
    p.reset();
    const int then = *calls;
    std::this_thread::sleep_for(1ms);
    EXPECT_EQ(*calls, then);
  }
}

TEST_P(Conformance, HandlesMayBeDestroyedAtAnyMomentInAnyOrder) {
  std::mt19937 random(7);
  for (int round = 0; round < 40; ++round) {
    std::optional<Exposer> exposer = Exposer::open({.transports = exposer_transports_}).value();
    std::optional<Puller> puller = Puller::open({.transports = puller_transports_}).value();
    std::optional<Surface> surface = exposer->expose(Source::bytes(pattern(300'000))).get().value();
    std::optional<Pull> p = puller->pull(surface->locator());
    std::optional<Pending<View>> pending = p->complete();
    std::array<std::function<void()>, 5> ends = {[&] { exposer.reset(); }, [&] { puller.reset(); },
                                                 [&] { surface.reset(); }, [&] { p.reset(); },
                                                 [&] { pending.reset(); }};
    std::shuffle(ends.begin(), ends.end(), random);
    for (const auto& end : ends) {
      std::this_thread::sleep_for(std::chrono::microseconds(random() % 500));
      end();
    }
  }
}

TEST_P(Conformance, AnExposerMayGoWhileItStillTagsItsSource) {
  for (int round = 0; round < 40; ++round) {
    auto loop = EventLoop::spawn().value();
    const std::weak_ptr<EventLoop> watched = loop;
    std::optional<Exposer> exposer =
        Exposer::open({.loop = std::move(loop), .transports = exposer_transports_}).value();
    auto pending = exposer->expose(Source::bytes(pattern(1'000'000)));
    std::this_thread::sleep_for(std::chrono::microseconds(100 * round));
    exposer.reset();
    EXPECT_EQ(pending.get().error().code, Errc::cancelled);
    // Nothing but the handle held the loop: its thread is joined and uses nothing of the process any more.
    EXPECT_TRUE(watched.expired());
  }
}

// Counts the exposures that are alive.
class CountingTransport : public Transport {
 public:
  explicit CountingTransport(std::shared_ptr<Transport> inner) : inner_(std::move(inner)) {}

  std::string_view name() const override { return inner_->name(); }
  bool can_reach(const Locator& locator) const override { return inner_->can_reach(locator); }
  std::shared_ptr<void> attach(EventLoop& loop) override { return inner_->attach(loop); }
  Result<std::shared_ptr<Region>> allocate(const Manifest& manifest, const Offer& offer) override {
    return inner_->allocate(manifest, offer);
  }
  Result<std::unique_ptr<Exposure>> expose(std::shared_ptr<const Store> store, const Offer& offer,
                                           EventLoop& loop, std::shared_ptr<Observer> observer) override {
    auto exposure = inner_->expose(std::move(store), offer, loop, std::move(observer));
    if (!exposure) return exposure;
    auto counted = std::make_unique<Counted>(std::move(*exposure), alive_);
    ++*made_;  // whoever sees it made sees it alive
    return counted;
  }
  Result<std::unique_ptr<Fetch>> pull(const Locator& locator, Sink& sink, EventLoop& loop) override {
    return inner_->pull(locator, sink, loop);
  }
  int made() const { return *made_; }
  int alive() const { return *alive_; }

 private:
  class Counted : public Exposure {
   public:
    Counted(std::unique_ptr<Exposure> inner, std::shared_ptr<std::atomic<int>> alive)
        : inner_(std::move(inner)), alive_(std::move(alive)) {
      ++*alive_;
    }
    ~Counted() override { --*alive_; }
    Locator locator() const override { return inner_->locator(); }
    void on_growth() override { inner_->on_growth(); }

   private:
    std::unique_ptr<Exposure> inner_;
    std::shared_ptr<std::atomic<int>> alive_;
  };

  std::shared_ptr<Transport> inner_;
  std::shared_ptr<std::atomic<int>> made_ = std::make_shared<std::atomic<int>>(0);
  std::shared_ptr<std::atomic<int>> alive_ = std::make_shared<std::atomic<int>>(0);
};

TEST_P(Conformance, ASurfaceWhosePendingWasDroppedIsWithdrawn) {
  const auto counting = std::make_shared<CountingTransport>(exposer_transports_.front());
  Exposer exposer = Exposer::open({.transports = {counting}}).value();
  for (int i = 0; i < 5; ++i) (void)exposer.expose(Source::bytes(pattern(1000)));
  const Surface kept = exposer.expose(Source::bytes(pattern(1000))).get().value();
  for (int i = 0; i < 500 && (counting->made() < 6 || counting->alive() > 1); ++i)
    std::this_thread::sleep_for(10ms);
  EXPECT_EQ(counting->made(), 6);
  EXPECT_EQ(counting->alive(), 1);
}

TEST_P(Conformance, AnExposerThatGoesCancelsEveryResultThatNobodyTook) {
  std::optional<Exposer> exposer = Exposer::open({.transports = exposer_transports_}).value();
  auto first = exposer->expose(Source::bytes(pattern(1000)));
  auto failed = exposer->expose(Source::bytes(pattern(10)), {.chunk_bytes = 5000});
  // Jobs take turns: when the last one is done, the first two are.
  for (int i = 0; i < 3; ++i) (void)exposer->expose(Source::bytes(pattern(1000))).get();
  exposer.reset();
  EXPECT_EQ(first.get().error().code, Errc::cancelled);
  auto witness = std::make_shared<int>(0);
  EXPECT_EQ(failed.then([witness](const Result<Surface>&) { FAIL(); }).error().code, Errc::closed);
  EXPECT_EQ(witness.use_count(), 1);
}

TEST_P(Conformance, ACallbackThatHasNotBegunIsDestroyedBeforeItsExposerIsGone) {
  for (int round = 0; round < 20; ++round) {
    std::optional<Exposer> exposer = Exposer::open({.transports = exposer_transports_}).value();
    auto witness = std::make_shared<int>(0);
    auto first = exposer->expose(Source::bytes(pattern(1000)));
    (void)first.then([witness](const Result<Surface>&) {});
    auto second = exposer->expose(Source::bytes(pattern(1000)));
    std::this_thread::sleep_for(std::chrono::microseconds(50 * round));
    exposer.reset();
    EXPECT_EQ(witness.use_count(), 1);
  }
}

TEST_P(Conformance, HandlesMayShareALoop) {
  auto loop = EventLoop::spawn().value();
  {
    Exposer exposer = Exposer::open({.loop = loop, .transports = exposer_transports_}).value();
    Puller puller = Puller::open({.loop = loop, .transports = puller_transports_}).value();
    loop.reset();  // the handles keep it
    const auto bytes = pattern(300'000);
    const Surface surface = exposer.expose(Source::bytes(bytes)).get().value();
    Pull p = puller.pull(surface.locator());
    EXPECT_TRUE(same_bytes(p.complete().get().value().bytes(), bytes));
  }
}

}  // namespace
}  // namespace rgtp::test
