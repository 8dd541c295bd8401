// How many small surfaces one Puller gets in a second, by packets over loopback from another process:
//
//     small_pulls [--at-once 64] [--seconds 5] [--blocking] ...
//
// Forks the exposer before there is any thread, keeps so many pulls going, compares the bytes of every view,
// and prints one line of JSON. Written against the public API only. A pull's latency is from pull() until its
// view was compared. Pulls are started and taken in callbacks on the loop's thread; with --blocking by get()
// on the main one, the oldest first.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <deque>
#include <iostream>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <sys/wait.h>
#include <unistd.h>

#include <rgtp/rgtp.h>

#include "cpu_time.h"

namespace rgtp::bench {

namespace {

using Clock = std::chrono::steady_clock;
using Bytes = std::vector<std::byte>;

struct SmallOptions {
  std::uint32_t surfaces = 1000;
  std::uint32_t bytes = 1024;
  std::uint32_t at_once = 64;
  double seconds = 5;
  bool blocking = false;
};

// Different in every surface.
std::vector<Bytes> make_contents(const SmallOptions& options) {
  std::vector<Bytes> contents(options.surfaces, Bytes(options.bytes));
  std::uint64_t state = 1;
  for (Bytes& bytes : contents)
    for (std::byte& byte : bytes) {
      state = state * 6364136223846793005U + 1442695040888963407U;
      byte = static_cast<std::byte>(state >> 56U);
    }
  return contents;
}

// The exposer's process, as the puller's sees it: lines of text from it, a byte to ask for one.
class ExposerProcess {
 public:
  explicit ExposerProcess(const std::vector<Bytes>& contents) {
    if (::pipe(commands_) != 0 || ::pipe(answers_) != 0 || (child_ = ::fork()) < 0) {
      std::perror("small_pulls");
      std::exit(1);
    }
    if (child_ == 0) {
      ::close(commands_[1]);
      ::close(answers_[0]);
      std::_Exit(serve(contents));
    }
    ::close(commands_[0]);
    ::close(answers_[1]);
    lines_ = ::fdopen(answers_[0], "r");
  }
  ExposerProcess(const ExposerProcess&) = delete;
  ExposerProcess& operator=(const ExposerProcess&) = delete;
  ~ExposerProcess() {
    ::close(commands_[1]);
    ::waitpid(child_, nullptr, 0);
    std::fclose(lines_);
  }

  std::string line() {
    char text[512] = "";
    if (std::fgets(text, sizeof text, lines_) == nullptr) return "";
    return {text, std::strcspn(text, "\n")};
  }
  double cpu_seconds() {
    if (::write(commands_[1], "c", 1) != 1) return 0;
    return std::strtod(line().c_str(), nullptr);
  }

 private:
  // In the child, until its parent is gone: a locator a line, then its processor time whenever it is asked.
  int serve(const std::vector<Bytes>& contents) {
    auto exposer = Exposer::open({.transports = {udp_transport()}});
    if (!exposer) return 1;
    std::vector<Surface> surfaces;
    for (const Bytes& bytes : contents) {
      auto surface = exposer->expose(Source::bytes(std::span(bytes))).get();
      if (!surface) return 1;
      surfaces.push_back(std::move(*surface));
      ::dprintf(answers_[1], "%s\n", surfaces.back().locator().reveal().c_str());
    }
    for (char command = 0; ::read(commands_[0], &command, 1) == 1;)
      ::dprintf(answers_[1], "%.6f\n", bench::cpu_seconds());
    return 0;
  }

  int commands_[2] = {};
  int answers_[2] = {};
  pid_t child_ = -1;
  std::FILE* lines_ = nullptr;
};

// One pull after the other, from all surfaces in turn, until the time is over or one fails.
class Pulls {
 public:
  Pulls(Puller& puller, const std::vector<Locator>& locators, const std::vector<Bytes>& contents,
        double seconds)
      : puller_(puller),
        locators_(locators),
        contents_(contents),
        end_(Clock::now() +
             std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds))) {}

  struct Started {
    Pull pull;
    std::size_t surface;
    Clock::time_point began;
  };

  std::optional<Started> start_next() {
    const auto now = Clock::now();
    if (error_ || now >= end_) return std::nullopt;
    const std::size_t surface = next_++ % locators_.size();
    return Started{puller_.pull(locators_[surface], {.route = Route::only("udp")}), surface, now};
  }
  void take(const Started& started, const Result<View>& view) {
    if (!view)
      error_ = view.error().message();
    else if (!std::ranges::equal(view->bytes(), contents_[started.surface]))
      error_ = "a view is not what was exposed";
    latencies_.push_back(std::chrono::duration<double>(Clock::now() - started.began).count());
  }

