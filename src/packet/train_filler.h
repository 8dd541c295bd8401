// From a request to the train of DATA that answers it.
#pragma once

#include "packet/request.h"
#include "packet/train.h"

namespace rgtp::packet {

enum class Filled {
  yes,
  nothing,  // of what is asked for is published
  blocked,  // some of it is not in memory
};

// Errors: those of Store::read(). The train holds the request's store.
[[nodiscard]] Result<Filled> fill_train(const Request& request, TimePoint now, Train& train);

}  // namespace rgtp::packet
