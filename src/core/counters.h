// The observer behind stats(): adds events up, readable from any thread.
#pragma once

#include <atomic>
#include <functional>

#include <rgtp/observer.h>
#include <rgtp/stats.h>

namespace rgtp::core {

// Written by the loop's thread alone.
class Counters : public Observer {
 public:
  void on_event(const Event& event) override;
  Stats snapshot() const;
  // Before the first event of a pull. `now` tells the time, on the thread of the events.
  void begin(std::function<TimePoint()> now) {
    now_ = std::move(now);
    started_ = now_();
  }
  // Time from the start of the pull to its first chunk; later calls change nothing.
  void set_time_to_first_chunk(Duration duration);
  // Time from the start of the pull to the newest ask for what was not asked for before.
  void set_time_to_last_new_ask(Duration duration);

 private:
  using Count = std::atomic<std::uint64_t>;
  static void add(Count& count, std::uint64_t value) {
    count.store(count.load(std::memory_order_relaxed) + value, std::memory_order_relaxed);
  }

  static void set_once(Count& count, Duration duration) {
    if (count.load(std::memory_order_relaxed) == 0)
      count.store(static_cast<std::uint64_t>(duration.count()), std::memory_order_relaxed);
  }

  struct Adder;
  std::function<TimePoint()> now_;
  TimePoint started_;
  Count bytes_{0}, verified_bytes_{0}, chunks_{0}, rejected_chunks_{0};
  Count datagrams_sent_{0}, datagrams_received_{0}, datagrams_dropped_{0}, bytes_sent_{0}, bytes_received_{0};
  Count send_batches_{0}, receive_batches_{0}, socket_drops_{0}, requests_lost_{0}, marked_{0};
  Count requests_{0}, slices_asked_{0}, slices_asked_again_{0}, slices_lost_{0}, spurious_losses_{0};
  Count duplicates_{0}, probe_timeouts_{0}, refusals_{0}, request_overflows_{0};
  Count huge_page_bytes_{0};
  Count service_delay_ns_{0}, mtu_{0}, time_to_last_new_ask_ns_{0};
  Count rtt_ns_{0}, rate_{0}, window_bytes_{0}, time_to_first_byte_ns_{0}, time_to_first_chunk_ns_{0};
};

}  // namespace rgtp::core
