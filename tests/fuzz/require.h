// What a fuzz target says where a property does not hold: the line, then the end.
#pragma once

#include <cstdio>
#include <cstdlib>

#define REQUIRE(property)                                                                \
  do {                                                                                   \
    if (!(property)) {                                                                   \
      std::fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #property); \
      std::abort();                                                                      \
    }                                                                                    \
  } while (false)
