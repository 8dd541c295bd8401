// Puller and Pull: the handles.
#include <rgtp/puller.h>

#include "transport/pull_job.h"

namespace rgtp {

Pull::Pull(std::shared_ptr<EventLoop> loop, std::shared_ptr<transport::PullerCore> core,
           std::shared_ptr<transport::PullJob> job)
    : loop_(std::move(loop)), core_(std::move(core)), job_(std::move(job)) {}

Pull::Pull(Pull&&) noexcept = default;

Pull& Pull::operator=(Pull&& other) noexcept {
  if (this == &other) return *this;
  cancel();
  job_ = std::move(other.job_);
  core_ = std::move(other.core_);
  loop_ = std::move(other.loop_);
  return *this;
}

Pull::~Pull() { cancel(); }

void Pull::cancel() {
  if (job_ == nullptr) return;
  // A callback that is waited for may still ask this for more.
  const auto job = job_;
  job->cancel();
  job_ = nullptr;
}

Pending<View> Pull::complete() { return job_->complete(); }
Pending<std::optional<View>> Pull::next() { return job_->next(); }
std::optional<Manifest> Pull::manifest() const { return job_->manifest(); }
std::string Pull::transport() const { return job_->transport(); }
Stats Pull::stats() const { return job_->stats(); }

Result<Puller> Puller::open(PullerOptions options) {
  auto opened = transport::open_core<transport::PullerCore>(std::move(options));
  if (!opened) return fail(std::move(opened).error());
  return Puller(std::move(opened->loop), std::move(opened->core));
}

Puller::Puller(std::shared_ptr<EventLoop> loop, std::shared_ptr<transport::PullerCore> core)
    : loop_(std::move(loop)), core_(std::move(core)) {}

Puller::Puller(Puller&&) noexcept = default;

Puller& Puller::operator=(Puller&& other) noexcept {
  if (this == &other) return *this;
  core_ = std::move(other.core_);
  loop_ = std::move(other.loop_);
  return *this;
}

Puller::~Puller() = default;

Pull Puller::pull(Locator locator, PullOptions options) {
  auto job = std::make_shared<transport::PullJob>(core_, std::move(locator), std::move(options));
  job->start();
  return Pull(loop_, core_, std::move(job));
}

}  // namespace rgtp
