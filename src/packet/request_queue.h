// The requests that wait at an exposer for their turn: one bounded list with fair turns.
//
// 60 bytes of request stand for 64 KB of answers, so whatever waits here is a queue that the network does not
// show: its bound is in bytes of answers, not in requests.
//
// Turns are fair in bytes of answers, first among address prefixes, then among the pullers (address, port) of
// a prefix: start-time fair queueing (Goyal, Vin, Cheng 1996), two levels of it. Virtual time counts bytes. A
// request's start is the virtual now or, where that is later, the end of what its puller has asked for
// before; the earliest start is served next, and that is the virtual now. So a puller that asks with long
// trains gets what one with short trains gets, and one that was just served lets others go first even where
// it had nothing waiting in between. The same order says who goes when the list is full: the request whose
// turn would come last, be it the one that arrives. A flooder thus pushes out itself.
//
// State is kept for those who wait, and for a fixed number of those who were served: at most the bound and
// 80 KiB, whoever asks. Every operation takes logarithmic time, drop() aside.
//
//     queue.push(request, displaced);  // whoever had to go is told that the exposer is busy
//     if (queue.next() != nullptr) Request request = queue.serve();
#pragma once

#include <cstdint>
#include <map>
#include <memory_resource>
#include <vector>

#include "packet/debt_table.h"
#include "packet/request.h"

namespace rgtp::packet {

class RequestQueue {
 public:
  // However little they stand for: a request is half a kilobyte of memory.
  static constexpr std::size_t max_requests = 448;

  // The bound is in Request::charge().
  explicit RequestQueue(std::size_t max_bytes) : max_bytes_(max_bytes) {}
  RequestQueue(const RequestQueue&) = delete;
  RequestQueue& operator=(const RequestQueue&) = delete;

  // Holds for what is pushed from now on.
  void set_bound(std::size_t max_bytes) { max_bytes_ = max_bytes; }

  // Puts it in line. What had to go is appended to `displaced`: requests whose turn would have come later, or
  // the request itself. One request always fits into an empty list.
  void push(Request request, std::vector<Request>& displaced);
  // Whose turn it is; nullptr where nobody waits. Valid until anything is changed.
  const Request* next() const;
  // Takes out next(), which there is: as its puller's share, or as if it had never asked.
  Request serve();
  Request discard();
  // Drops what is asked of a surface that is no longer exposed.
  void drop(const Store* store);

  bool empty() const { return prefixes_.empty(); }
  std::size_t size() const { return size_; }
  // What waits stands for.
  std::size_t bytes() const { return bytes_; }

 private:
  // A virtual time, and a number that tells equal ones apart, in order.
  struct Turn {
    std::int64_t start = 0;
    std::uint64_t number = 0;
    friend auto operator<=>(const Turn&, const Turn&) = default;
  };
  using Requests = std::pmr::map<Turn, Request>;
  struct Prefix {
    std::uint64_t key = 0;
    std::uint64_t number = 0;
    std::int64_t start = 0;  // of its next request, among the prefixes
    std::int64_t now = 0;    // the virtual time among its pullers
    std::size_t bytes = 0;   // waiting
    Turn in_by_start{-1};    // where it stands in the two orders; nowhere as long as it is new
    Turn in_by_last_start{-1};
    Requests waiting;  // never empty between two operations

    // When, among the prefixes, the turn of its last request would come, and of one more.
    std::int64_t last_start() const;
    std::int64_t end() const { return start + static_cast<std::int64_t>(bytes); }
  };
  using Prefixes = std::pmr::map<std::uint64_t, Prefix>;
  using Order = std::pmr::map<Turn, Prefix*>;

  // Whether a request gave way whose turn would come after the one of this puller's next.
  bool displace_for(const Address& puller, std::vector<Request>& displaced);
  std::int64_t start_of(const Prefix* own, const Address& puller) const;
  Prefix& prefix_of(const Address& puller);
  Request take(Prefix& prefix, Requests::iterator at);
  // As if it had not asked, so far as nothing has been asked since.
  void waive(const Turn& turn, const Request& request);
  // Puts the prefix where it belongs by now, or lets it go where nothing of it waits.
  void reorder(Prefix& prefix);
  static void move(Order& order, Turn& at, const Turn& to, Prefix& prefix);

  std::size_t max_bytes_;
  std::size_t bytes_ = 0;
  std::size_t size_ = 0;
  std::uint64_t next_number_ = 0;
  std::int64_t now_ = 0;     // the virtual time among the prefixes
  std::int64_t served_ = 0;  // bytes in all: no virtual time is ahead of it but by what waits
  DebtTable puller_debts_{4096};
  DebtTable prefix_debts_{1024};
  std::pmr::unsynchronized_pool_resource pool_;  // so that once it has grown nothing is allocated
  Prefixes prefixes_{&pool_};
  Order by_start_{&pool_};
  Order by_last_start_{&pool_};
};

}  // namespace rgtp::packet
