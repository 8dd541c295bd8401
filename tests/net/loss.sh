#!/bin/bash
# Random loss of datagrams towards the puller: over loopback, and between two hosts. Every byte arrives, and the
# exposer sends little more than what is lost.
. "$(dirname "$0")/lib.sh"
path=${2:?usage: $0 PATH_OF_RGTP loopback|veth PERCENT}
percent=${3:?usage: $0 PATH_OF_RGTP loopback|veth PERCENT}
begin
mib=${RGTP_NET_MIB:-32}
size=$((mib * 1048576))
patience_s=$((20 + mib / 4))

make_namespace exposing
if [ "$path" = loopback ]; then
  pulling=$exposing
  address=127.0.0.1
  cut_trains "$exposing" lo
else
  make_namespace pulling
  join "$exposing" "$pulling"
  address=10.77.0.1
fi
make_file in "$mib"
start_exposer "$exposing" "$address" in

count_arrived="$count_joined
  counter arrived { }
  counter lost { }
  chain arriving {
    type filter hook input priority 0;
    udp sport 9000 counter name arrived
    udp sport 9000 numgen random mod 1000 < $((percent * 10)) counter name lost drop
  }"
if [ "$exposing" = "$pulling" ]; then
  nft_in "$exposing" "$count_sent
    $count_arrived"
else
  nft_in "$exposing" "$count_sent"
  nft_in "$pulling" "$count_arrived"
fi

pull_all "$pulling" in
counter "$exposing" sent sent_packets sent_bytes
counter "$pulling" arrived arrived_packets arrived_bytes
counter "$pulling" lost lost_packets lost_bytes
check_cut "$pulling" "$arrived_packets" "$arrived_bytes"
((percent == 0 || lost_packets > 0)) || fail "nothing was lost"
((percent != 0 || lost_packets == 0)) || fail "something was lost"
check_in_part "$lost_packets"
check_cost "$path, $percent % lost" "$size" "$sent_bytes" "$lost_packets" "$arrived_packets"
stop_exposer
