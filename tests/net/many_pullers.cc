// Pulls one surface by packets, many times at once, each time by a Puller and a socket of its own:
//
//     many_pullers LOCATOR PULLERS FILE
//
// Prints how many are under way at the same time as soon as all are, and fails unless each of them gets the
// bytes of FILE.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <future>
#include <iostream>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <sys/resource.h>

#include <rgtp/rgtp.h>

namespace {

using rgtp::EventLoop;
using rgtp::Locator;
using rgtp::Pull;
using rgtp::Puller;
using rgtp::Result;
using rgtp::View;

// Root may raise it; where that fails, opening one socket too many says so.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max = std::max<rlim_t>(limit.rlim_max, 8192);
  (void)setrlimit(RLIMIT_NOFILE, &limit);
}

std::string read_file(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// All pulls of one run. After begin() they are the loop's thread's, until done() is. Each stops at its first
// chunk, with its window full, until all have theirs: so all are under way at once, however fast one is.
class Crowd {
 public:
  Crowd(Locator locator, std::string expected)
      : locator_(std::move(locator)), expected_(std::move(expected)) {}

  void begin(std::vector<Puller>& pullers) {
    left_ = pullers.size();
    ones_.reserve(pullers.size());
    rgtp::PullOptions options;
    options.route = rgtp::Route::only("udp");
    options.order = rgtp::Order::content;
    options.window_bytes = 1;  // two chunks are the least
    for (Puller& puller : pullers) ones_.push_back({puller.pull(locator_, options)});
    for (One& one : ones_) take_next(one);
  }
  std::future<void> done() { return done_.get_future(); }

  std::size_t failed() const { return failed_; }
  void end() { ones_.clear(); }

 private:
  struct One {
    Pull pull;
    std::uint64_t bytes = 0;
  };

  void take_next(One& one) {
    const auto asked = one.pull.next().then(
        [this, &one](Result<std::optional<View>> chunk) { on_chunk(one, std::move(chunk)); });
    if (!asked) fail_one(asked.error().message());
  }

  void on_chunk(One& one, Result<std::optional<View>> chunk) {
    if (!chunk) return fail_one(chunk.error().message());
    if (!*chunk) return one.bytes == expected_.size() ? end_one() : fail_one("bytes are missing");
    const View& view = **chunk;
    const auto expected = std::as_bytes(std::span(expected_));
    if (view.offset() != one.bytes || view.size() > expected.size() - one.bytes ||
        !std::ranges::equal(view.bytes(), expected.subspan(one.bytes, view.size())))
      return fail_one("other bytes came");
    const bool is_first = std::exchange(one.bytes, one.bytes + view.size()) == 0;
    if (!is_first) return take_next(one);
    ++together_;
    go_on_once_all_wait();
  }
  void go_on_once_all_wait() {
    if (together_ < ones_.size() - failed_ || std::exchange(gone_on_, true)) return;
    std::cout << together_ << " of " << ones_.size() << " pulls at once" << std::endl;
    for (One& one : ones_)
      if (one.bytes > 0) take_next(one);
  }

  void fail_one(const std::string& why) {
    std::cerr << "many_pullers: " << why << '\n';
    ++failed_;
    go_on_once_all_wait();
    end_one();  // last: it lets the crowd go
  }
  void end_one() {
    if (--left_ == 0) done_.set_value();
  }

  const Locator locator_;
  const std::string expected_;
  std::vector<One> ones_;
  std::size_t together_ = 0;  // have their first chunk
  bool gone_on_ = false;
  std::size_t failed_ = 0;
  std::size_t left_ = 0;
  std::promise<void> done_;
};

Result<void> run(const std::string& text, std::size_t count, std::string expected) {
  auto locator = Locator::parse(text);
  if (!locator) return fail(std::move(locator).error());
  auto loop = EventLoop::spawn();
  if (!loop) return fail(std::move(loop).error());
  std::vector<Puller> pullers;
  for (std::size_t i = 0; i < count; ++i) {
    // Pulls of one transport from one exposer would share a socket.
    auto puller = Puller::open({.loop = *loop, .transports = {rgtp::udp_transport()}});
    if (!puller) return fail(std::move(puller).error());
    pullers.push_back(std::move(*puller));
  }
  Crowd crowd(std::move(*locator), std::move(expected));
  auto done = crowd.done();
  if (auto posted = (*loop)->post([&] { crowd.begin(pullers); }); !posted) return posted;
  done.wait();
  // The handles' destructors wait for the callback that told so.
  crowd.end();
  if (crowd.failed() > 0) return fail(rgtp::Errc::io_error, std::to_string(crowd.failed()) + " pulls failed");
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: many_pullers LOCATOR PULLERS FILE\n";
    return 2;
  }
  raise_descriptor_limit();
  const auto ran = run(argv[1], static_cast<std::size_t>(std::atol(argv[2])), read_file(argv[3]));
  if (ran) return 0;
  std::cerr << "many_pullers: " << ran.error().message() << '\n';
  return 1;
}
