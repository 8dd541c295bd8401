#!/usr/bin/env bash
# Measures pulls by packets beside TCP (iperf3) in the same run, over loopback and over a veth pair with real MTU-1500
# frames, in network namespaces of its own. Prints the README's table. Needs root.
#   scripts/bench_packets.sh [MIB] [ROUNDS]     1024 and 5 by default
set -euo pipefail
cd "$(dirname "$0")/.."
mib=${1:-1024}
rounds=${2:-5}
[ "$(id -u)" = 0 ] || { echo "network namespaces need root" >&2; exit 1; }
scripts/deps.sh
cmake --preset release >/dev/null
cmake --build --preset release --target rgtp_command | tail -n 1
rgtp=$PWD/build/release/src/cli/rgtp

a=rgtp-bench-a-$$
b=rgtp-bench-b-$$
work=$(mktemp -d)
pids=()
cleanup() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  ip netns del "$a" 2>/dev/null || true
  ip netns del "$b" 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT

ip netns add "$a"
ip netns add "$b"
ip link add veth0 netns "$a" mtu 1500 type veth peer name veth0 netns "$b" mtu 1500
ip -n "$a" addr add 10.79.0.1/24 dev veth0
ip -n "$b" addr add 10.79.0.2/24 dev veth0
for ns in "$a" "$b"; do
  ip -n "$ns" link set lo up
  ip -n "$ns" link set veth0 up
  # Frames are really cut to the MTU and put together again, as by a network card.
  ip netns exec "$ns" ethtool -K veth0 tso off gso off tx-udp-segmentation off gro on >/dev/null
done

head -c "${mib}M" /dev/urandom >"$work/source"

serve() { # serve NS ADDRESS: starts exposer and iperf3 server; the locator goes to $work/locator
  ip netns exec "$1" "$rgtp" expose "$work/source" --route udp --bind "$2:9000" >"$work/locator" &
  pids+=($!)
  ip netns exec "$1" iperf3 -s -B "$2" >/dev/null 2>&1 &
  pids+=($!)
  for _ in $(seq 300); do
    [ -s "$work/locator" ] && return
    sleep 0.1
  done
  echo "the exposer did not start" >&2
  exit 1
}
median() { sort -n | awk '{v[NR] = $1} END {printf "%.0f (%.0f to %.0f)", v[int((NR + 1) / 2)], v[1], v[NR]}'; }
elapsed_rate() { # elapsed_rate COMMAND...: MB/s
  local start end
  start=$(date +%s%N)
  "$@" >/dev/null 2>"$work/errors" || { cat "$work/errors" >&2; return 1; }
  end=$(date +%s%N)
  awk -v ns=$((end - start)) -v mib="$mib" 'BEGIN {printf "%.1f\n", mib * 1048576 * 1000 / ns}'
}
measure() { # measure TITLE NS ADDRESS [PULL OPTION...]
  local title=$1 ns=$2 address=$3
  shift 3
  for _ in $(seq "$rounds"); do
    elapsed_rate ip netns exec "$ns" "$rgtp" pull "$(cat "$work/locator")" --route udp -o "$work/pulled" "$@" >>"$work/pull"
    cmp -s "$work/source" "$work/pulled" || { echo "wrong bytes" >&2; exit 1; }
    rm -f "$work/pulled"
    ip netns exec "$ns" iperf3 -c "$address" -R -n "${mib}M" -C cubic -J 2>/dev/null |
      awk -F'[:,]' '/sum_received/ {found = 1} found && /bits_per_second/ {printf "%.1f\n", $2 / 8e6; exit}' >>"$work/tcp"
  done
  echo "| $title | $(median <"$work/pull") | $(median <"$work/tcp") |"
  rm -f "$work/pull" "$work/tcp"
}
stop() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; done
  pids=()
  rm -f "$work/locator"
}

echo "| path, $mib MiB, medians of $rounds (min to max), MB/s | rgtp pull, verified, into a file | iperf3 TCP cubic, memory to memory |"
echo "|---|---|---|"
serve "$a" 127.0.0.1
measure "loopback, datagrams of 9,000 bytes" "$a" 127.0.0.1
measure "loopback, --mtu 1500" "$a" 127.0.0.1 --mtu 1500
stop
serve "$a" 10.79.0.1
measure "veth, real MTU-1500 frames" "$b" 10.79.0.1
stop
