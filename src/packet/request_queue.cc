#include "packet/request_queue.h"

namespace rgtp::packet {

bool RequestQueue::push(Request request) {
  const std::size_t bytes = request.answer_bytes();
  if (!waiting_.empty() && answer_bytes_ + bytes > max_answer_bytes_) return false;
  answer_bytes_ += bytes;
  waiting_.push_back(std::move(request));
  return true;
}

std::optional<Request> RequestQueue::pop() {
  if (waiting_.empty()) return std::nullopt;
  std::optional<Request> request(std::move(waiting_.front()));
  waiting_.pop_front();
  answer_bytes_ -= request->answer_bytes();
  return request;
}

void RequestQueue::drop(const Store* store) {
  std::erase_if(waiting_, [&](const Request& request) {
    if (request.store.get() != store) return false;
    answer_bytes_ -= request.answer_bytes();
    return true;
  });
}

}  // namespace rgtp::packet
