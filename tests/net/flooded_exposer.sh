#!/bin/bash
# A hundred thousand bogus requests a second reach an exposer from addresses of a whole network: `mixed` are HELLO
# without a cookie, for what it has and for what it has not, PULL with bogus cookies, and noise; `hello` alone is what
# draws most answers. What one of them costs the exposer is little, its memory stays what it was, and a pull under way
# ends with all its bytes: in the full campaign at 70 % of its rate at least.
#
# The flood takes the machine's time too, wherever it goes. What the exposer makes of it shows against the same flood at
# a socket beside it that nobody reads. Rates say little where others use the machine: they are judged in the full
# campaign alone, which wants it to itself. Time on the processor is the exposer's own.
. "$(dirname "$0")/lib.sh"
forge=${2:?usage: $0 PATH_OF_RGTP PATH_OF_FORGE_PACKETS PATH_OF_PULL_METER mixed|hello}
meter=${3:?usage: $0 PATH_OF_RGTP PATH_OF_FORGE_PACKETS PATH_OF_PULL_METER mixed|hello}
what=${4:?mixed or hello}
begin jq ss sort
per_second=100000
least_percent=70
# As much of the exposer's time as so many datagrams of DATA: an answer is a send of its own.
case $what in
  mixed) kinds=hello-unknown,pull,noise,hello most_cost_permille=4000 ;;
  hello) kinds=hello most_cost_permille=6000 ;;
  *) fail "there is no flood '$what'" ;;
esac
most_growth_kib=1024
if [ -n "$RGTP_NET_MIB" ]; then mib=512 rounds=5; else mib=128 rounds=2; fi

make_namespace exposing
make_namespace pulling
make_namespace forging
join "$exposing" "$pulling"
ip link add rgtp1 netns "$exposing" mtu 1500 type veth peer name rgtp1 netns "$forging" mtu 1500
ip -n "$exposing" addr add 10.79.0.1/24 dev rgtp1
ip -n "$forging" addr add 10.79.0.2/24 dev rgtp1
ip -n "$exposing" link set rgtp1 up
ip -n "$forging" link set rgtp1 up
# Answers to what is forged leave by the way that it came.
ip -n "$exposing" route add 10.66.0.0/16 via 10.79.0.2
ip -n "$forging" route add 10.77.0.1 via 10.79.0.1
make_file in "$mib"
start_exposer "$exposing" 10.77.0.1 in --verbose 2>"$scratch/exposer-said"
in_namespace "$exposing" "$forge" hold 10.77.0.1:9001 &
started+=($!)
nft_in "$exposing" "counter exposer { }
  counter elsewhere { }
  chain arriving {
    type filter hook input priority 0;
    iifname rgtp1 udp dport 9000 counter name exposer
    iifname rgtp1 udp dport 9001 counter name elsewhere
  }"

# start_flood WHERE: exposer or elsewhere; it ends with stop_flood.
start_flood() {
  local port=9000 tries came=0 before _
  [ "$1" = exposer ] || port=9001
  counter "$exposing" "$1" before _
  in_namespace "$forging" "$forge" send "$kinds" 10.66.0.0/16:1024-65535 "10.77.0.1:$port" \
    "$per_second" 0 "${locator##*/}" >"$scratch/forged" &
  forger=$!
  started+=("$forger")
  for ((tries = 0; tries < 200; ++tries)); do
    counter "$exposing" "$1" came _
    if ((came > before)); then return; fi
    sleep 0.01
  done
  fail "the flood does not arrive"
}
stop_flood() {
  kill -TERM "$forger"
  wait "$forger" || fail "the forger ended with $?"
}

