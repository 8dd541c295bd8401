#!/bin/bash
# Between two hosts whose link carries jumbo frames a pull finds that out.
. "$(dirname "$0")/lib.sh"
begin

make_namespace exposing
make_namespace pulling
join "$exposing" "$pulling"
ip -n "$exposing" link set rgtp0 mtu 9000
ip -n "$pulling" link set rgtp0 mtu 9000
make_file in 32
start_exposer "$exposing" 10.77.0.1 in
nft_in "$pulling" "counter long { }
  chain arriving {
    type filter hook input priority 0;
    udp sport 9000 ip length > 1500 counter name long
  }"

# A busy machine may look like a black hole, which ends a search for a second: not three times.
for attempt in 1 2 3; do
  start_pull "$pulling"
  await_pull in
  said 'MTU ([0-9]+)' mtu
  counter "$pulling" long long_packets long_bytes
  echo "MTU $mtu; $long_packets packets longer than 1500 bytes, with $long_bytes bytes; $took_ms ms"
  # Chunks are cut into equal slices, the longest of which are somewhat shorter than the path allows.
  ((mtu <= 8000)) || break
done
((mtu > 8000 && mtu <= 9000)) || fail "an MTU of $mtu was found instead of 9000"
((long_bytes > 16000000)) || fail "hardly anything went in long packets"
((long_bytes <= long_packets * 8972)) || fail "datagrams were not cut: $long_bytes bytes in $long_packets packets"
stop_exposer
