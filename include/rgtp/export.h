// Visibility of the public API: the library hides every symbol that is not marked.
#pragma once

#define RGTP_EXPORT __attribute__((visibility("default")))
