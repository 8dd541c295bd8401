#!/bin/bash
# The link emulator does between two namespaces what its model does in virtual time: delay, rate and loss, seen by
# programs that know nothing of it and by its own counters.
. "$(dirname "$0")/lib.sh"
emulator=${2:?usage: $0 PATH_OF_RGTP PATH_OF_LINK_EMULATOR PATH_OF_UDP_PUMP PATH_OF_ECHO_PROBE}
pump=${3:?}
probe=${4:?}
begin jq
[ -e /dev/net/tun ] || skip "no /dev/net/tun here"

make_namespace a
make_namespace b
for ns in "$a" "$b"; do
  ip -n "$ns" tuntap add dev link0 mode tun || skip "this root may not make a TUN device"
  ip -n "$ns" link set link0 mtu 1500 txqueuelen 10000 up
done
ip -n "$a" addr add 10.78.0.1 peer 10.78.0.2 dev link0
ip -n "$b" addr add 10.78.0.2 peer 10.78.0.1 dev link0

# start OPTION...: the emulator, once packets cross.
start() {
  setpriv --pdeathsig KILL "$emulator" "$a" link0 "$b" link0 "$@" >"$scratch/counters" 2>/dev/null &
  emulating=$!
  started+=("$emulating")
  local tries
  for ((tries = 0; tries < 200; ++tries)); do
    [[ $(ip -n "$b" link show link0) = *LOWER_UP* && $(ip -n "$a" link show link0) = *LOWER_UP* ]] && return
    kill -0 "$emulating" 2>/dev/null || fail "the emulator ended"
    sleep 0.05
  done
  fail "the emulator does not begin"
}
stop() {
  kill -TERM "$emulating"
  wait "$emulating" || fail "the emulator ended with $?"
}
count() { jq "select(.direction == \"$1\") | .$2" "$scratch/counters"; }
# holds EXPRESSION WHAT
holds() { jq -ne "$1" >/dev/null || fail "$2: $1"; }

start --rate 100 --delay 15 --loss-ab 0.1 --seed 3
in_namespace "$a" "$probe" answer 10.78.0.1 7002 2>/dev/null &
started+=($!)
sleep 0.2
rtt=$( (in_namespace "$b" timeout 20 "$probe" ask 10.78.0.1 7002 --seconds 1 2>/dev/null) | jq .median)
echo "a round trip of 30 ms took $rtt ms"
holds "$rtt >= 30 and $rtt < 40" "round trip, ms"

# Far more than the rate. By the sender's clock: a receiver who is woken late at first finds the datagrams waiting.
in_namespace "$b" timeout 30 "$pump" receive 10.78.0.2 7001 >"$scratch/received" &
receiving=$!
started+=("$receiving")
sleep 0.2
(in_namespace "$a" timeout 30 "$pump" send 10.78.0.2 7001 --seconds 4) >"$scratch/sent" || fail "the pump ended with $?"
wait "$receiving" || fail "the pump's receiver ended with $?"
stop
# 1,400 of the 1,428 bytes of an IP packet are payload.
rate=$(jq -n "$(jq .bytes "$scratch/received") * 1428 / 1400 * 8e-6 / $(jq .seconds "$scratch/sent")")
lost=$(jq -n "$(count ab lost) / $(count ab packets_in)")
echo "a rate of 100 Mbit/s carried $rate; of 10 % random loss there was $lost"
holds "$rate > 90 and $rate < 105" "rate, Mbit/s"
holds "$lost > 0.09 and $lost < 0.11" "share lost"
holds "$(count ba lost) == 0" "lost on the way without loss"
holds "$(count ab dropped) > 0" "dropped at the queue"
holds "$(count ab packets_in) == $(count ab lost) + $(count ab dropped) + $(count ab packets_out)" "packets"
holds "$(count ab longest_queue_bytes) <= 375000" "bytes in a queue of one bandwidth-delay product"
