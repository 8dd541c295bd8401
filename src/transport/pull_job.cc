#include "transport/pull_job.h"

#include <cassert>

#include "core/heap_region.h"

namespace rgtp::transport {

PullJob::PullJob(std::shared_ptr<PullerCore> core, Locator locator, PullOptions options)
    : core_(std::move(core)), locator_(std::move(locator)), options_(std::move(options)) {}

// The handle's calls.

void PullJob::start() {
  started_ = core_->loop().now();
  counters_.begin([core = core_] { return core->loop().now(); });
  if (auto resolved = resolve_local_name(); !resolved) return finish(fail(std::move(resolved).error()));
  const std::lock_guard lock(calls_);
  if (may_stay_in_thread()) pull_in_this_thread();
  if (!on_loop_ && !ended_ && follower_ == nullptr) go_to_loop();
}

void PullJob::go_to_loop() {
  on_loop_ = true;
  auto posted = run([this] {
    closing_ = core_->loop().on_closing([self = shared_from_this()] { self->end_with_loop(); });
    pull_on_loop();
  });
  if (!posted) finish(std::move(posted));
}

Pending<View> PullJob::complete() {
  auto state = completes_.add(core_->loop(), gate_);
  if (is_windowed()) {
    state->resolve(
        fail(Errc::invalid_argument,
             "complete() cannot be had from a pull in content order without `into`, which keeps only a "
             "window: use next(), or another order"));
  } else {
    const std::lock_guard lock(calls_);
    let_drive(state);
    auto posted = run([this, state] {
      complete_waiters_.push_back(state);
      bring_on();
    });
    if (!posted) state->resolve(fail(std::move(posted).error()));
  }
  return Pending<View>(std::move(state));
}

Pending<std::optional<View>> PullJob::next() {
  auto state = nexts_.add(core_->loop(), gate_);
  const std::lock_guard lock(calls_);
  let_drive(state);
  auto posted = run([this, state] {
    next_waiters_.push_back(state);
    bring_on();
  });
  if (!posted) state->resolve(fail(std::move(posted).error()));
  return Pending<std::optional<View>>(std::move(state));
}

std::optional<Manifest> PullJob::manifest() const {
  const std::lock_guard lock(mutex_);
  return manifest_;
}

std::string PullJob::transport() const {
  const std::lock_guard lock(mutex_);
  return transport_;
}

void PullJob::cancel() {
  gate_->close();
  nexts_.abandon_all();
  completes_.abandon_all();
  const std::lock_guard lock(calls_);
  stop_following();
  // On a closed loop end_with_loop() does, or did.
  (void)run([this] {
    if (!ended_) ended_ = fail(Errc::cancelled, "the pull was cancelled");
    closing_.reset();
    fetch_.reset();
    drop_copy();
    state_.reset();
    output_.reset();
    memory_.reset();
    next_waiters_.clear();
    complete_waiters_.clear();
  });
}

Stats PullJob::stats() const {
  Stats stats = counters_.snapshot();
  const std::lock_guard lock(mutex_);
  stats.routes_not_taken = routes_not_taken_;
  return stats;
}

Result<void> PullJob::run(const std::function<void()>& step) {
  if (on_loop_) return core_->loop().post([self = shared_from_this(), step] { step(); });
  step();
  return {};
}

void PullJob::end_with_loop() {
  fetch_.reset();
  drop_copy();
  finish(fail(Errc::closed, "the event loop was closed before the pull had ended"));
}

bool PullJob::may_stay_in_thread() const {
  // Progress is told on the loop; files are written and bytes are hashed there, or by its workers.
  return options_.into.empty() && !options_.on_progress && options_.verify == Verify::copies &&
         (is_windowed() || (!locator_.key() && !locator_.root()));
}

// Waiting in the calling thread.

// Whoever waits in other calls looks at what has become of them.
void PullJob::stop_following() {
  if (follower_ != nullptr) follower_->stop();
  follower_.reset();
}

void PullJob::bring_on() {
  const bool follows = !on_loop_ && follower_ != nullptr;
  if (follows) advance();
  // Otherwise the loop has it by now, or it has ended.
  if (!follows || follower_ != nullptr) serve_waiters();
}

void PullJob::advance() {
  const auto follower = follower_;  // which goes as soon as the pull ends
  seen_ = follower->advance();
}

template <class State>
void PullJob::let_drive(const std::shared_ptr<State>& state) {
  if (follower_ == nullptr) return;
  // Called inside get() of the state itself.
  state->set_driver([weak = weak_from_this(), driven = state.get()] {
    const auto self = weak.lock();
    return self != nullptr && self->wait_in_this_thread(*driven);
  });
}

// False once nothing more comes that way.
template <class State>
bool PullJob::wait_in_this_thread(State& driven) {
  std::shared_ptr<Follower> follower;
  std::uint32_t seen = 0;
  {
    const std::lock_guard lock(calls_);
    if (follower_ == nullptr) return false;
    if (driven.finished()) return true;  // by another thread, which saw what this one would wait for
    follower = follower_;
    seen = seen_;
  }
  auto waited = follower->wait(seen, options_.wait == Wait::spin ? spin_time : Duration{});
  const std::lock_guard lock(calls_);
  if (follower_ != follower) return true;  // it has ended, or the loop has it
  // Who died may have published something and not said so.
  if (waited || waited.error().code == Errc::exposer_gone) seen_ = follower->advance();
  if (!waited && follower_ == follower) on_end(std::move(waited).error());
  return true;
}

// The sink.

Result<core::PullExtent> PullJob::begin(const Manifest& manifest) {
  {
    const std::lock_guard lock(mutex_);
    manifest_ = manifest;
  }
  return state_->begin(manifest);
}

Result<void> PullJob::on_manifest(const Manifest& manifest) {
  if (ended_) return fail(Errc::cancelled, "the pull has ended");
  auto extent = begin(manifest);
  Result<void> ready = extent ? make_storage(*extent) : Result<void>(fail(std::move(extent).error()));
  if (!ready) finish(ready);
  return ready;
}

Result<void> PullJob::on_final_size(const FinalSize& size) {
  if (ended_) return {};
  auto cut = state_->on_final_size(size);
  if (cut && copy_ != nullptr) copy_->trim(state_->extent()->chunks, state_->verifier());
  if (cut)
    after_chunk();
  else
    finish(cut);
  return cut;
}

Result<void> PullJob::make_storage(const core::PullExtent& extent) {
  if (!options_.into.empty()) {
    create_output(extent);
  } else if (is_windowed()) {
    use(core::store_in_window(extent));
  } else {
    auto region = core::HeapRegion::make_for(extent.manifest, extent.range.length);
    if (!region) return fail(std::move(region).error());
    memory_ = *region;
    use(core::store_in_region(extent, std::move(*region)));
  }
  return {};
}

// Taking space on a disk may last: a worker does it, and until then nothing is wanted.
void PullJob::create_output(const core::PullExtent& extent) {
  auto created = std::make_shared<Result<std::shared_ptr<shm::OutputFile>>>();
  core_->loop().offload(
      [created, into = options_.into, size = extent.range.length, if_exists = options_.if_exists,
       space = extent.manifest.size_pending ? shm::Space::as_written : shm::Space::reserved] {
        *created = shm::OutputFile::create(into, size, if_exists, space);
      },
      [self = shared_from_this(), created, extent, attempt = next_transport_] {
        if (self->ended_ || self->next_transport_ != attempt) return;
        if (!*created) return self->finish(fail(std::move(*created).error()));
        self->output_ = std::move(**created);
        self->use(core::store_in_region(extent, self->output_));
        self->start_copy();
        if (self->fetch_ != nullptr && !self->ended_) self->fetch_->want_changed();
      });
}

void PullJob::use(std::unique_ptr<core::PullStorage> storage) {
  state_->use(std::move(storage));
  after_chunk();  // an empty range is complete already
}

bool PullJob::adopt(std::shared_ptr<const Store> store) {
  if (ended_) return true;
  if (!options_.into.empty() || !store->region().is_memory()) return false;
  const core::ChunkVerifier& verifier = state_->verifier();
  if (verifier.decrypts() || (verifier.needs_copies() && !store->region().is_unchangeable())) return false;
  // A window is small enough to be verified as a private copy, which nobody changes afterwards.
  if (is_windowed() && options_.verify == Verify::always) return false;
  state_->adopt(std::move(store));
  adopted_ = true;
  return true;
}

bool PullJob::copy_from(const std::shared_ptr<const Store>& store) {
  if (ended_ || is_windowed()) return false;
  // On the loop, as it does what comes from elsewhere, only what is not verified yet and is not memory.
  const bool needs_copies = state_->verifier().needs_copies();
  if (!needs_copies && (options_.into.empty() || !store->region().is_memory())) return false;
  copy_ = std::make_shared<ChunkCopy>(
      store, core_->loop(),
      [this](ChunkIndex chunk, Result<ChunkVerdict> copied) { on_copied(chunk, std::move(copied)); });
  start_copy();
  return true;
}

void PullJob::start_copy() {
  const std::shared_ptr<Region> target = output_ != nullptr ? output_ : memory_;
  if (copy_ != nullptr && target != nullptr)
    copy_->start(*state_->extent(), state_->verifier(), {target, output_});
}

std::optional<Placement> PullJob::place(ChunkIndex chunk) {
  if (ended_) return std::nullopt;
  counters_.set_time_to_last_new_ask(core_->loop().now() - started_);
  return state_->place(chunk);
}

ChunkVerdict PullJob::on_chunk(ChunkIndex chunk) {
  if (ended_) return ChunkVerdict::good;
  if (copy_ != nullptr) {
    copy_->add(chunk);
    return ChunkVerdict::good;
  }
  if (adopted_) {
    auto taken = state_->on_adopted(chunk);
    if (!taken) finish(fail(taken.error()));
    if (!taken || !*taken) return ChunkVerdict::good;
  } else {
    auto verdict = state_->on_chunk(chunk);
    if (!verdict) {
      finish(fail(std::move(verdict).error()));
      return ChunkVerdict::good;
    }
    if (*verdict == ChunkVerdict::again) return ChunkVerdict::again;
  }
  on_taken();
  return ChunkVerdict::good;
}

void PullJob::on_copied(ChunkIndex chunk, Result<ChunkVerdict> copied) {
  const auto self = shared_from_this();
  if (ended_ || committing_) return;
  if (copied && *copied == ChunkVerdict::again) return counters_.on_event(event::ChunkRejected{chunk});
  if (copied && state_->on_copied(chunk)) on_taken();
  if (copied) return;
  // Another route may have what is not to be had from there any more; the file is the same by each.
  const bool is_sources =
      copied.error().code == Errc::source_changed || copied.error().code == Errc::corrupted;
  if (!is_sources) return finish(fail(std::move(copied).error()));
  copy_->cancel();
  on_end(std::move(copied).error());
}

void PullJob::on_taken() {
  if (auto fits = state_->check_size(); !fits) return finish(std::move(fits));
  note_first_chunk();
  if (options_.on_progress) {
    const Progress progress = state_->progress();
    gate_->run([&] { options_.on_progress(progress); });
  }
  after_chunk();
}

void PullJob::note_first_chunk() {
  if (std::exchange(first_chunk_noted_, true)) return;
  counters_.set_time_to_first_chunk(core_->loop().now() - started_);
  set_transport();
}

void PullJob::set_transport() {
  const std::lock_guard lock(mutex_);
  transport_ = trying_;
}

void PullJob::after_chunk() {
  if (ended_ || !state_->complete()) return serve_waiters();
  set_transport();
  if (output_ == nullptr) return finish({});
  const bool is_first = !std::exchange(committing_, true);
  serve_waiters();
  if (is_first) commit();
}

// A disk may be waited for, which says only then that it is full: a worker does it, and nothing more is
// wanted meanwhile.
void PullJob::commit() {
  drop_fetch();
  auto done = std::make_shared<Result<void>>();
  core_->loop().offload(
      [done, output = output_, length = state_->extent()->range.length] { *done = output->commit(length); },
      [self = shared_from_this(), done] { self->finish(std::move(*done)); });
}

void PullJob::finish(Result<void> result) {
  if (ended_) return;
  ended_ = std::move(result);
  drop_fetch();
  serve_waiters();
}

void PullJob::drop_copy() {
  if (copy_ != nullptr) copy_->cancel();
  copy_.reset();
}

void PullJob::drop_fetch() {
  if (!on_loop_) stop_following();
  // Not from within its own call to this sink.
  (void)run([this] {
    fetch_.reset();
    drop_copy();
    if (ended_ && !*ended_) output_.reset();
  });
}

// The consumer.

void PullJob::serve_waiters() {
  bool failed = ended_ && !*ended_;
  bool taken = false;
  while (!next_waiters_.empty()) {
    // An error is the end, whatever would be there by now.
    if (auto prepared = state_ && !failed ? state_->prepare_next() : Result<void>(); !prepared) {
      ended_ = std::move(prepared);
      failed = true;
    }
    auto view = state_ ? state_->take_next() : std::nullopt;
    // The end is told once the file has its name.
    const bool is_over = ended_ || !committing_;
    if (!view && !failed && !(is_over && state_ && state_->exhausted())) break;
    taken = taken || view;
    if (!view && failed)
      next_waiters_.front()->resolve(fail(ended_->error()));
    else
      next_waiters_.front()->resolve(std::move(view));
    next_waiters_.pop_front();
  }
  if (taken && fetch_ != nullptr && is_windowed()) {
    (void)run([this] {
      if (fetch_ != nullptr) fetch_->want_changed();
    });
  }
  if (!ended_) return;
  for (const auto& waiter : std::exchange(complete_waiters_, {})) {
    if (failed)
      waiter->resolve(fail(ended_->error()));
    else
      waiter->resolve(*state_->view_all());
  }
}

}  // namespace rgtp::transport
