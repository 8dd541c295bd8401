#!/usr/bin/env bash
# Builds a program outside of the project that uses the library as a subdirectory, and runs it.
set -euo pipefail
cd "$(dirname "$0")/.."
build=build/consumer
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { cmake -S tests/consumer -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Debug && cmake --build "$build"; } >"$log" 2>&1; then
  tail -n 40 "$log"
  exit 1
fi
"$build/consumer"
