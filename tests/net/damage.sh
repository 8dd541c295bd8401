#!/bin/bash
# Five in a hundred datagrams towards the puller are damaged where UDP's checksum does not see it: between two
# hosts that share a kernel nobody computes it. No damaged byte arrives, and a damaged slice costs a slice.
. "$(dirname "$0")/lib.sh"
begin
mib=${RGTP_NET_MIB:-32}
size=$((mib * 1048576))
patience_s=$((20 + mib / 4))

make_namespace exposing
make_namespace pulling
join "$exposing" "$pulling"
make_file in "$mib"
start_exposer "$exposing" 10.77.0.1 in

nft_in "$exposing" "$count_sent"
# 50 bytes behind the beginning of the UDP header: in the payload of DATA, at the end of its header, in MANIFEST.
nft_in "$pulling" "$count_joined
  counter arrived { }
  counter damaged { }
  chain arriving {
    type filter hook input priority 0;
    udp sport 9000 counter name arrived
    udp sport 9000 numgen random mod 100 < 5 @th,400,32 set 0x5a5aa5a5 counter name damaged
  }"

pull_all "$pulling" in
counter "$exposing" sent sent_packets sent_bytes
counter "$pulling" arrived arrived_packets arrived_bytes
counter "$pulling" damaged damaged_packets damaged_bytes
check_cut "$pulling" "$arrived_packets" "$arrived_bytes"
((damaged_packets > 0)) || fail "nothing was damaged"
# What the kernel itself threw away would not be damage that we found.
while read -r name value _; do
  if [ "$name" = UdpInCsumErrors ] && ((value > damaged_packets / 10)); then
    fail "UDP's checksum saw $value of $damaged_packets"
  fi
done < <(ip netns exec "$pulling" nstat -asz UdpInCsumErrors 2>/dev/null)
check_in_part "$damaged_packets"
said '([0-9]+) dropped' dropped
((dropped >= damaged_packets * 9 / 10)) || fail "the puller dropped only $dropped of $damaged_packets datagrams"
check_cost "veth, 5 % damaged" "$size" "$sent_bytes" "$damaged_packets" "$arrived_packets"
stop_exposer
