#include "packet/endings.h"

#include <algorithm>

namespace rgtp::packet {

namespace {

using namespace std::chrono_literals;

}  // namespace

Error refusal_error(Refusal reason) {
  switch (reason) {
    case Refusal::withdrawn: return {Errc::withdrawn, "the exposer has withdrawn the surface"};
    case Refusal::aborted:
      return {Errc::aborted,
              "the exposer cannot serve the surface any more: its source failed or its writer gave up"};
    case Refusal::denied: return {Errc::denied, "the exposer refuses this puller: ask its owner for access"};
    case Refusal::source_changed:
      return {Errc::source_changed,
              "the file behind the surface was changed since it was exposed: have it exposed again"};
    case Refusal::version:
      return {Errc::unsupported_version,
              "the exposer speaks another version of the protocol: update the older side"};
    case Refusal::busy: return {Errc::limit, "the exposer is too busy: try again later"};
    case Refusal::slice_too_large:
      return {
          Errc::unreachable,
          "the exposer's network does not carry even the shortest packets that may be asked for: look for "
          "a tunnel or an interface with a very small MTU"};
    case Refusal::unknown:
    case Refusal::retry: break;
  }
  return {Errc::unknown_surface,
          "the exposer has no surface of this id: it may have been restarted, ask for a new locator"};
}

void Endings::on_heard(TimePoint now) {
  heard_ = now;
  ever_heard_ = true;
  first_unreachable_.reset();
}

bool Endings::on_refused(TimePoint now, Refusal reason) {
  if (refused_at_) return false;
  refused_at_ = now;
  reason_ = reason;
  return true;
}

void Endings::on_unreachable(TimePoint now) {
  if (!first_unreachable_) first_unreachable_ = now;
  last_unreachable_ = now;
}

TimePoint Endings::refusal_deadline(Duration rtt) const {
  if (!refused_at_) return TimePoint::max();
  return std::max(*refused_at_, last_data_) + std::max<Duration>(2 * rtt, 50ms);
}

TimePoint Endings::gone_deadline(Duration rtt) const {
  if (!first_unreachable_) return TimePoint::max();
  // Two refusals a second apart, or one and a longer silence: Linux sends few of them.
  const bool twice = last_unreachable_ - *first_unreachable_ >= 1s;
  const Duration silence = twice ? std::max<Duration>(1s, 3 * rtt) : 2500ms + 3 * rtt;
  return std::max(heard_, last_data_) + silence;
}

std::optional<Error> Endings::verdict(TimePoint now, Duration rtt) const {
  if (now >= refusal_deadline(rtt)) return refusal_error(reason_);
  if (now >= gone_deadline(rtt)) {
    if (ever_heard_)
      return Error{Errc::exposer_gone, "the exposer is gone: its process has ended, or its socket is closed"};
    return Error{Errc::unreachable, "nothing listens there: is the exposer running, and is the port right?"};
  }
  if (now >= heard_ + idle_timeout_) {
    const auto seconds = std::to_string(idle_timeout_ / 1s);
    if (ever_heard_)
      return Error{Errc::timed_out, "nothing was heard from the exposer for " + seconds + " s"};
    return Error{Errc::timed_out,
                 "no answer for " + seconds + " s: is the host right, and does a firewall drop UDP?"};
  }
  return std::nullopt;
}

TimePoint Endings::deadline(Duration rtt) const {
  return std::min({refusal_deadline(rtt), gone_deadline(rtt), heard_ + idle_timeout_});
}

}  // namespace rgtp::packet
