#!/bin/bash
# A router sends ten in a hundred datagrams twice, both ways. Every byte arrives; a slice that comes twice is counted
# and costs nothing more, and a request that comes twice is answered twice.
. "$(dirname "$0")/lib.sh"
begin
mib=${RGTP_NET_MIB:-32}
size=$((mib * 1048576))
patience_s=$((20 + mib / 4))

make_namespace exposing
make_namespace doubling
make_namespace pulling
join_by_router "$exposing" "$doubling" "$pulling"
make_file in "$mib"
start_exposer "$exposing" 10.77.1.1 in
nft_in "$exposing" "$count_sent
  counter asked { }
  chain arriving {
    type filter hook input priority 0;
    udp dport 9000 counter name asked
  }"
nft_in "$pulling" "counter arrived { }
  $count_joined
  chain arriving {
    type filter hook input priority 0;
    udp sport 9000 counter name arrived
  }"
nft_in "$doubling" "counter answers_twice { }
  counter requests_twice { }
  chain passing {
    type filter hook forward priority 0;
    udp sport 9000 numgen random mod 100 < 10 counter name answers_twice dup to 10.77.2.1 device \"to_b\"
    udp dport 9000 numgen random mod 100 < 10 counter name requests_twice dup to 10.77.1.1 device \"to_a\"
  }"

pull_all "$pulling" in
counter "$exposing" sent _ sent_bytes
counter "$exposing" asked asked_packets _
counter "$pulling" arrived arrived_packets arrived_bytes
counter "$doubling" answers_twice answers _
counter "$doubling" requests_twice requests _
check_cut "$pulling" "$arrived_packets" "$arrived_bytes"
said '([0-9]+) slices asked for' slices
said '([0-9]+) of them again' again
said '([0-9]+) duplicates' duplicates
echo "$answers of $arrived_packets answers and $requests of $asked_packets requests came twice; $duplicates slices" \
  "were there already, $again of $slices were asked for again"
((answers * 20 > arrived_packets && requests * 20 > asked_packets)) || fail "hardly anything was sent twice"
((duplicates >= answers * 9 / 10)) || fail "$duplicates duplicates were seen of $answers"
((again * 5 < slices)) || fail "$again of $slices slices were asked for again"
check_cost "10 % twice" "$size" "$sent_bytes" "$requests" "$asked_packets"
stop_exposer
