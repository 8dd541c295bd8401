#!/bin/bash
# The puller's host changes its address in the middle of a pull: what it sends fails, it takes a new socket, and the
# pull goes on from the new address.
. "$(dirname "$0")/lib.sh"
begin

make_namespace exposing
make_namespace pulling
join "$exposing" "$pulling"
make_file in 64
start_exposer "$exposing" 10.77.0.1 in
nft_in "$exposing" "$count_sent
  counter moved { }
  chain leaving_moved {
    type filter hook output priority 1;
    ip daddr 10.77.0.3 udp sport 9000 counter name moved
  }"

# A rate that makes it take a while.
start_pull "$pulling" --rate 20MB --timeout 3
await_sent "$exposing" 2000000 bytes
ip -n "$pulling" addr del 10.77.0.2/24 dev rgtp0
((bytes < 60000000)) || fail "the pull was over before the address changed"
sleep 0.5
ip -n "$pulling" addr add 10.77.0.3/24 dev rgtp0
milliseconds began
await_pull in
milliseconds ended
counter "$exposing" moved packets moved_bytes
echo "$bytes bytes before the change, $moved_bytes from the new address, done $((ended - began)) ms after it was there"
((moved_bytes > 1000000)) || fail "hardly anything went to the new address"
stop_exposer
