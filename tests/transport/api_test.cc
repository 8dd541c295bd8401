// The fragments of the public API, as a user would write them.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <future>
#include <iostream>

#include <gtest/gtest.h>
#include <unistd.h>
#include <uv.h>

#include <rgtp/rgtp.h>

#include "support/files.h"
#include "support/pattern.h"
#include "support/temporary_directory.h"

namespace {

// A scratch directory as the current one, with a model.bin in it.
class ApiTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::current_path(directory_.path());
    rgtp::test::write_file("model.bin", content_);
  }
  void TearDown() override { std::filesystem::current_path(before_); }

  const std::vector<std::byte> content_ = rgtp::test::pattern(1'000'000);
  const rgtp::test::TemporaryDirectory directory_;
  const std::filesystem::path before_ = std::filesystem::current_path();
};

bool equal(std::span<const std::byte> a, std::span<const std::byte> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

TEST_F(ApiTest, Fragments1And2ExposeAFileAndPullItToAFile) {
  auto exposer = rgtp::Exposer::open().value();
  auto surface = exposer.expose(rgtp::Source::file("model.bin")).get().value();
  const std::string text = surface.locator().reveal();

  auto locator = rgtp::Locator::parse(text).value();
  auto puller = rgtp::Puller::open().value();
  auto pull = puller.pull(locator, {.into = "copy.bin"});
  auto view = pull.complete().get().value();
  EXPECT_TRUE(equal(view.bytes(), content_));
  EXPECT_EQ(std::filesystem::file_size("copy.bin"), content_.size());
}

TEST_F(ApiTest, Fragment3ZeroCopyMemoryOrNothing) {
  auto exposer = rgtp::Exposer::open().value();
  auto surface = exposer.expose(rgtp::Source::file("model.bin")).get().value();
  auto puller = rgtp::Puller::open().value();
  auto pull = puller.pull(surface.locator(), {.route = rgtp::Route::only("shm")});
  auto view = pull.complete().get().value();
  EXPECT_TRUE(equal(view.bytes(), content_));
  EXPECT_EQ(pull.transport(), "shm");
}

TEST_F(ApiTest, Fragment4ErrorsAreValues) {
  auto puller = rgtp::Puller::open().value();
  auto exposer = rgtp::Exposer::open().value();
  auto surface = std::make_optional(exposer.expose(rgtp::Source::file("model.bin")).get().value());
  const auto locator = surface->locator();
  surface.reset();
  // Withdrawn when the loop came to it: behind it, when it does the next thing.
  (void)exposer.expose(rgtp::Source::file("model.bin")).get();
  auto pull = puller.pull(locator);
  int status = 0;
  auto view = pull.complete().get();
  if (!view) switch (view.error().code) {
      case rgtp::Errc::withdrawn: status = 2; break;
      default: std::cerr << view.error().message() << '\n'; status = 1;
    }
  EXPECT_EQ(status, 2);
}

TEST_F(ApiTest, ValueOfAnErrorThrowsARuntimeErrorThatSaysWhatToDo) {
  try {
    (void)rgtp::Locator::parse("http://example.org").value();
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("rgtp://"), std::string::npos);
  }
}

TEST_F(ApiTest, Fragment5WithACallback) {
  auto exposer = rgtp::Exposer::open().value();
  auto surface = exposer.expose(rgtp::Source::file("model.bin")).get().value();
  auto puller = rgtp::Puller::open().value();
  auto pull = puller.pull(surface.locator());
  std::promise<std::size_t> size;
  pull.complete().then([&](rgtp::Result<rgtp::View> view) { size.set_value(view ? view->size() : 0); });
  EXPECT_EQ(size.get_future().get(), content_.size());
}

TEST_F(ApiTest, Fragment6OnlyAPartOfIt) {
  auto exposer = rgtp::Exposer::open().value();
  auto surface = exposer.expose(rgtp::Source::file("model.bin")).get().value();
  auto puller = rgtp::Puller::open().value();
  const std::uint64_t offset = 70'000;
  const std::uint64_t length = 123'456;
  auto pull = puller.pull(surface.locator(), {.range = rgtp::Range{offset, length}});
  EXPECT_TRUE(equal(pull.complete().get().value().bytes(), std::span(content_).subspan(offset, length)));
}

TEST_F(ApiTest, Fragment7ChunkByChunkInOrder) {
  auto exposer = rgtp::Exposer::open().value();
  auto surface = exposer.expose(rgtp::Source::file("model.bin")).get().value();
  auto puller = rgtp::Puller::open().value();
  for (const auto& route : {rgtp::Route::only("shm"), rgtp::Route::only("udp")}) {
    std::vector<std::byte> got;
    auto pull = puller.pull(surface.locator(), {.order = rgtp::Order::content, .route = route});
    while (auto chunk = pull.next().get().value())
      got.insert(got.end(), chunk->bytes().begin(), chunk->bytes().end());
    EXPECT_TRUE(equal(got, content_));
  }
}

