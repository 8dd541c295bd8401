// A process that exposes far more than it may open files, and one that may open no more.
#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <rgtp/rgtp.h>

#include "support/sanitizers.h"
#include "support/temporary_directory.h"

namespace rgtp::test {
namespace {

class ManySurfaces : public testing::Test {
 protected:
  static constexpr std::size_t count = 10'000;

  ManySurfaces() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    allow(1024);
  }
  ~ManySurfaces() override { ::setrlimit(RLIMIT_NOFILE, &before_); }

  void allow(rlim_t descriptors) const {
    const rlimit limit = {descriptors, before_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  }
  std::vector<std::shared_ptr<Transport>> transports() const {
    return {shm_transport({.directory = memory_.path()}), udp_transport()};
  }
  static std::vector<std::byte> content(std::size_t number) {
    std::vector<std::byte> bytes(100);
    std::memcpy(bytes.data(), &number, sizeof number);
    return bytes;
  }
  std::filesystem::path file_of(std::size_t number) const { return files_ / std::to_string(number); }
  Source file(std::size_t number) const {
    const auto bytes = content(number);
    std::ofstream(file_of(number), std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return Source::file(file_of(number));
  }
  // How many came as they are.
  std::size_t pull_all(const std::vector<Surface>& surfaces, const Route& route, std::size_t step) const {
    Puller puller = Puller::open({.transports = transports()}).value();
    std::size_t good = 0;
    for (std::size_t number = 0; number < surfaces.size(); number += step) {
      Pull pull = puller.pull(surfaces[number].locator(), {.route = route});
      const auto view = pull.complete().get();
      good += view && std::ranges::equal(view->bytes(), content(number));
    }
    return good;
  }

  const TemporaryDirectory memory_{"/dev/shm"};
  const TemporaryDirectory files_;
  rlimit before_ = {};
};

TEST_F(ManySurfaces, TenThousandAreExposedWithAThousandDescriptors) {
  Exposer exposer = Exposer::open({.transports = transports()}).value();
  std::vector<Surface> surfaces;
  for (std::size_t number = 0; number < count; ++number)
    surfaces.push_back(exposer.expose(Source::bytes(content(number))).get().value());
  EXPECT_EQ(pull_all(surfaces, Route::only("shm"), 1), count);
  EXPECT_EQ(pull_all(surfaces, Route::only("udp"), 100), count / 100);
}

TEST_F(ManySurfaces, TenThousandFilesAreExposedWithAThousandDescriptors) {
  Exposer exposer = Exposer::open({.transports = transports()}).value();
  std::vector<Surface> surfaces;
  for (std::size_t number = 0; number < count; ++number)
    surfaces.push_back(exposer.expose(file(number)).get().value());
  EXPECT_EQ(pull_all(surfaces, Route::only("shm"), 1), count);
  EXPECT_EQ(pull_all(surfaces, Route::only("udp"), 10), count / 10);
}

// Each of these keeps its memory open.
TEST_F(ManySurfaces, OnesThatAreDecidedAboutEndAtTheLimitWithAnErrorThatNamesIt) {
  if (sanitizer_needs_descriptors) GTEST_SKIP() << "this sanitizer needs descriptors itself";
  allow(128);
  Exposer exposer = Exposer::open({.transports = transports()}).value();
  const ExposeOptions decided{.access = Access::decide([](const Asker&) { return true; })};
  std::vector<Surface> surfaces;
  Result<void> failed;
  while (failed && surfaces.size() < 200) {
    auto surface = exposer.expose(Source::bytes(content(surfaces.size())), decided).get();
    if (surface)
      surfaces.push_back(std::move(*surface));
    else
      failed = fail(std::move(surface).error());
  }
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Errc::io_error);
  EXPECT_NE(failed.error().message().find("ulimit -n"), std::string::npos) << failed.error().message();
  EXPECT_GT(surfaces.size(), 64U);
  // What there is goes on being served, and there is room again where one goes.
  surfaces.clear();
  const auto again = exposer.expose(Source::bytes(content(0)), decided).get();
  EXPECT_TRUE(again) << again.error().message();
}

}  // namespace
}  // namespace rgtp::test
