#!/bin/bash
# The path comes to carry less in the middle of a pull: the link behind a router, with ICMP messages that say so and
# without (a black hole), or the exposer's own link, whose kernel then refuses to send. The pull takes shorter
# packets and ends, exact and soon; and so does the next one, which begins on the shorter path.
. "$(dirname "$0")/lib.sh"
where=${2:?usage: $0 PATH_OF_RGTP behind_router|black_hole|own_link}
begin
shorter=1280

make_namespace exposing
make_namespace routing
make_namespace pulling
join_by_router "$exposing" "$routing" "$pulling"
make_file in 48
start_exposer "$exposing" 10.77.1.1 in
nft_in "$exposing" "$count_sent
  counter told { }
  chain arriving {
    type filter hook input priority 0;
    icmp code frag-needed counter name told
  }
  # REFUSE, and slice_too_large: src/packet/WIRE.md.
  counter refused { }
  chain leaving_refused {
    type filter hook output priority 1;
    udp sport 9000 @th,88,8 7 @th,224,8 6 counter name refused
  }"
# What a link is too small for does not come as far as this.
nft_in "$routing" "counter long { }
  chain passing {
    type filter hook forward priority 0;
    udp sport 9000 ip length > $shorter counter name long
  }"
if [ "$where" = black_hole ]; then
  nft_in "$routing" "chain silence {
    type filter hook output priority 0;
    icmp type destination-unreachable drop
  }"
fi

# A rate that makes it take a while.
start_pull "$pulling" --rate 20MB
await_sent "$exposing" 4000000 bytes
if [ "$where" = own_link ]; then
  ip -n "$exposing" link set rgtp0 mtu "$shorter"
  ip -n "$routing" link set to_a mtu "$shorter"
else
  ip -n "$routing" link set to_b mtu "$shorter"
  ip -n "$pulling" link set rgtp0 mtu "$shorter"
fi
milliseconds cut_ms
counter "$routing" long long_before bytes
((bytes < 45000000)) || fail "the pull was over before the path was shorter"
await_pull in
milliseconds now
said 'MTU ([0-9]+)' mtu
counter "$exposing" told told _
counter "$exposing" refused refused _
echo "$where: MTU $mtu, done $((now - cut_ms)) ms after $bytes bytes; $long_before long packets, $told ICMP messages," \
  "$refused REFUSE"
((long_before > 500)) || fail "only $long_before packets were longer than $shorter before"
((mtu > 1000 && mtu <= shorter)) || fail "an MTU of $mtu is used where $shorter bytes pass"
((now - cut_ms < 5000)) || fail "it took $((now - cut_ms)) ms"
case "$where" in
behind_router) ((told > 0)) || fail "nobody told the exposer" ;;
black_hole) ((told == 0)) || fail "$told ICMP messages arrived" ;;
own_link) ((refused > 0)) || fail "the exposer did not say that its link carries no more" ;;
esac

start_pull "$pulling"
await_pull in
said 'MTU ([0-9]+)' mtu
echo "again: MTU $mtu, $took_ms ms"
((mtu > 1000 && mtu <= shorter)) || fail "an MTU of $mtu is used where $shorter bytes pass"
((took_ms < 5000)) || fail "it took $took_ms ms"
stop_exposer
