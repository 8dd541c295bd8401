#!/usr/bin/env bash
# Builds a program outside of the project that uses the library as a subdirectory, and runs it. The shared library, which
# nothing else tries: all tests link the static one.
set -euo pipefail
cd "$(dirname "$0")/.."
build=build/consumer
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { cmake -S tests/consumer -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Debug -DRGTP_SHARED=ON && cmake --build "$build"; } \
  >"$log" 2>&1; then
  tail -n 40 "$log"
  exit 1
fi
ldd "$build/consumer" | grep -q 'librgtp\.so' || { echo "the consumer was not linked to the shared library" >&2; exit 1; }
"$build/consumer"
