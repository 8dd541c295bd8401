#!/bin/bash
# The exposer's host falls silent in the middle of a pull: the puller gives up after its timeout, leaves nothing
# behind, and the exposer goes on when the network does.
. "$(dirname "$0")/lib.sh"
begin
timed_out=10

make_namespace exposing
make_namespace pulling
join "$exposing" "$pulling"
make_file in 64
start_exposer "$exposing" 10.77.0.1 in
nft_in "$exposing" "$count_sent"
mkdir "$scratch/there"

fall_silent() {
  nft_in "$exposing" "chain hole_in { type filter hook input priority 10; policy drop; }
    chain hole_out { type filter hook output priority 10; policy drop; }"
}

# expect_time_out PID SINCE: between 1.9 and 4 s after that moment.
expect_time_out() {
  local code=0 now
  wait "$1" || code=$?
  milliseconds now
  echo "ended with $code after $((now - $2)) ms"
  ((code == timed_out)) || fail "the pull ended with $code instead of $timed_out"
  ((now - $2 >= 1900 && now - $2 <= 4000)) || fail "it took $((now - $2)) ms to give up"
  [ -z "$(ls -A "$scratch/there")" ] || fail "something was left behind: $(ls -A "$scratch/there")"
}

# A rate that makes it take a while.
start_hopeless_pull() {
  in_namespace "$pulling" "$command" pull "$locator" --route udp -o "$scratch/there/out" --rate 20MB --timeout 2 &
  puller=$!
  started+=("$puller")
}

start_hopeless_pull
await_sent "$exposing" 2000000 bytes
milliseconds began
fall_silent
((bytes < 60000000)) || fail "the pull was over before the network was"
expect_time_out "$puller" "$began"

# The same from the beginning.
milliseconds began
start_hopeless_pull
expect_time_out "$puller" "$began"

ip netns exec "$exposing" nft delete chain ip t hole_in
ip netns exec "$exposing" nft delete chain ip t hole_out
pull_all "$pulling" in
stop_exposer
