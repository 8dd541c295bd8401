#!/usr/bin/env bash
# Whether `rgtp bench` tells what a watch would: pulls of 1 GiB into a file on a tmpfs and its hash, by the clock of whole
# processes (`rgtp pull` and `xxhsum`) and by `rgtp bench` (cold, udp-file and shm-file), in rows by turns. Fails where they differ by more than 10 %.
#   scripts/bench/agreement.sh [ROUNDS]
set -euo pipefail
cd "$(dirname "$0")/../.."
rounds=${1:-5}
rgtp=build/release/src/cli/rgtp
command -v xxhsum >/dev/null || { echo "agreement.sh: no xxhsum here: apt-get install xxhash" >&2; exit 1; }

work=$(mktemp -d /dev/shm/rgtp-agreement-XXXXXX)
exposer=
cleanup() {
  [ -z "$exposer" ] || { kill "$exposer" && wait "$exposer"; } 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT

milliseconds() { echo $(($(date +%s%N) / 1000000)); }
median() { sort -g | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }

# What bench exposes is memory as well: it comes by a writer.
head -c 1G /dev/urandom >"$work/content"
$rgtp expose --size 1G --name content - <"$work/content" >"$work/locator" &
exposer=$!
for ((tries = 0; tries < 200; ++tries)); do
  [ ! -s "$work/locator" ] || break
  sleep 0.05
done
rm "$work/content"

# A first pull takes memory that this host may have to find first: there is one before each row of pulls.
for route in shm udp shm udp; do
  $rgtp bench --by "$route-file" --size 1g --rounds $((rounds + 1)) --json |
    jq '.cases[] | select(.state == "cold") | .rounds[1:][].last_byte_s[] * 1000 | round' >>"$work/$route.bench"
  for ((round = 0; round <= rounds; ++round)); do
    began=$(milliseconds)
    $rgtp pull --route "$route" "@$work/locator" -o "$work/out" 2>/dev/null
    xxhsum -q -H3 "$work/out" >/dev/null
    [ "$round" = 0 ] || echo $(($(milliseconds) - began)) >>"$work/$route.whole"
    rm "$work/out"
  done
done
for route in shm udp; do
  whole=$(median <"$work/$route.whole")
  bench=$(median <"$work/$route.bench")
  percent=$((bench * 100 / whole))
  echo "$route, 1 GiB: $whole ms by whole processes, $bench ms by rgtp bench: $percent %"
  ((percent >= 90 && percent <= 110)) || differing=1
done
exit "${differing:-0}"
