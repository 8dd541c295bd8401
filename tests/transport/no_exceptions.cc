// Compiled without exceptions, and not run: coroutines of programs that have none.
#include <rgtp/rgtp.h>

rgtp::Task<int> consume(rgtp::Pull& pull);
rgtp::Task<int> consume(rgtp::Pull& pull) {
  while (true) {
    auto chunk = co_await pull.next();
    if (!chunk) co_return 1;
    if (!*chunk) co_return 0;
  }
}

int wait(rgtp::Pull& pull);
int wait(rgtp::Pull& pull) { return consume(pull).get(); }
