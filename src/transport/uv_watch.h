// A watched descriptor, as a uv_poll_t.
#pragma once

#include <functional>
#include <memory>

#include "transport/uv_state.h"

namespace rgtp::transport {

class UvWatch : public Watch {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Watch>> open(std::shared_ptr<UvState> state, int fd,
                                                           std::function<void(Ready)> ready);
  ~UvWatch() override;
  void set_interest(Interest interest) override;

 private:
  struct Poll;
  explicit UvWatch(std::unique_ptr<Poll> poll);

  std::unique_ptr<Poll> poll_;
};

}  // namespace rgtp::transport