  const std::optional<std::string>& error() const { return error_; }
  std::size_t count() const { return latencies_.size(); }
  double latency(double share) {
    const auto at =
        latencies_.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(latencies_.size() - 1));
    std::nth_element(latencies_.begin(), at, latencies_.end());
    return *at;
  }

 private:
  Puller& puller_;
  const std::vector<Locator>& locators_;
  const std::vector<Bytes>& contents_;
  const Clock::time_point end_;
  std::size_t next_ = 0;
  std::vector<double> latencies_;
  std::optional<std::string> error_;
};

// In callbacks: each place has one pull after the other.
class CallbackRun {
 public:
  CallbackRun(Pulls& pulls, std::uint32_t at_once) : pulls_(pulls), places_(at_once) {}

  void run(EventLoop& loop) {
    std::unique_lock lock(mutex_);
    running_ = places_.size();
    // All of it belongs to the loop's thread.
    if (!loop.post([this] {
          for (auto& place : places_) go_on(place);
        }))
      return;
    ended_.wait(lock, [this] { return running_ == 0; });
  }

 private:
  using Place = std::optional<Pulls::Started>;

  void go_on(Place& place) {
    place = pulls_.start_next();
    if (place) {
      (void)place->pull.complete().then([this, &place](const Result<View>& view) {
        pulls_.take(*place, view);
        go_on(place);
      });
      return;
    }
    const std::lock_guard lock(mutex_);
    if (--running_ == 0) ended_.notify_one();
  }

  Pulls& pulls_;
  std::vector<Place> places_;
  std::mutex mutex_;
  std::condition_variable ended_;
  std::size_t running_ = 0;
};

void run_blocking(Pulls& pulls, std::uint32_t at_once) {
  struct Waiting {
    Pulls::Started started;
    Pending<View> view;
  };
  std::deque<Waiting> waiting;
  while (true) {
    while (waiting.size() < at_once) {
      auto started = pulls.start_next();
      if (!started) break;
      auto view = started->pull.complete();
      waiting.push_back({std::move(*started), std::move(view)});
    }
    if (waiting.empty()) return;
    pulls.take(waiting.front().started, waiting.front().view.get());
    waiting.pop_front();
  }
}

Result<nlohmann::ordered_json> measure(const SmallOptions& options) {
  const auto contents = make_contents(options);
  ExposerProcess exposer(contents);
  std::vector<Locator> locators;
  while (locators.size() < contents.size()) {
    auto locator = Locator::parse(exposer.line());
    if (!locator) return fail(locator.error());
    locators.push_back(std::move(*locator));
  }
  auto loop = EventLoop::spawn();
  if (!loop) return fail(loop.error());
  auto puller = Puller::open({.loop = *loop});
  if (!puller) return fail(puller.error());

  const double puller_before = cpu_seconds();
  const double exposer_before = exposer.cpu_seconds();
  const auto began = Clock::now();
  Pulls pulls(*puller, locators, contents, options.seconds);
  if (options.blocking)
    run_blocking(pulls, options.at_once);
  else
    CallbackRun(pulls, options.at_once).run(**loop);
  const double took = std::chrono::duration<double>(Clock::now() - began).count();
  if (pulls.error()) return fail(Errc::io_error, *pulls.error());
  return nlohmann::ordered_json{{"pulls", pulls.count()},
                                {"seconds", took},
                                {"pulls_per_second", static_cast<double>(pulls.count()) / took},
                                {"latency_p50", pulls.latency(0.5)},
                                {"latency_p99", pulls.latency(0.99)},
                                {"puller_cpu_seconds", cpu_seconds() - puller_before},
                                {"exposer_cpu_seconds", exposer.cpu_seconds() - exposer_before}};
}

int run(int argc, char** argv) {
  CLI::App app("Pulls small surfaces by packets from another process and prints how many a second, as JSON.");
  SmallOptions options;
  app.add_option("--surfaces", options.surfaces, "how many different ones")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--bytes", options.bytes, "in each of them")->capture_default_str();
  app.add_option("--at-once", options.at_once, "pulls under way at any time")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--seconds", options.seconds, "no pull begins afterwards")->capture_default_str();
  app.add_flag("--blocking", options.blocking, "by get() on the main thread, not by callbacks");
  CLI11_PARSE(app, argc, argv);
  const auto measured = measure(options);
  std::cout << (measured ? *measured : nlohmann::ordered_json{{"error", measured.error().message()}}).dump()
            << std::endl;
  return measured ? 0 : 1;
}

}  // namespace

}  // namespace rgtp::bench

int main(int argc, char** argv) { return rgtp::bench::run(argc, argv); }