// The destructor waits for the callback, which knows nothing of it.
TEST_F(ApiTest, ACallbackMayAskForMoreWhileItsPullGoes) {
  auto exposer = rgtp::Exposer::open().value();
  auto surface = exposer.expose(rgtp::Source::file("model.bin")).get().value();
  auto puller = rgtp::Puller::open().value();
  std::optional<rgtp::Pull> pull = puller.pull(surface.locator(), {.order = rgtp::Order::content});
  rgtp::Pull& handle = *pull;
  std::promise<void> running;
  bool asked = false;
  ASSERT_TRUE(handle.next().then([&](const auto&) {
    running.set_value();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    (void)handle.next().then([](const auto&) { FAIL() << "its handle went"; });
    asked = true;
  }));
  running.get_future().wait();
  pull.reset();
  EXPECT_TRUE(asked);
}

TEST_F(ApiTest, Fragment9ProduceInPlace) {
  auto exposer = rgtp::Exposer::open().value();
  auto puller = rgtp::Puller::open().value();
  const std::uint64_t n = content_.size();
  auto writer = exposer.begin({.size = n}).value();
  auto pull = puller.pull(writer.locator());
  for (std::uint32_t i = 0; i < writer.manifest().chunk_count(); ++i) {
    auto loan = writer.loan(rgtp::ChunkIndex{i}).value();
    std::copy_n(content_.begin() + writer.manifest().offset_of(rgtp::ChunkIndex{i}), loan.size(),
                loan.begin());
    if (auto done = writer.publish(rgtp::ChunkIndex{i}); !done) FAIL() << done.error().message();
  }
  auto surface = std::move(writer).finish().value();
  EXPECT_TRUE(equal(pull.complete().get().value().bytes(), content_));
}

TEST_F(ApiTest, Fragment13ByAName) {
  const std::string name = "rgtp-api-test-" + std::to_string(getpid());
  auto exposer = rgtp::Exposer::open().value();
  auto puller = rgtp::Puller::open().value();
  auto surface = exposer.expose(rgtp::Source::file("model.bin"), {.local_name = name}).get().value();
  auto pull = puller.pull(rgtp::Locator::local(name).value());
  EXPECT_TRUE(equal(pull.complete().get().value().bytes(), content_));
}

std::vector<std::byte> used;
void use(std::span<const std::byte> bytes) { used.insert(used.end(), bytes.begin(), bytes.end()); }

rgtp::Task<int> consume(rgtp::Pull& pull) {
  while (true) {
    auto chunk = co_await pull.next();
    if (!chunk) co_return 1;
    if (!*chunk) co_return 0;
    use((*chunk)->bytes());
  }
}

TEST_F(ApiTest, Fragment8ChunkByChunkInACoroutine) {
  auto exposer = rgtp::Exposer::open().value();
  auto surface = exposer.expose(rgtp::Source::bytes(content_)).get().value();
  auto puller = rgtp::Puller::open().value();
  auto pull = puller.pull(surface.locator(), {.order = rgtp::Order::content});
  used.clear();
  EXPECT_EQ(consume(pull).get(), 0);
  EXPECT_TRUE(equal(used, content_));
}

TEST_F(ApiTest, Fragment10SealedTheLocatorCarriesTheKey) {
  auto exposer = rgtp::Exposer::open().value();
  const auto source = rgtp::Source::bytes(content_);
  auto surface = exposer.expose(source, {.protection = rgtp::Protection::sealed}).get().value();
  auto puller = rgtp::Puller::open().value();
  auto pull = puller.pull(rgtp::Locator::parse(surface.locator().reveal()).value());
  EXPECT_TRUE(equal(pull.complete().get().value().bytes(), content_));
}

TEST_F(ApiTest, Fragment11WhoMayMapIt) {
  auto exposer = rgtp::Exposer::open().value();
  const auto source = rgtp::Source::bytes(content_);
  auto surface = exposer.expose(source, {.access = rgtp::Access::users({1000, 1001})}).get().value();
  auto puller = rgtp::Puller::open().value();
  auto pull = puller.pull(surface.locator());
  EXPECT_TRUE(equal(pull.complete().get().value().bytes(), content_));
}

