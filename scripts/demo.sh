#!/usr/bin/env bash
# Builds RGTP and shows its main job: one process exposes files, others pull them, by memory and by packets; the bytes
# are compared. Beside the rates stand memcpy and iperf3's TCP over loopback, of the same run.
#   scripts/demo.sh [MIB]     size of the large file, 1024 by default
set -euo pipefail
cd "$(dirname "$0")/.."
mib=${1:-1024}

scripts/deps.sh
cmake --preset release -DRGTP_BUILD_TESTS=OFF -DRGTP_BUILD_EXAMPLES=OFF -B build/demo >/dev/null
cmake --build build/demo --target rgtp_command rgtp_static memory_bench | tail -n 1
rgtp=$PWD/build/demo/src/cli/rgtp

work=$(mktemp -d)
exposer=
iperf=
cleanup() {
  [ -z "$exposer" ] || kill "$exposer" 2>/dev/null || true
  [ -z "$iperf" ] || kill "$iperf" 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT

echo "making a file of $mib MiB"
head -c "${mib}M" /dev/urandom >"$work/large.bin"
cp build/demo/src/librgtp.a "$work/library.a"

"$rgtp" expose "$work/library.a" "$work/large.bin" >"$work/locators" &
exposer=$!
for _ in $(seq 600); do
  [ "$(wc -l <"$work/locators")" = 2 ] && break
  kill -0 "$exposer" 2>/dev/null || exit 1
  sleep 0.1
done

failed=0
pull() { # pull NAME LOCATOR ROUTE EXPECTED [OPTION...]
  "$rgtp" pull "$2" -o "$work/pulled" --route "$3" "${@:5}"
  if [ "$(sha256sum <"$work/pulled")" = "$4" ]; then
    echo "$1 by $3: SHA-256 is the same on both sides"
  else
    echo "$1 by $3: SHA-256 DIFFERS" >&2
    failed=1
  fi
  rm -f "$work/pulled"
}
while read -r name locator; do
  expected=$(sha256sum <"$work/$name")
  # In turns and more than once: what is written first pays for memory that this machine had not touched before, and
  # for the disk.
  for round in 1 2 3; do
    echo
    for route in shm udp; do
      if [ "$round" = 1 ]; then
        pull "$name" "$locator" "$route" "$expected" --verbose
      else
        pull "$name" "$locator" "$route" "$expected"
      fi
    done
  done
done < <(paste -d ' ' <(printf 'library.a\nlarge.bin\n') "$work/locators")

kill -INT "$exposer"
wait "$exposer"
exposer=

echo
echo "256 MiB between two processes, without a file at the end:"
build/demo/bench/memory_bench 5
iperf3 -s -1 -p 9431 -B 127.0.0.1 >/dev/null 2>&1 &
iperf=$!
sleep 0.5
iperf3 -c 127.0.0.1 -p 9431 -n "${mib}M" -C cubic -J 2>/dev/null |
  awk -F'[:,]' '/sum_received/ {found = 1} found && /bits_per_second/ {printf "%-42s %8.0f MB/s\n", "iperf3, TCP cubic over loopback", $2 / 8e6; exit}'
wait "$iperf" || true
iperf=
exit "$failed"
