#!/bin/bash
# Somebody who knows addresses and ports of a pull sends both its hosts four thousand forged ICMP messages a second:
# that packets are too long, or that nobody listens. Neither the pull under way nor the next one stops, becomes slow, or
# takes shorter packets.
. "$(dirname "$0")/lib.sh"
forge=${2:?usage: $0 PATH_OF_RGTP PATH_OF_FORGE_ICMP WHAT}
what=${3:?usage: $0 PATH_OF_RGTP PATH_OF_FORGE_ICMP WHAT}
begin ss
per_second=4000

make_namespace exposing
make_namespace forging
make_namespace pulling
join_by_router "$exposing" "$forging" "$pulling"
make_file in 24
start_exposer "$exposing" 10.77.1.1 in
count_forged="counter forged { }
  chain arriving {
    type filter hook input priority 0;
    icmp type destination-unreachable counter name forged
  }"
nft_in "$exposing" "$count_sent
  $count_forged"
nft_in "$pulling" "$count_forged"

# As it is without: at a rate that makes it take a while.
start_pull "$pulling" --rate 20MB
await_pull in
undisturbed_ms=$took_ms
said 'MTU ([0-9]+)' undisturbed_mtu

# start_forging VICTIM PORT PEER PORT
forgers=()
start_forging() {
  in_namespace "$forging" "$forge" "$what" "$@" "$per_second" &
  forgers+=($!)
  started+=($!)
}

# check_pull WHICH MOST_MS
check_pull() {
  await_pull in
  said 'MTU ([0-9]+)' mtu
  said '([0-9]+) slices asked for' asked
  said '([0-9]+) of them again' again
  local at_exposer at_puller
  counter "$exposing" forged at_exposer _
  counter "$pulling" forged at_puller _
  echo "$what, $1: MTU $mtu after $undisturbed_mtu, $took_ms ms after $undisturbed_ms," \
    "$again of $asked slices asked for again, $at_exposer and $at_puller messages"
  ((at_exposer > $2 && at_puller > $2)) || fail "too few messages to say anything"
  # A busy machine may look like a black hole for a moment, which leaves 1200; a message that is believed, less.
  ((mtu >= 1200)) || fail "the MTU was $mtu instead of $undisturbed_mtu"
  ((took_ms < undisturbed_ms * 2 + 500)) || fail "the pull took $took_ms ms instead of $undisturbed_ms"
  ((again * 16 < asked)) || fail "$again of $asked slices were asked for again"
}

counter "$exposing" sent _ before
start_pull "$pulling" --rate 20MB
await_sent "$exposing" $((before + 1000000)) _
port=$(ip netns exec "$pulling" ss -Hun dst 10.77.1.1 | sed -E 's/.*10\.77\.2\.1:([0-9]+) .*/\1/')
[[ $port =~ ^[0-9]+$ ]] || fail "found no socket of the puller's but '$port'"
start_forging 10.77.1.1 9000 10.77.2.1 "$port"
start_forging 10.77.2.1 "$port" 10.77.1.1 9000
check_pull "under way" 1000
# What the hosts' kernels were told of the path they have not forgotten.
start_pull "$pulling" --rate 20MB
check_pull "the next one" 2000
for pid in "${forgers[@]}"; do
  kill -0 "$pid" 2>/dev/null || fail "the forger ended"
done
stop_exposer
