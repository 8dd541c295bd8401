// Pulls a surface by packets and prints what it cost, as one line of JSON a pull:
//
//     pull_meter LOCATOR [--into FILE | --stream] [--seconds 20] [--congestion cubic] ...
//
// Written against the public API only. `samples` are bytes verified by the end of each 100 ms since
// pull(), so that a script can take any interval out of them.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <rgtp/rgtp.h>

#include "cpu_time.h"
#include "stats_json.h"

namespace rgtp::bench {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds sample_interval(100);
constexpr std::uint64_t mib = 1024 * 1024;

struct MeterOptions {
  std::string locator;
  std::string into;     // a file; empty: memory
  bool stream = false;  // in content order, holding a window
  std::uint64_t window_mib = 64;
  double seconds = 0;  // then the pull is given up; 0: never
  int repeat = 1;
  bool warm = false;  // all pulls by one Puller, which knows the exposer from the second on
  bool no_offload = false;
  UdpOptions udp;
};

double seconds_since(Clock::time_point began) {
  return std::chrono::duration<double>(Clock::now() - began).count();
}

// Notes a number that others change, at the end of every interval.
class Sampler {
 public:
  explicit Sampler(const std::atomic<std::uint64_t>& value) : value_(value), thread_([this] { run(); }) {}
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;
  ~Sampler() {
    if (thread_.joinable()) (void)finish();
  }

  std::vector<std::uint64_t> finish() {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
    }
    end_.notify_one();
    thread_.join();
    return std::move(samples_);
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    for (auto next = Clock::now() + sample_interval; !end_.wait_until(lock, next, [this] { return ended_; });
         next += sample_interval)
      samples_.push_back(value_.load(std::memory_order_relaxed));
  }

  const std::atomic<std::uint64_t>& value_;
  std::mutex mutex_;
  std::condition_variable end_;
  bool ended_ = false;
  std::vector<std::uint64_t> samples_;
  std::thread thread_;  // last: it uses the rest
};

// The result once it is there; nothing where the deadline comes first. With a deadline the pull's handle has
// to live on, and this may return while the callback is still to come: it keeps what it needs.
template <class T>
std::optional<Result<T>> wait_for(Pending<T> pending, std::optional<Clock::time_point> deadline) {
  if (!deadline) return pending.get();
  struct Arrival {
    std::mutex mutex;
    std::condition_variable came;
    std::optional<Result<T>> result;
  };
  const auto arrival = std::make_shared<Arrival>();
  const auto asked = pending.then([arrival](Result<T> result) {
    const std::lock_guard lock(arrival->mutex);
    arrival->result.emplace(std::move(result));
    arrival->came.notify_one();
  });
  if (!asked) return Result<T>(fail(asked.error()));
  std::unique_lock lock(arrival->mutex);
  arrival->came.wait_until(lock, *deadline, [&] { return arrival->result.has_value(); });
  return std::move(arrival->result);
}

// The pull, done or cut off by the deadline.
Result<void> wait_whole(Pull& pull, std::optional<Clock::time_point> deadline) {
  const auto view = wait_for(pull.complete(), deadline);
  if (view && !*view) return fail(view->error());
  return {};
}

// Takes chunks on the loop's thread, as a service does, and lets them go.
class Drain : public std::enable_shared_from_this<Drain> {
 public:
  explicit Drain(Pull& pull) : pull_(pull) {}

  void take_next() {
    const auto asked = pull_.next().then([self = shared_from_this()](Result<std::optional<View>> chunk) {
      if (chunk && *chunk) return self->take_next();
      self->end(chunk ? Result<void>() : fail(chunk.error()));
    });
    if (!asked) end(fail(asked.error()));
  }
  // Its end, or nothing where the deadline comes first.
  std::optional<Result<void>> wait(std::optional<Clock::time_point> deadline) {
    std::unique_lock lock(mutex_);
    const auto is_there = [this] { return ended_.has_value(); };
    if (deadline)
      came_.wait_until(lock, *deadline, is_there);
    else
      came_.wait(lock, is_there);
    return ended_;
  }

 private:
  void end(Result<void> ended) {
    const std::lock_guard lock(mutex_);
    ended_.emplace(std::move(ended));
    came_.notify_one();
  }

  Pull& pull_;
  std::mutex mutex_;
  std::condition_variable came_;
  std::optional<Result<void>> ended_;
};

Result<void> wait_stream(Pull& pull, std::optional<Clock::time_point> deadline) {
  const auto drain = std::make_shared<Drain>(pull);
  drain->take_next();
  return drain->wait(deadline).value_or(Result<void>());
}