# exposer_us VARIABLE: the time that the exposer's threads have had on a processor.
exposer_us() {
  local task ns all=0
  for task in "/proc/$exposer/task"/*/schedstat; do
    read -r ns _ <"$task"
    all=$((all + ns))
  done
  printf -v "$1" %s $((all / 1000))
}

# dropped VARIABLE: datagrams that the exposer's socket had no room for.
dropped() {
  local all
  all=$(ip netns exec "$exposing" ss -Huanm sport = :9000)
  [[ $all =~ ,d([0-9]+)\) ]] || fail "the exposer's socket does not tell its drops"
  printf -v "$1" %s "${BASH_REMATCH[1]}"
}

# pull_once WHERE: its rate in MB/s goes to the file WHERE, be that quiet, elsewhere or exposer. The exposer's time for
# it goes into $took_us, and the size of the flood into $flood. Tried again where others kept the forger from its
# processor.
pull_once() {
  local tries
  for ((tries = 0; tries < 5; ++tries)); do
    try_pull "$1"
    if [ "$1" = quiet ] || ((flood_per_second * 2 >= per_second)); then
      echo "$rate" >>"$scratch/$1"
      return
    fi
  done
  [ -z "$RGTP_NET_MIB" ] || fail "the flood was too small to say anything"
  skip "this machine is too busy to send $per_second datagrams a second"
}
try_pull() {
  local before=0 after=0 began now dropped_before dropped_after us_before us_after again
  flood_per_second=0
  if [ "$1" != quiet ]; then
    start_flood "$1"
    counter "$exposing" "$1" before _
  fi
  milliseconds began
  exposer_us us_before
  dropped dropped_before
  (in_namespace "$pulling" timeout 60 "$meter" "$locator" --stream) >"$scratch/measured" || fail "the pull failed"
  dropped dropped_after
  exposer_us us_after
  if [ "$1" != quiet ]; then
    counter "$exposing" "$1" after _
    milliseconds now
    stop_flood
    flood_per_second=$(((after - before) * 1000 / (now - began + 1)))
  fi
  flood=$((after - before))
  took_us=$((us_after - us_before))
  rate=$(jq '.goodput / 1e6 | floor' "$scratch/measured")
  again=$(jq '.stats.slices_asked_again' "$scratch/measured")
  [ "$(jq .bytes "$scratch/measured")" = $((mib * 1048576)) ] || fail "not all bytes came"
  echo "flood $1 ($flood_per_second/s): $rate MB/s, $((took_us / 1000)) ms of the exposer's time, $again slices asked" \
    "for again, $((dropped_after - dropped_before)) datagrams dropped by the exposer's socket"
}
median() { sort -g "$scratch/$1" | sed -n "$(((rounds + 1) / 2))p"; }

before_kib=0
after_kib=0
quiet_us=0
flooded_us=0
floods=0
pull_once quiet # which has it take its memory
rm "$scratch/quiet"
anonymous_kib "$exposer" before_kib
for ((round = 0; round < rounds; ++round)); do
  pull_once quiet
  quiet_us=$((quiet_us + took_us))
  pull_once elsewhere
  pull_once exposer
  flooded_us=$((flooded_us + took_us))
  floods=$((floods + flood))
  anonymous_kib "$exposer" after_kib
done
quiet=$(median quiet)
elsewhere=$(median elsewhere)
flooded=$(median exposer)
echo "medians of $rounds, MB/s: $quiet; with the flood at another socket $elsewhere, at the exposer $flooded:" \
  "$((flooded * 100 / elsewhere)) and $((flooded * 100 / quiet)) per cent of these"
# Slices of 1,426 bytes, as the pull's size in datagrams.
data_ns=$((quiet_us * 1000 / (rounds * mib * 1048576 / 1426)))
bogus_ns=$(((flooded_us - quiet_us) * 1000 / floods))
echo "a datagram of DATA cost the exposer $data_ns ns, and a bogus request $bogus_ns"
echo "it had $before_kib KiB of memory before, at most $after_kib after"
((bogus_ns * 1000 <= data_ns * most_cost_permille)) || fail "a bogus request costs the exposer too much"
((after_kib <= before_kib + most_growth_kib)) || fail "the exposer's memory grew by $((after_kib - before_kib)) KiB"
if [ -n "$RGTP_NET_MIB" ]; then
  ((flooded * 100 >= elsewhere * least_percent)) || fail "the flood at the exposer took too much of the pull's rate"
fi
stop_exposer
sed 's/^/the exposer: /' "$scratch/exposer-said"
