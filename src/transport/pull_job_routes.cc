// How a pull goes along its route: which transport has its turn, in which thread, and what becomes of the
// reasons why others were not taken.
#include <algorithm>

#include "shm/local_name.h"
#include "transport/pull_job.h"

namespace rgtp::transport {

Result<void> PullJob::resolve_local_name() {
  const auto* local = std::get_if<Locator::Local>(&locator_.where());
  if (local == nullptr) return {};
  auto found = shm::find_local_name(local->name);
  if (!found) return fail(std::move(found).error());
  // What the name's file does not say the locator may.
  locator_ = found->with(locator_.key() ? locator_.key() : found->key(),
                         locator_.root() ? locator_.root() : found->root());
  return {};
}

Transport* PullJob::next_candidate() {
  const auto& transports = core_->transports();
  while (next_transport_ < transports.size()) {
    const auto& transport = transports[next_transport_++];
    if (!options_.route.allows(transport->name())) continue;
    trying_ = transport->name();
    if (transport->can_reach(locator_)) return transport.get();
    const std::lock_guard lock(mutex_);
    routes_not_taken_.push_back(trying_ + ": it does not reach locators of this kind");
  }
  return nullptr;
}

void PullJob::pull_in_this_thread() {
  while (Transport* const transport = next_candidate()) {
    auto store = transport->open(locator_, core_->loop());
    if (store && *store == nullptr) {
      if (options_.wait != Wait::loop && follow(*transport)) return;
      --next_transport_;  // its turn comes on the loop
      return;
    }
    if (store) {
      auto taken = take_whole(*store);
      // Its owner changed it or cut it short.
      const bool is_memorys =
          !taken && (taken.error().code == Errc::corrupted || taken.error().code == Errc::source_changed);
      if (is_memorys && falls_back(taken.error())) continue;
      return finish(std::move(taken));
    }
    if (!falls_back(store.error())) return finish(fail(final_error(std::move(store).error())));
  }
}

Result<void> PullJob::take_whole(const std::shared_ptr<const Store>& store) {
  begin_state();
  auto extent = begin(store->manifest());
  if (!extent) return fail(std::move(extent).error());
  if (state_->verifier().needs_copies()) {
    if (auto read = state_->read_from(store); !read) return read;
    if (auto prepared = state_->prepare_next(); !prepared) return prepared;
    note_first_chunk();
    return {};
  }
  if (auto adopted = state_->adopt_whole(store); !adopted) return adopted;
  if (auto fits = state_->check_size(); !fits) return fits;
  const Range& range = state_->extent()->range;
  if (options_.prefault) store->region().prefault(range.offset, range.length);
  note_first_chunk();
  return {};
}

// False where the loop is to do it.
bool PullJob::follow(Transport& transport) {
  begin_state();
  auto follower = transport.follow(locator_, *this, core_->loop());
  if (!follower || *follower == nullptr) return false;
  follower_ = std::move(*follower);
  advance();
  return true;
}

void PullJob::pull_on_loop() {
  while (Transport* const transport = next_candidate()) {
    begin_state();
    auto fetch = transport->pull(locator_, *this, core_->loop());
    if (fetch) {
      fetch_ = std::move(*fetch);
      return;
    }
    if (!falls_back(fetch.error())) return finish(fail(final_error(std::move(fetch).error())));
  }
  finish(fail(final_error({Errc::no_route, "no transport of the route '" + options_.route.to_string() +
                                               "' reaches this locator"})));
}

void PullJob::begin_state() {
  adopted_ = false;
  state_.emplace(
      core::PullState::Options{
          .range = options_.range,
          .order = options_.order,
          .max_size = is_windowed() || !options_.into.empty() ? whole : options_.max_size,
          .window_bytes = is_windowed() ? options_.window_bytes : whole,
          .verify = options_.verify,
          .key = locator_.key(),
          .root = locator_.root()},
      counters_);
}

bool PullJob::falls_back(const Error& error) {
  const auto& transports = core_->transports();
  const bool more = std::any_of(
      transports.begin() + static_cast<std::ptrdiff_t>(next_transport_), transports.end(),
      [&](const auto& next) { return options_.route.allows(next->name()) && next->can_reach(locator_); });
  const bool first_chunk_came = state_ && state_->progress().bytes > 0;
  if (!more || first_chunk_came) return false;
  const std::lock_guard lock(mutex_);
  routes_not_taken_.push_back(trying_ + ": " + error.message());
  return true;
}

Error PullJob::final_error(Error error) const {
  const std::lock_guard lock(mutex_);
  for (const auto& reason : routes_not_taken_) error.text += "; not taken: " + reason;
  return error;
}

void PullJob::on_end(Error error) {
  if (ended_ || committing_) return;
  // What was published before is copied yet.
  if (copy_ != nullptr && !copy_->is_idle())
    return copy_->when_idle([this, error = std::move(error)] { on_end(error); });
  if (!falls_back(error)) return finish(fail(final_error(std::move(error))));
  if (!on_loop_) {
    stop_following();
    return go_to_loop();
  }
  // Not from within the fetch, which is about to go.
  (void)run([this] {
    if (ended_) return;
    fetch_.reset();
    drop_copy();
    output_.reset();
    memory_.reset();
    pull_on_loop();
  });
}

}  // namespace rgtp::transport
