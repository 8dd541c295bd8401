#!/bin/bash
# Somebody who is not on the path, and knows addresses and ports of a pull but not its id, has packets arrive at the
# puller that seem to come from its exposer: of every type, with right and wrong checks, cut, and plain noise, several
# for each real one. The pull takes none of it, asks for nothing twice because of it, and is no slower.
. "$(dirname "$0")/lib.sh"
forge=${2:?usage: $0 PATH_OF_RGTP PATH_OF_FORGE_PACKETS PATH_OF_LINK_EMULATOR}
emulator=${3:?usage: $0 PATH_OF_RGTP PATH_OF_FORGE_PACKETS PATH_OF_LINK_EMULATOR}
begin jq ss sort
[ -e /dev/net/tun ] || skip "no /dev/net/tun here"

# While 64 MiB are pulled. The full run, RGTP_NET_FORGED=1000000, pulls as much three times each way, and wants the
# machine to itself; without it pulls are shorter, and the fastest ones are compared.
forged_per_64_mib=${RGTP_NET_FORGED:-100000}
if [ -n "$RGTP_NET_FORGED" ]; then mib=64 rounds=3; else mib=16 rounds=3; fi
forged=$((forged_per_64_mib * mib / 64))
kinds=data,manifest,announce,refuse,damaged-answer,cut-answer,noise,noise-with-magic
mbit_per_s=100
# By the link's rate, and what start and end of a pull take.
expected_ms=$((mib * 1048576 * 8 / mbit_per_s / 1000 * 105 / 100))

make_namespace exposing
make_namespace pulling
make_namespace forging
for ns in "$exposing" "$pulling"; do
  ip -n "$ns" tuntap add dev link0 mode tun || skip "this root may not make a TUN device"
  ip -n "$ns" link set link0 mtu 1500 txqueuelen 10000 up
done
ip -n "$exposing" addr add 10.78.0.1 peer 10.78.0.2 dev link0
ip -n "$pulling" addr add 10.78.0.2 peer 10.78.0.1 dev link0
join "$forging" "$pulling"
ip -n "$forging" route add 10.78.0.2 via 10.77.0.2
# What has the exposer's address comes from elsewhere: hosts that look where from are no target to begin with.
ip netns exec "$pulling" sh -c 'echo 0 >/proc/sys/net/ipv4/conf/all/rp_filter
  echo 0 >/proc/sys/net/ipv4/conf/rgtp0/rp_filter' || skip "no setting of rp_filter here"
nft_in "$pulling" "counter arrived { }
  chain arriving {
    type filter hook input priority 0;
    iifname rgtp0 udp sport 9000 counter name arrived
  }"

start_link() {
  setpriv --pdeathsig KILL "$emulator" "$exposing" link0 "$pulling" link0 --rate $mbit_per_s --delay 10 --seed 5 \
    >"$scratch/counters" 2>/dev/null &
  emulating=$!
  started+=("$emulating")
  local tries
  for ((tries = 0; tries < 200; ++tries)); do
    [[ $(ip -n "$pulling" link show link0) = *LOWER_UP* && $(ip -n "$exposing" link show link0) = *LOWER_UP* ]] &&
      return
    kill -0 "$emulating" 2>/dev/null || fail "the emulator ended"
    sleep 0.05
  done
  fail "the emulator does not begin"
}
# stop_link VARIABLE: how many packets to the puller had no room in the link's queue.
stop_link() {
  kill -TERM "$emulating"
  wait "$emulating" || fail "the emulator ended with $?"
  printf -v "$1" %s "$(jq 'select(.direction == "ab") | .dropped' "$scratch/counters")"
}

# udp_count NAME VARIABLE: of the kernel's counters of UDP in the puller's namespace: InDatagrams are those that a
# program read, RcvbufErrors those that a socket had no room for.
udp_count() {
  local names values i
  { read -r -a names; read -r -a values; } < <(ip netns exec "$pulling" grep ^Udp: /proc/net/snmp)
  for ((i = 0; i < ${#names[@]}; ++i)); do
    if [ "${names[i]}" = "$1" ]; then printf -v "$2" %s "${values[i]}"; fi
  done
}

# find_port VARIABLE: the puller's, once it has a socket.
find_port() {
  local tries found
  for ((tries = 0; tries < 200; ++tries)); do
    found=$(ip netns exec "$pulling" ss -Hun dst 10.78.0.1 | sed -E 's/.*10\.78\.0\.2:([0-9]+) .*/\1/')
    if [[ $found =~ ^[0-9]+$ ]]; then
      printf -v "$1" %s "$found"
      return
    fi
    sleep 0.01
  done
  fail "found no socket of the puller's"
}

# pull_once WHICH: quiet, or forged. The time by the pull's own clock goes to the file of that name.
pull_once() {
  local read_before read_after full_before full_after arrived_before arrived_after port again asked duplicates took read
  local forger= lost full
  start_link
  udp_count InDatagrams read_before
  udp_count RcvbufErrors full_before
  counter "$pulling" arrived arrived_before _
  start_pull "$pulling"
  if [ "$1" = forged ]; then
    find_port port
    in_namespace "$forging" "$forge" send $kinds 10.78.0.1:9000 "10.78.0.2:$port" \
      $((forged * 1000 / expected_ms)) "$forged" "${locator##*/}" >"$scratch/forged-packets" &
    forger=$!
    started+=("$forger")
  fi
  await_pull in
  if [ -n "$forger" ]; then
    kill -TERM "$forger" 2>/dev/null
    wait "$forger" || fail "the forger ended with $?"
  fi
  udp_count InDatagrams read_after
  udp_count RcvbufErrors full_after
  counter "$pulling" arrived arrived_after _
  stop_link lost
  said ' in ([0-9.]+) s, ' took
  said '([0-9]+) slices asked for' asked
  said '([0-9]+) of them again' again
  said '([0-9]+) duplicates' duplicates
  said '([0-9]+) datagrams received' read
  echo "$took" >>"$scratch/$1"
  arrived=$((arrived_after - arrived_before))
  read=$((read_after - read_before - read))
  full=$((full_after - full_before))
  echo "$1: $took s, $again of $asked slices asked for again, $duplicates came twice; the link dropped $lost;" \
    "$arrived forged packets arrived, $read of them were read, the socket dropped $full of all"
  ((duplicates * 100 <= asked)) || fail "slices were fetched twice"
  ((again <= lost + full + asked / 50)) || fail "more slices were asked for again than were lost"
  [ "$1" = quiet ] && return
  # Those of the last moments come too late.
  ((arrived * 10 >= forged * 7)) || fail "only $arrived of $forged forged packets arrived"
  ((read * 10 >= arrived * 8)) || fail "the puller was spared most of them"
}

# of_times WHICH RANK: the one of that rank, the fastest being 1.
of_times() { sort -g "$scratch/$1" | sed -n "$2p"; }

make_file in "$mib"
start_exposer "$exposing" 10.78.0.1 in
for ((round = 0; round < rounds; ++round)); do
  pull_once quiet
  pull_once forged
done
median=$(((rounds + 1) / 2))
echo "$mib MiB in $(of_times quiet $median) s, and in $(of_times forged $median) s with $forged forged packets:" \
  "medians of $rounds each"
if [ -n "$RGTP_NET_FORGED" ]; then judged=$median; else judged=1; fi
quiet_s=$(of_times quiet $judged)
forged_s=$(of_times forged $judged)
((10#${forged_s/./} * 10 <= 10#${quiet_s/./} * 11)) || fail "forged packets made the pull slower"
stop_exposer
