// What was asked for and has not been settled: ask numbers, and the trains that they belong to.
//
// Every slice that is asked for gets a fresh ask number, one that is asked for again too; DATA echoes it. So
// the puller owns what a sender of QUIC calls its packet-number space, without ambiguity (RFC 9002, section
// 2).
#pragma once

#include <deque>
#include <optional>

#include "packet/delivery_rate.h"

namespace rgtp::packet {

struct SliceId {
  ChunkIndex chunk;
  std::uint16_t slice = 0;
  friend auto operator<=>(const SliceId&, const SliceId&) = default;
};

// What one PULL asked for: equally long slices under consecutive ask numbers.
struct AskedTrain {
  enum class Purpose : std::uint8_t {
    data,
    mtu_probe,  // one slice, as long as the path may carry: its loss says nothing of the rate
  };

  DeliveryRate::Snapshot asked;
  std::uint32_t ip_bytes = 0;  // of one slice's answer
  std::uint8_t phase = 0;      // of the congestion controller
  Purpose purpose = Purpose::data;
  std::uint64_t first_ask = 0;
  std::uint32_t slices = 0;
  std::uint32_t arrived = 0;
  std::uint32_t lost = 0;        // or given up, and did not arrive later
  std::uint32_t unreported = 0;  // lost, and the path's controller was not told
  // What the controller was told of those: nothing yet, or nothing since the exposer is taken to have dropped
  // the request; slices; that the request was lost on its way.
  enum class Told : std::uint8_t { nothing, slices, request };
  Told told = Told::nothing;

  bool is_settled() const { return arrived + lost == slices; }
};

class AskLog {
 public:
  enum class State : std::uint8_t { outstanding, arrived, lost, given_up };

  struct Arrival {
    SliceId slice;
    State before = State::outstanding;
    AskedTrain& train;
  };

  // The number that the next ask will have.
  std::uint64_t next_ask() const { return first_ + asks_.size(); }
  // The full number that 32 bits of it stand for: the one nearest to the next (RFC 9000, appendix A.3).
  std::uint64_t widen(std::uint32_t ask) const { return widen(ask, next_ask()); }
  static std::uint64_t widen(std::uint32_t ask, std::uint64_t next);

  // These many numbers will not be used. Before the first ask.
  void skip(std::uint32_t asks) { lowest_ = first_ += asks; }

  // The snapshot, the slices' length, phase and purpose of the asks that are added next.
  void begin_train(const AskedTrain& train);
  // The next ask, of the train begun last.
  void add(SliceId slice);

  // Whether this slice, in an answer of so many IP bytes, was asked for under that number, as far as that is
  // known still.
  bool was_for(std::uint64_t ask, const SliceId& slice, std::uint32_t ip_bytes) const;
  // Settles an ask; nothing where it was never asked or settled too long ago to be known. The train stays
  // valid until the next begin_train().
  std::optional<Arrival> on_arrival(std::uint64_t ask);
  // Of an outstanding ask.
  AskedTrain& set_lost(std::uint64_t ask) { return end_wait(ask, State::lost); }
  // The same, where nobody knows whether it is lost.
  AskedTrain& give_up(std::uint64_t ask) { return end_wait(ask, State::given_up); }

  // The lowest outstanding ask at or above this number.
  std::optional<std::uint64_t> next_outstanding(std::uint64_t from) const;
  std::optional<std::uint64_t> lowest_outstanding();
  // Calls `f(ask)` for the outstanding asks from the latest down, for as long as it returns true.
  template <class F>
  void for_each_outstanding_from_latest(F f) const {
    std::uint32_t left = outstanding_;
    for (std::uint64_t ask = next_ask(); left > 0 && ask > first_; --ask) {
      if (asks_[ask - 1 - first_].state != State::outstanding) continue;
      --left;
      if (!f(ask - 1)) return;
    }
  }
  const SliceId& slice(std::uint64_t ask) const { return asks_[ask - first_].slice; }
  const AskedTrain& train(std::uint64_t ask) const {
    return trains_[asks_[ask - first_].train - first_train_];
  }
  std::uint32_t outstanding() const { return outstanding_; }
  // IP bytes of the answers that are outstanding.
  std::uint64_t outstanding_bytes() const { return outstanding_bytes_; }

 private:
  // How many settled asks are remembered, to know late answers by.
  static constexpr std::size_t remembered = 16'384;

  struct Ask {
    SliceId slice;
    State state = State::outstanding;
    std::uint32_t train = 0;
  };

  AskedTrain& train_of(const Ask& ask) { return trains_[ask.train - first_train_]; }
  AskedTrain& end_wait(std::uint64_t ask, State state);
  void forget_old();

  std::deque<Ask> asks_;
  std::uint64_t first_ = 0;   // number of asks_.front()
  std::uint64_t lowest_ = 0;  // nothing below is outstanding
  std::deque<AskedTrain> trains_;
  std::uint32_t first_train_ = 0;
  std::uint32_t outstanding_ = 0;
  std::uint64_t outstanding_bytes_ = 0;
};

}  // namespace rgtp::packet
