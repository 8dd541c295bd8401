// A TCP flow as a neighbour behind the same bottleneck: bulk data under CUBIC (RFC 9438) with HyStart's delay
// test (RFC 9406), clocked by acknowledgements, with selective ones and fast retransmit (RFC 6675), in bursts
// as Linux sends them. Retransmissions are new packets in the books.
#pragma once

#include <deque>

#include "sim/link.h"

namespace rgtp::test {

class TcpFlow : private Timeline::Target {
 public:
  TcpFlow(Timeline& timeline, Packets& packets, Link& down, Link& up);

  void start();
  // To the receiver, IP bytes.
  std::uint64_t delivered_bytes() const { return delivered_ * packet_bytes; }
  double window_packets() const { return window_; }

 private:
  static constexpr std::uint32_t packet_bytes = 1500;

  // Both ends of the path are one object each, so that packets find them.
  struct Receiver : Destination {
    explicit Receiver(TcpFlow& its_flow) : flow(its_flow) {}
    void on_packet(Packet& packet) override { flow.on_data(packet); }
    TcpFlow& flow;
  };
  struct Sender : Destination {
    explicit Sender(TcpFlow& its_flow) : flow(its_flow) {}
    void on_packet(Packet& packet) override { flow.on_acknowledgement(packet); }
    TcpFlow& flow;
  };
  struct Sent {
    TimePoint at;
    bool outstanding = true;
  };

  void on_due(std::uint64_t what) override;
  void on_data(const Packet& packet);
  void acknowledge(std::uint64_t number, std::uint32_t count);
  void on_acknowledgement(const Packet& packet);
  void settle(std::uint64_t number);
  void measure(Duration rtt, std::uint64_t number);
  void grow();
  void detect_losses(std::uint64_t newest);
  void reduce(std::uint64_t lost);
  // In packets: so many are sent at once.
  double burst() const;
  void send();
  void forget_settled();
  void set_timer();

  Timeline& timeline_;
  Packets& packets_;
  Link& down_;
  Link& up_;
  Receiver receiver_{*this};
  Sender sender_{*this};
  std::uint64_t delivered_ = 0;
  std::uint64_t next_expected_ = 0;
  bool held_back_ = false;  // the acknowledgement of the one before that

  std::deque<Sent> sent_;  // from first_ on
  std::uint64_t first_ = 0;
  std::uint64_t in_flight_ = 0;
  std::uint64_t newest_acknowledged_ = 0;
  double window_ = 10;
  double threshold_ = 1e9;
  double window_max_ = 0;
  double window_reno_ = 0;
  TimePoint epoch_;
  double epoch_k_ = 0;
  bool in_epoch_ = false;
  std::uint64_t recovery_until_ = 0;  // losses of earlier packets were answered
  Duration smoothed_rtt_{};
  Duration rtt_variation_{};
  Duration min_rtt_ = Duration::max();
  Duration round_rtt_ = Duration::max();
  std::uint64_t round_end_ = 0;
  int round_samples_ = 0;
  TimePoint deadline_;
  bool timer_is_set_ = false;
};

}  // namespace rgtp::test
