#!/bin/bash
# The exposer's link takes less than a pull asks for, and the kernel pushes back: sends wait until the link takes more.
# Loopback and veth never do that of themselves.
. "$(dirname "$0")/lib.sh"
push_back_test=${2:?usage: $0 PATH_OF_RGTP PATH_OF_PUSH_BACK_TEST}
begin tc

make_namespace exposing
make_namespace pulling
join "$exposing" "$pulling"
# limit_link MBIT: far more room than a send buffer has, so that nothing is dropped.
limit_link() {
  ip netns exec "$exposing" tc qdisc replace dev rgtp0 root tbf rate "$1mbit" burst 16k limit 16m ||
    skip "this kernel has no tbf"
}

limit_link 20
(RGTP_ASKING_NAMESPACE=$pulling in_namespace "$exposing" timeout 30 "$push_back_test") ||
  fail "the exposer did not go on"

limit_link 400
make_file in 16
start_exposer "$exposing" 10.77.0.1 in
# Asks for twice what the link takes.
start_pull "$pulling" --rate 100MB
await_pull in
said '([0-9]+) slices asked for' asked
said '([0-9]+) of them again' again
echo "16 MiB over 400 Mbit/s in $took_ms ms, $again of $asked slices asked for again"
((took_ms > 300)) || fail "the link did not limit the pull"
((took_ms < 3000)) || fail "the pull took $took_ms ms"
stop_exposer
