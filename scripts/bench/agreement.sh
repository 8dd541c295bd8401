#!/usr/bin/env bash
# Whether `rgtp bench` tells what a watch would: pulls of 512 MiB into a file on a tmpfs and its hash, by the clock of whole
# processes (`rgtp pull` and `xxhsum`) and by `rgtp bench` (cold, udp-file and shm-file), in rows by turns. Fails where
# they differ by more than 10 %.
#   scripts/bench/agreement.sh [ROUNDS]
set -euo pipefail
cd "$(dirname "$0")/../.."
rounds=${1:-5}
rgtp=build/release/src/cli/rgtp
command -v xxhsum >/dev/null || { echo "agreement.sh: no xxhsum here: apt-get install xxhash" >&2; exit 1; }

work=$(mktemp -d /dev/shm/rgtp-agreement-XXXXXX)
exposer=
cleanup() {
  [ -z "$exposer" ] || stop_exposer
  rm -rf "$work"
}
trap cleanup EXIT

milliseconds() { echo $(($(date +%s%N) / 1000000)); }
median() { sort -g | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }

# What bench exposes is memory as well, so that it comes by a writer here; pulls are over before its exposer makes huge
# pages.
head -c 512M /dev/urandom >"$work/content"
start_exposer() {
  rm -f "$work/locator"
  $rgtp expose --size 512M --name content - <"$work/content" >"$work/locator" 2>/dev/null &
  exposer=$!
  for ((tries = 0; tries < 200; ++tries)); do
    [ ! -s "$work/locator" ] || break
    sleep 0.05
  done
  # Its locator is there before the bytes are.
  $rgtp pull --route shm "@$work/locator" -o "$work/out" 2>/dev/null
  rm "$work/out"
}
stop_exposer() {
  { kill "$exposer" && wait "$exposer"; } 2>/dev/null || true
  exposer=
}

# A first pull takes memory that this host may have to find first: there is one before each row of pulls.
for route in shm udp shm udp; do
  $rgtp bench --by "$route-file" --size 512m --rounds $((rounds + 1)) --json |
    jq '.cases[] | select(.state == "cold") | .rounds[1:][].last_byte_s[] * 1000 | round' >>"$work/$route.bench"
  start_exposer
  for ((round = 0; round <= rounds; ++round)); do
    began=$(milliseconds)
    $rgtp pull --route "$route" "@$work/locator" -o "$work/out" 2>/dev/null
    xxhsum -q -H3 "$work/out" >/dev/null
    [ "$round" = 0 ] || echo $(($(milliseconds) - began)) >>"$work/$route.whole"
    rm "$work/out"
  done
  stop_exposer
done
for route in shm udp; do
  whole=$(median <"$work/$route.whole")
  bench=$(median <"$work/$route.bench")
  percent=$((bench * 100 / whole))
  echo "$route, 512 MiB: $whole ms by whole processes, $bench ms by rgtp bench: $percent %"
  ((percent >= 90 && percent <= 110)) || differing=1
done
exit "${differing:-0}"