Result<nlohmann::ordered_json> measure(Puller& puller, const Locator& locator, const MeterOptions& options) {
  std::atomic<std::uint64_t> verified = 0;
  PullOptions pull_options;
  pull_options.into = options.into;
  pull_options.route = Route::only("udp");
  if (options.stream) pull_options.order = Order::content;
  pull_options.window_bytes = options.window_mib * mib;
  pull_options.on_progress = [&verified](const Progress& progress) {
    verified.store(progress.bytes, std::memory_order_relaxed);
  };
  const double cpu_before = cpu_seconds();
  const auto began = Clock::now();
  const std::chrono::duration<double> began_at = std::chrono::system_clock::now().time_since_epoch();
  std::optional<Clock::time_point> deadline;
  if (options.seconds > 0)
    deadline =
        began + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(options.seconds));
  Sampler sampler(verified);
  Pull pull = puller.pull(locator, pull_options);
  const Result<void> ended = options.stream ? wait_stream(pull, deadline) : wait_whole(pull, deadline);
  const double took = seconds_since(began);
  const Stats stats = pull.stats();
  if (!ended) return fail(ended.error());
  return nlohmann::ordered_json{{"bytes", stats.bytes},
                                {"seconds", took},
                                {"goodput", static_cast<double>(stats.bytes) / took},
                                {"cpu_seconds", cpu_seconds() - cpu_before},
                                {"began_at", began_at.count()},
                                {"samples", sampler.finish()},
                                {"stats", stats_json(stats)}};
}

Result<Puller> open_puller(const MeterOptions& options) {
  return Puller::open({.transports = {udp_transport(options.udp)}});
}

Result<void> measure_all(const MeterOptions& options) {
  const auto locator = Locator::parse(options.locator);
  if (!locator) return fail(locator.error());
  auto puller = open_puller(options);
  for (int i = 0; i < options.repeat; ++i) {
    if (i > 0 && !options.warm) puller = open_puller(options);
    if (!puller) return fail(puller.error());
    const auto measured = measure(*puller, *locator, options);
    if (!measured) return fail(measured.error());
    std::cout << measured->dump() << std::endl;
    if (!options.into.empty()) std::filesystem::remove(options.into);
  }
  return {};
}

void add_options(CLI::App& app, MeterOptions& options) {
  static const std::map<std::string, Congestion> controllers = {{"bbr", Congestion::bbr_like},
                                                                {"cubic", Congestion::cubic},
                                                                {"background", Congestion::background},
                                                                {"fixed", Congestion::fixed}};
  app.add_option("LOCATOR", options.locator, "what `rgtp expose` printed")->required();
  auto* const into = app.add_option("--into", options.into, "a file, removed afterwards; by default memory");
  app.add_flag("--stream", options.stream, "in content order, holding no more than a window")->excludes(into);
  app.add_option("--window", options.window_mib, "MiB held by --stream")->capture_default_str();
  app.add_option("--seconds", options.seconds, "end there, done or not; 0: never")->capture_default_str();
  app.add_option("--repeat", options.repeat, "so many pulls, one behind the other")->capture_default_str();
  app.add_flag("--warm", options.warm, "all of them by one Puller");
  app.add_option("--mtu", options.udp.mtu, "largest IP packet, bytes; 0 finds out")->capture_default_str();
  app.add_option("--congestion", options.udp.congestion, "bbr, cubic, background or fixed")
      ->transform(CLI::CheckedTransformer(controllers).description(""));
  app.add_option("--rate", options.udp.fixed_rate, "bytes a second, for --congestion fixed");
  app.add_option("--receive-buffer", options.udp.receive_buffer_bytes, "to ask the kernel for")
      ->capture_default_str();
  app.add_flag("--no-offload", options.no_offload, "every datagram by itself to and from the kernel");
}

int run(int argc, char** argv) {
  CLI::App app("Pulls a surface by packets and prints what it cost as JSON.");
  MeterOptions options;
  add_options(app, options);
  CLI11_PARSE(app, argc, argv);
  if (options.no_offload) options.udp.offload = Offload::off;
  const auto done = measure_all(options);
  if (done) return 0;
  std::cout << nlohmann::ordered_json{{"error", done.error().message()}}.dump() << std::endl;
  return 1;
}

}  // namespace

}  // namespace rgtp::bench

int main(int argc, char** argv) { return rgtp::bench::run(argc, argv); }