TEST_F(ApiTest, Fragment12InYourOwnLoopWithProgress) {
  auto exposer = rgtp::Exposer::open().value();
  auto surface = exposer.expose(rgtp::Source::file("model.bin")).get().value();
  const auto locator = surface.locator();
  uv_loop_t own;
  uv_loop_t* const uv = &own;
  uv_loop_init(uv);
  std::uint64_t drawn = 0;
  const auto bar = [&](std::uint64_t bytes, std::uint64_t total) {
    EXPECT_LE(drawn, bytes);
    EXPECT_EQ(total, content_.size());
    drawn = bytes;
  };
  bool closed = false;
  {
    auto loop = rgtp::EventLoop::attach(uv).value();
    auto puller = rgtp::Puller::open({.loop = loop}).value();
    auto pull =
        puller.pull(locator, {.on_progress = [&](const rgtp::Progress& p) { bar(p.bytes, p.total); }});
    std::size_t size = 0;
    pull.complete().then([&](rgtp::Result<rgtp::View> view) {
      if (view) size = view->size();
      loop->close().then([&](const rgtp::Result<void>&) { closed = true; });
    });
    uv_run(uv, UV_RUN_DEFAULT);
    EXPECT_EQ(size, content_.size());
  }
  EXPECT_EQ(drawn, content_.size());
  EXPECT_TRUE(closed);
  EXPECT_EQ(uv_loop_close(uv), 0);
}

TEST_F(ApiTest, AMissingFileIsNotFoundAndNamed) {
  auto exposer = rgtp::Exposer::open().value();
  const auto surface = exposer.expose(rgtp::Source::file("missing.bin")).get();
  ASSERT_FALSE(surface);
  EXPECT_EQ(surface.error().code, rgtp::Errc::not_found);
  EXPECT_NE(surface.error().message().find("missing.bin"), std::string::npos);
}

TEST_F(ApiTest, AFileThatChangesWhileItIsExposedEndsPullsWithSourceChanged) {
  auto exposer = rgtp::Exposer::open().value();
  auto surface = exposer.expose(rgtp::Source::file("model.bin")).get().value();
  std::ofstream("model.bin", std::ios::app) << "more";
  auto puller = rgtp::Puller::open().value();
  auto pull = puller.pull(surface.locator());
  EXPECT_EQ(pull.complete().get().error().code, rgtp::Errc::source_changed);
}

TEST_F(ApiTest, AFileThatIsCutShortIsSourceChangedAndNoSignal) {
  auto exposer = rgtp::Exposer::open().value();
  auto surface = exposer.expose(rgtp::Source::file("model.bin")).get().value();
  std::filesystem::resize_file("model.bin", 10);
  auto puller = rgtp::Puller::open().value();
  auto pull = puller.pull(surface.locator());
  EXPECT_EQ(pull.complete().get().error().code, rgtp::Errc::source_changed);
}

TEST_F(ApiTest, OptionsThatCannotWorkAreTypedErrors) {
  auto exposer = rgtp::Exposer::open().value();
  const auto source = rgtp::Source::bytes(rgtp::test::pattern(100));
  EXPECT_EQ(exposer.expose(source, {.chunk_bytes = 5000}).get().error().code, rgtp::Errc::invalid_argument);
  EXPECT_EQ(exposer.expose(source, {.name = std::string(256, 'x')}).get().error().code,
            rgtp::Errc::invalid_argument);
  auto bad_bind = rgtp::Exposer::open({.transports = {rgtp::udp_transport({.bind = "nonsense"})}}).value();
  EXPECT_EQ(bad_bind.expose(source).get().error().code, rgtp::Errc::invalid_argument);
}

TEST_F(ApiTest, APortThatIsTakenIsAddressInUse) {
  auto first = rgtp::Exposer::open().value();
  auto surface = first.expose(rgtp::Source::file("model.bin")).get().value();
  const auto port = std::get<rgtp::Locator::Network>(surface.locator().where()).port;
  auto second = rgtp::Exposer::open(
                    {.transports = {rgtp::udp_transport({.bind = "127.0.0.1:" + std::to_string(port)})}})
                    .value();
  EXPECT_EQ(second.expose(rgtp::Source::file("model.bin")).get().error().code, rgtp::Errc::address_in_use);
}

TEST_F(ApiTest, AHostNameIsResolved) {
  auto exposer =
      rgtp::Exposer::open({.transports = {rgtp::udp_transport({.advertise = "localhost"})}}).value();
  auto surface = exposer.expose(rgtp::Source::file("model.bin")).get().value();
  EXPECT_TRUE(surface.locator().reveal().starts_with("rgtp://localhost:"));
  auto puller = rgtp::Puller::open().value();
  auto pull = puller.pull(surface.locator());
  EXPECT_TRUE(equal(pull.complete().get().value().bytes(), content_));
}

}  // namespace
