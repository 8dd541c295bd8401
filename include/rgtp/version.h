// The version of the library that a program is compiled against.
#pragma once

#define RGTP_VERSION_MAJOR 0
#define RGTP_VERSION_MINOR 1
#define RGTP_VERSION_PATCH 0
#define RGTP_VERSION "0.1.0"
