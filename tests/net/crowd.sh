#!/bin/bash
# 64 pullers of one surface at once, each a process of its own, with 5 % of the datagrams lost each way: every byte
# arrives at each of them, they share fairly, and the exposer's memory stays what it was.
. "$(dirname "$0")/lib.sh"
begin awk sha256sum
pullers=64
percent=5
least_jain_permille=900
most_growth_kib=1024
# The full campaign's 1024 is 64 MiB for each of them.
each_mib=8
[ -z "$RGTP_NET_MIB" ] || each_mib=$(((RGTP_NET_MIB + 15) / 16))
all_bytes=$((pullers * each_mib * 1048576))
# 10 MB/s for all of them together, so that a busy machine may take its time.
patience_s=$((20 + all_bytes / 10000000))

# start_pullers: they wait for the locator on their stdin, so that being started first is no head start.
start_pullers() {
  local i tries
  pids=()
  for ((i = 0; i < pullers; ++i)); do
    mkfifo "$scratch/gate-$i"
    in_namespace "$pulling" "$command" pull - --route udp -o "$scratch/out-$i" --verbose \
      <>"$scratch/gate-$i" 2>"$scratch/said-$i" &
    pids+=($!)
    started+=($!)
  done
  for ((i = 0; i < pullers; ++i)); do
    for ((tries = 0; tries < 2000; ++tries)); do
      if [ "/proc/${pids[i]}/exe" -ef "$command" ]; then break; fi
      sleep 0.01
    done
    ((tries < 2000)) || fail "puller $i did not start"
  done
  sleep 0.2
}

# let_go: all of them pull, until the last one is done. The most that the exposer had of memory meanwhile goes into
# $peak_kib, the time into $took_ms. They are stopped until all have the locator: the first to be told could be done
# before the last one was.
let_go() {
  local i began now
  peak_kib=0
  samples=0
  kill -STOP "${pids[@]}"
  for ((i = 0; i < pullers; ++i)); do printf '%s\n' "$locator" >"$scratch/gate-$i"; done
  milliseconds began
  kill -CONT "${pids[@]}"
  i=0
  while ((i < pullers)); do
    milliseconds now
    ((now - began < patience_s * 1000)) || fail "pull $i does not end"
    if kill -0 "${pids[i]}" 2>/dev/null; then
      anonymous_kib "$exposer" peak_kib
      samples=$((samples + 1))
      sleep 0.02
    else
      i=$((i + 1))
    fi
  done
  took_ms=$((now - began + 1))
}

# check_pulls NAME: that each of them ended well, with the bytes of the file NAME.
check_pulls() {
  local i code expected got
  read -r expected _ < <(sha256sum "$scratch/$1")
  for ((i = 0; i < pullers; ++i)); do
    wait "${pids[i]}" || { code=$?; cat "$scratch/said-$i" >&2; fail "pull $i ended with $code"; }
    read -r got _ < <(sha256sum "$scratch/out-$i")
    [ "$got" = "$expected" ] || fail "other bytes came out of pull $i"
    rm "$scratch/out-$i"
  done
}

# all_said PATTERN: what stands for the parentheses of PATTERN in what each pull said of itself, one a line.
all_said() {
  local i
  for ((i = 0; i < pullers; ++i)); do
    [[ $(<"$scratch/said-$i") =~ $1 ]] || fail "pull $i did not say '$1'"
    echo "${BASH_REMATCH[1]}"
  done
}
sum() { awk '{s += $1} END {printf "%.0f", s}'; }
# Jain's index (1000 is perfectly fair) of the rates of pulls of one size, from their times by their own clocks.
jain_permille() { awk '{r = 1 / $1; s += r; q += r * r} END {printf "%d", 1000 * s * s / NR / q}'; }

make_namespace exposing
make_namespace pulling
join "$exposing" "$pulling"
make_file in "$each_mib"
start_exposer "$exposing" 10.77.0.1 in
nft_in "$exposing" "$count_sent
  counter asked { }
  counter lost { }
  chain arriving {
    type filter hook input priority 0;
    udp dport 9000 counter name asked
    udp dport 9000 numgen random mod 100 < $percent counter name lost drop
  }"
nft_in "$pulling" "$count_joined
  counter arrived { }
  counter lost { }
  chain arriving {
    type filter hook input priority 0;
    udp sport 9000 counter name arrived
    udp sport 9000 numgen random mod 100 < $percent counter name lost drop
  }"

start_pullers
before_kib=0
anonymous_kib "$exposer" before_kib
let_go
after_kib=0
anonymous_kib "$exposer" after_kib
check_pulls in

counter "$exposing" sent sent_packets sent_bytes
counter "$exposing" asked asked_packets asked_bytes
counter "$exposing" lost lost_requests _
counter "$pulling" arrived arrived_packets arrived_bytes
counter "$pulling" lost lost_packets _
check_cut "$pulling" "$arrived_packets" "$arrived_bytes"
((lost_packets > 0 && lost_requests > 0)) || fail "nothing was lost"
jain=$(all_said ' in ([0-9.]+) s, ' | jain_permille)
echo "$pullers pullers, $each_mib MiB each: $took_ms ms, Jain's index $jain per mille," \
  "times from $(all_said ' in ([0-9.]+) s, ' | sort -g | sed -n '1p;$p' | paste -sd -) s"
echo "of $(all_said '([0-9]+) slices asked for' | sum) slices asked for $(all_said '([0-9]+) of them again' | sum)" \
  "were asked for again, $(all_said 'dropped and ([0-9]+) by the socket' | sum) datagrams were dropped by sockets;" \
  "$lost_requests of $asked_packets requests were lost"
echo "the exposer had $before_kib KiB of memory before, at most $peak_kib in $samples samples, $after_kib after"
check_cost "to all, $percent % lost each way" "$all_bytes" "$sent_bytes" "$lost_packets" "$arrived_packets"
((jain >= least_jain_permille)) || fail "they did not share fairly"
((samples >= 10 && before_kib > 0)) || fail "too few samples"
((peak_kib <= before_kib + most_growth_kib)) || fail "the exposer's memory grew by $((peak_kib - before_kib)) KiB"
stop_exposer
