// What became of what was asked for: settles asks by their answers, finds the lost ones, and tells the path,
// whose controller must know losses from lost requests. It composes the ask log and the loss detector.
//
//     recovery.on_asked(now, slices, slice_bytes);
//     recovery.on_data(now, data, ip_bytes, mark);                 for every DATA
//     for (const SliceId& slice : recovery.settle(now))  after a batch of them, and at deadline()
//       ask_again(slice);
#pragma once

#include <span>
#include <vector>

#include <rgtp/observer.h>

#include "packet/loss_detector.h"
#include "packet/mark.h"
#include "packet/newest_stamp.h"
#include "packet/path.h"
#include "packet/wire.h"

namespace rgtp::packet {

class Recovery {
 public:
  // A train that is this long and missing whole may be a lost request. Shorter ones count as they are: over
  // a shallow queue at a low rate they are dropped whole, and that must be seen. While the exposer is behind
  // it is the one who drops requests, of any length.
  static constexpr std::uint32_t shortest_lost_request = 8;

  // Both outlive it.
  Recovery(Path& path, Observer& observer) : path_(path), observer_(observer) {}
  // The path is told that nothing is waited for any more.
  ~Recovery() { give_up(); }
  Recovery(const Recovery&) = delete;
  Recovery& operator=(const Recovery&) = delete;

  std::uint64_t next_ask() const { return asks_.next_ask(); }
  void skip_asks(std::uint32_t asks) { asks_.skip(asks); }
  // One PULL, under ask numbers from next_ask() on.
  void on_asked(TimePoint now, std::span<const SliceId> slices, std::uint16_t slice_bytes,
                AskedTrain::Purpose purpose = AskedTrain::Purpose::data);
  // The exposer has begun to answer what was asked for last: the rest is probed for no sooner than if it had
  // been asked for now.
  void on_answer_begun(TimePoint now) { losses_.on_ask(now); }
  // An answer of so many IP bytes. False where nothing like it is known to have been asked for.
  bool on_data(TimePoint now, const Data& data, std::uint32_t ip_bytes, Mark mark);
  // REFUSE(busy) for what was asked for at that time: it is not waited for, and lost at the next settle().
  void on_busy(TimePoint now, std::uint32_t timestamp);
  // Tells the path what came since, and finds what is lost by now. Valid until the next call.
  std::span<const SliceId> settle(TimePoint now);
  // Whatever is outstanding is not waited for any more: it counts neither as lost nor as arrived.
  void give_up();

  std::uint32_t outstanding() const { return asks_.outstanding(); }
  // What was asked for last and is outstanding, latest first; `f(slice)` returns whether to go on.
  template <class F>
  void for_each_outstanding_from_latest(F f) const {
    asks_.for_each_outstanding_from_latest([&](std::uint64_t ask) { return f(asks_.slice(ask)); });
  }

  // Probing, when nothing comes at all.
  bool probe_is_due(TimePoint now) const { return losses_.probe_is_due(now, path_.answer_time(), asks_); }
  void on_probe(TimePoint now) { losses_.on_probe(now); }
  std::uint32_t probes_in_a_row() const { return losses_.probes_in_a_row(); }
  void limit_probe_interval(Duration interval) { losses_.limit_interval(interval); }
  // When settle() or a probe may be due; nothing while nothing is outstanding.
  std::optional<TimePoint> deadline() const { return losses_.deadline(path_.answer_time(), asks_); }

 private:
  bool may_be_lost_request(const AskedTrain& train) const {
    return train.arrived == 0 && (train.slices >= shortest_lost_request || !path_.exposer_keeps_up());
  }

  void on_late(TimePoint now, std::uint64_t ask, AskedTrain& train);
  void tell_arrivals();
  void detect(TimePoint now);
  void report(TimePoint now, AskedTrain& train);

  Path& path_;
  Observer& observer_;
  AskLog asks_;
  LossDetector losses_;
  // Of one train, not told yet. Valid until the next train is asked for: settle() comes before.
  AskedTrain* arriving_ = nullptr;
  Path::Arrival arrival_;
  std::vector<std::uint64_t> lost_;  // reused
  NewestStamp busy_;
  std::vector<SliceId> dropped_;      // by the exposer, since settle()
  std::vector<SliceId> lost_slices_;  // reused
};

}  // namespace rgtp::packet
