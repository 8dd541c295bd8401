// Which transport a pull takes, and when it falls back to the next one.
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include <rgtp/rgtp.h>

#include "core/digest.h"
#include "support/pattern.h"
#include "support/surfaces.h"

namespace rgtp::test {
namespace {

// What a scripted transport does with a pull.
enum class Script {
  refuse_at_once,
  end_before_the_manifest,
  end_after_the_manifest,
  end_after_a_chunk,
  deliver
};

const std::vector<std::byte>& content() {
  static const auto bytes = pattern(3 * Manifest::min_chunk_bytes);
  return bytes;
}

class ScriptedFetch : public Fetch, public std::enable_shared_from_this<ScriptedFetch> {
 public:
  ScriptedFetch(Script script, Sink& sink, EventLoop& loop) : script_(script), sink_(&sink), loop_(loop) {}
  void start() {
    post([](ScriptedFetch& self) { self.begin(); });
  }
  void cancel() { sink_ = nullptr; }
  void want_changed() override {
    post([](ScriptedFetch& self) { self.go_on(); });
  }

 private:
  void post(void (*step)(ScriptedFetch&)) {
    (void)loop_.post([weak = weak_from_this(), step] {
      if (const auto self = weak.lock(); self != nullptr && self->sink_ != nullptr && !self->ended_)
        step(*self);
    });
  }
  void end() {
    ended_ = true;
    sink_->on_end({Errc::exposer_gone, "as the script says"});
  }
  void begin() {
    if (script_ == Script::end_before_the_manifest) return end();
    ASSERT_TRUE(sink_->on_manifest(manifest_));
    if (script_ == Script::end_after_the_manifest) return end();
    go_on();
  }
  void go_on() {
    for (ChunkIndex chunk{0}; chunk.value < manifest_.chunk_count(); ++chunk.value) {
      const auto placement = sink_->place(chunk);
      if (!placement) continue;
      const auto bytes = chunk_of(manifest_, chunk, content());
      std::ranges::copy(bytes, placement->bytes.begin());
      std::ranges::copy(core::chunk_tag(chunk, bytes), placement->trailer.begin());
      EXPECT_EQ(sink_->on_chunk(chunk), ChunkVerdict::good);
      if (script_ == Script::end_after_a_chunk) return end();
    }
  }

  const Script script_;
  Sink* sink_;
  EventLoop& loop_;
  const Manifest manifest_ = manifest_of(content().size());
  bool ended_ = false;
};

class ScriptedTransport : public Transport {
 public:
  ScriptedTransport(std::string name, Script script) : name_(std::move(name)), script_(script) {}

  std::string_view name() const override { return name_; }
  bool can_reach(const Locator& locator) const override {
    return std::holds_alternative<Locator::Other>(locator.where());
  }
  Result<std::shared_ptr<Region>> allocate(const Manifest&, const Offer&) override {
    return fail(Errc::no_space, "this transport exposes nothing");
  }
  Result<std::unique_ptr<Exposure>> expose(std::shared_ptr<const Store>, const Offer&, EventLoop&,
                                           std::shared_ptr<Observer>) override {
    return fail(Errc::no_route, "this transport exposes nothing");
  }
  Result<std::unique_ptr<Fetch>> pull(const Locator&, Sink& sink, EventLoop& loop) override {
    ++pulls_;
    if (script_ == Script::refuse_at_once) return fail(Errc::denied, "as the script says");
    auto fetch = std::make_shared<ScriptedFetch>(script_, sink, loop);
    fetch->start();
    return std::make_unique<Holder>(std::move(fetch));
  }
  int pulls() const { return pulls_; }

 private:
  struct Holder : Fetch {
    explicit Holder(std::shared_ptr<ScriptedFetch> held) : fetch(std::move(held)) {}
    ~Holder() override { fetch->cancel(); }
    void want_changed() override { fetch->want_changed(); }
    std::shared_ptr<ScriptedFetch> fetch;
  };

  const std::string name_;
  const Script script_;
  std::atomic<int> pulls_ = 0;
};

class RouteTest : public testing::Test {
 protected:
  Pull pull(Script first, PullOptions options = {}) {
    first_ = std::make_shared<ScriptedTransport>("first", first);
    second_ = std::make_shared<ScriptedTransport>("second", Script::deliver);
    puller_.emplace(Puller::open({.transports = {first_, second_}}).value());
    return puller_->pull(Locator(Locator::Other{"scripted", "x"}), std::move(options));
  }
  // A pull into a file and one into memory, each falling back from `script`.
  void expect_second(Script script) {
    const auto path = std::filesystem::temp_directory_path() / ("rgtp-route-" + std::to_string(getpid()));
    for (const auto& into : {std::filesystem::path(), path}) {
      Pull p = pull(script, {.into = into});
      const auto view = p.complete().get();
      ASSERT_TRUE(view) << view.error().message();
      EXPECT_TRUE(std::ranges::equal(view->bytes(), content()));
      EXPECT_EQ(p.transport(), "second");
      EXPECT_EQ(first_->pulls(), 1);
    }
    EXPECT_EQ(std::filesystem::file_size(path), content().size());
    std::filesystem::remove(path);
  }

  std::shared_ptr<ScriptedTransport> first_;
  std::shared_ptr<ScriptedTransport> second_;
  std::optional<Puller> puller_;
};

TEST_F(RouteTest, TheFirstTransportThatDeliversIsTakenAndTheNextNotTried) {
  Pull p = pull(Script::deliver);
  ASSERT_TRUE(p.complete().get());
  EXPECT_EQ(p.transport(), "first");
  EXPECT_EQ(second_->pulls(), 0);
}

TEST_F(RouteTest, FallsBackFromATransportThatRefusesAtOnce) { expect_second(Script::refuse_at_once); }

TEST_F(RouteTest, FallsBackFromATransportThatEndsBeforeTheManifest) {
  expect_second(Script::end_before_the_manifest);
}

TEST_F(RouteTest, FallsBackFromATransportThatEndsAfterTheManifest) {
  expect_second(Script::end_after_the_manifest);
}

TEST_F(RouteTest, AnErrorAfterTheFirstChunkIsFinal) {
  Pull p = pull(Script::end_after_a_chunk);
  EXPECT_EQ(p.complete().get().error().code, Errc::exposer_gone);
  EXPECT_EQ(p.transport(), "first");
  EXPECT_EQ(second_->pulls(), 0);
}

TEST_F(RouteTest, ANamedTransportIsTheOnlyOneTried) {
  Pull refused = pull(Script::refuse_at_once, {.route = Route::only("first")});
  EXPECT_EQ(refused.complete().get().error().code, Errc::denied);
  EXPECT_EQ(second_->pulls(), 0);
  Pull second = pull(Script::deliver, {.route = Route::only("second")});
  EXPECT_TRUE(second.complete().get());
  EXPECT_EQ(first_->pulls(), 0);
}

}  // namespace
}  // namespace rgtp::test
