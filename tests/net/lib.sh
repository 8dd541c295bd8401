# What tests between network namespaces share. To be sourced by a script that ctest calls with the path of the
# rgtp command. RGTP_NET_MIB is how much to move, in MiB.
#
# Nothing outside the namespaces that a script makes is touched, and all it made is gone when it ends.

command=${1:?usage: $0 PATH_OF_RGTP}
scratch=
namespaces=()
started=()

skip() { echo "SKIP: $*"; exit 77; }
fail() { echo "FAILED: $*" >&2; exit 1; }

cleanup() {
  local pid name
  for pid in "${started[@]}"; do
    { kill -KILL "$pid" && wait "$pid"; } 2>/dev/null
  done
  for name in "${namespaces[@]}"; do ip netns del "$name"; done
  if [ -n "$scratch" ]; then rm -rf "$scratch"; fi
}

# begin TOOL...: what every script does first.
begin() {
  [ "$(id -u)" = 0 ] || skip "network namespaces need root"
  local tool
  for tool in ip nft ethtool setpriv timeout cmp "$@"; do
    command -v "$tool" >/dev/null || skip "no $tool here"
  done
  trap cleanup EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  scratch=$(mktemp -d)
}

# make_namespace VARIABLE: a new namespace with its loopback up, whose name goes into VARIABLE.
make_namespace() {
  local name="rgtp-$$-${#namespaces[@]}"
  ip netns add "$name" 2>/dev/null || skip "this root may not make a network namespace"
  namespaces+=("$name")
  ip -n "$name" link set lo up
  printf -v "$1" %s "$name"
}

# in_namespace NAME COMMAND...: takes the place of the shell that calls it, so that with & behind it $! is the
# command's own pid. It ends with this script, also where that is killed.
in_namespace() { exec ip netns exec "$1" setpriv --pdeathsig KILL "${@:2}"; }

# cut_trains NAMESPACE DEVICE: every datagram crosses alone, and nothing puts them together again. nftables would
# count, drop and damage a whole segmented train otherwise.
cut_trains() {
  ip netns exec "$1" ethtool -K "$2" gso off tso off tx-udp-segmentation off gro off >/dev/null 2>&1 ||
    skip "$2 knows no offloads to switch off"
}

# join A B: 10.77.0.1 in A and 10.77.0.2 in B, joined by a veth pair at MTU 1500 with cut trains.
join() {
  ip link add rgtp0 netns "$1" mtu 1500 type veth peer name rgtp0 netns "$2" mtu 1500 || skip "no veth here"
  ip -n "$1" addr add 10.77.0.1/24 dev rgtp0
  ip -n "$2" addr add 10.77.0.2/24 dev rgtp0
  ip -n "$1" link set rgtp0 up
  ip -n "$2" link set rgtp0 up
  cut_trains "$1" rgtp0
  cut_trains "$2" rgtp0
}

# join_by_router A ROUTER B: 10.77.1.1 in A and 10.77.2.1 in B, each behind its rgtp0, and ROUTER with to_a and to_b
# between them. All at MTU 1500, with cut trains.
join_by_router() {
  ip link add rgtp0 netns "$1" mtu 1500 type veth peer name to_a netns "$2" mtu 1500 || skip "no veth here"
  ip link add rgtp0 netns "$3" mtu 1500 type veth peer name to_b netns "$2" mtu 1500
  ip -n "$1" addr add 10.77.1.1/24 dev rgtp0
  ip -n "$2" addr add 10.77.1.254/24 dev to_a
  ip -n "$2" addr add 10.77.2.254/24 dev to_b
  ip -n "$3" addr add 10.77.2.1/24 dev rgtp0
  local end
  for end in "$1 rgtp0" "$2 to_a" "$2 to_b" "$3 rgtp0"; do
    ip -n "${end% *}" link set "${end#* }" up
    cut_trains "${end% *}" "${end#* }"
  done
  ip -n "$1" route add default via 10.77.1.254
  ip -n "$3" route add default via 10.77.2.254
  ip netns exec "$2" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward' || skip "no forwarding here"
}

# nft_in NAMESPACE RULES: the table `t` and what it holds, in nft's own language.
nft_in() {
  ip netns exec "$1" nft add table ip t || skip "this kernel has no nftables"
  ip netns exec "$1" nft -f - <<<"table ip t {
    $2
  }" || fail "nft does not take the rules"
}

# Counts what leaves port 9000 as `sent`.
count_sent="counter sent { }
  chain leaving {
    type filter hook output priority 0;
    udp sport 9000 counter name sent
  }"

# Counts as `joined` what comes from port 9000 and is a train yet: no rule sees its datagrams.
count_joined="counter joined { }
  chain arriving_joined {
    type filter hook input priority -1;
    udp sport 9000 ip length > 1500 counter name joined
  }"

# counter NAMESPACE NAME VARIABLE_PACKETS VARIABLE_BYTES: what a named counter of table t says. Bytes are UDP
# payload: less the 28 bytes of headers that each packet, be it a whole train, has here.
counter() {
  local word counted_packets='' counted_bytes=''
  for word in $(ip netns exec "$1" nft list counter ip t "$2"); do
    [ "$counted_packets" = next ] && counted_packets=$word
    [ "$counted_bytes" = next ] && counted_bytes=$word
    [ "$word" = packets ] && counted_packets=next
    [ "$word" = bytes ] && counted_bytes=next
  done
  printf -v "$3" %s "$counted_packets"
  printf -v "$4" %s $((counted_bytes - 28 * counted_packets))
}

# await_sent NAMESPACE BYTES VARIABLE: until `sent` there counts more than that; what it has by then goes into VARIABLE.
await_sent() {
  local tries sent_packets counted=0
  for ((tries = 0; tries < 2000; ++tries)); do
    counter "$1" sent sent_packets counted
    if ((counted > $2)); then break; fi
    sleep 0.005
  done
  printf -v "$3" %s "$counted"
  ((counted > $2)) || fail "only $counted bytes were sent"
}

# make_file NAME MIB: random bytes in scratch.
make_file() { head -c $(($2 * 1048576)) /dev/urandom >"$scratch/$1"; }

# make_pipe: what is written to descriptor 9 from now on comes out of $scratch/pipe.
make_pipe() {
  rm -f "$scratch/pipe"
  mkfifo "$scratch/pipe"
  exec 9<>"$scratch/pipe"
}
end_pipe() { exec 9>&-; }

# start_exposer NAMESPACE ADDRESS FILE [OPTION...]: on port 9000; the locator goes into $locator, its pid into $exposer.
# FILE may be -, for what make_pipe made.
start_exposer() {
  : >"$scratch/locator"
  local file=$scratch/$3 input=/dev/null
  if [ "$3" = - ]; then file=- input=$scratch/pipe; fi
  in_namespace "$1" "$command" expose "$file" --route udp --bind "$2:9000" "${@:4}" \
    <"$input" 9>&- >"$scratch/locator" &
  exposer=$!
  started+=("$exposer")
  local tries
  for ((tries = 0; tries < 600; ++tries)); do
    if read -r locator <"$scratch/locator"; then return; fi
    kill -0 "$exposer" 2>/dev/null || fail "the exposer ended"
    sleep 0.05
  done
  fail "the exposer printed no locator"
}

stop_exposer() {
  kill -TERM "$exposer"
  wait "$exposer" || fail "the exposer ended with $?"
}

# milliseconds VARIABLE: since some moment.
milliseconds() { printf -v "$1" %s $((${EPOCHREALTIME/[.,]/} / 1000)); }

# anonymous_kib PID VARIABLE: raises VARIABLE to what PID has of memory that no file stands behind.
anonymous_kib() {
  local key value _
  [ -r "/proc/$1/status" ] || return 0
  while read -r key value _; do
    if [ "$key" = RssAnon: ] && ((value > $2)); then printf -v "$2" %s "$value"; fi
  done 2>/dev/null <"/proc/$1/status"
}

# start_pull NAMESPACE OPTION...: pulls $locator in the background; $puller is its pid.
start_pull() {
  milliseconds began_ms
  in_namespace "$1" timeout "${patience_s:-60}" setpriv --pdeathsig KILL \
    "$command" pull "$locator" --route udp -o "$scratch/out" --verbose "${@:2}" 2>"$scratch/said" &
  puller=$!
  started+=("$puller")
}

# await_pull NAME: until it is done, compares with the file NAME; the time goes into $took_ms.
await_pull() {
  wait "$puller" || { code=$?; cat "$scratch/said" >&2; fail "the pull ended with $code"; }
  local ended
  milliseconds ended
  took_ms=$((ended - began_ms + 1))
  cmp "$scratch/$1" "$scratch/out" || fail "other bytes came out"
  rm "$scratch/out"
}

# pull_all NAMESPACE NAME: pulls $locator, compares with the file NAME; the time goes into $took_ms.
pull_all() {
  start_pull "$1" --mtu 1500
  await_pull "$2"
}

# said PATTERN VARIABLE: the number that stands for the parentheses of PATTERN, a regular expression, in what the
# last pull said of itself.
said() {
  [[ $(<"$scratch/said") =~ $1 ]] || fail "the pull did not say '$1'"
  printf -v "$2" %s "${BASH_REMATCH[1]}"
}

# check_cost WHAT SIZE SENT HIT CAME: SENT bytes of UDP payload carried SIZE bytes, where HIT of CAME datagrams were
# lost. At most 1.3 SIZE / (1 - p), and 64 KiB for small ones.
check_cost() {
  local most=$(($2 * 13 / 10 * $5 / ($5 - $4) + 65536))
  echo "$1: $(($2 / 1000 / took_ms)) MB/s; $4 of $5 datagrams hit ($(($4 * 1000 / $5)) per mille);" \
    "sent $(($3 * 1000 / $2)) per mille of the size, $(($3 * 1000 / $2 * ($5 - $4) / $5)) of size / (1 - p)"
  (($3 >= $2)) || fail "the counters saw less than the file"
  (($3 < most)) || fail "the exposer sent $3 bytes for $2; at most $most were to be"
}

# check_cut NAMESPACE PACKETS BYTES: that datagrams of at most 1500 bytes were counted, and that `joined` there knows of
# no train among them.
check_cut() {
  (($3 <= $2 * 1472)) || fail "datagrams were not cut: $3 bytes in $2 packets"
  local trains _
  counter "$1" joined trains _
  ((trains == 0)) || fail "$trains packets were not cut"
}

# check_in_part HIT: that trains of which HIT datagrams were hit came in part. What the puller misses of a train by
# itself it counts as slices, and a longer train that it misses whole as a lost request.
check_in_part() {
  local lost requests
  if (($1 == 0)); then return; fi
  said '([0-9]+) lost and [0-9]+ requests' lost
  said '[0-9]+ lost and ([0-9]+) requests' requests
  echo "of $1 datagrams hit the puller missed $lost slices and $requests whole trains"
  ((lost * 10 >= $1 * 8)) || fail "only $lost slices were missed of $1"
  ((requests * 4 <= lost)) || fail "$requests trains were missed whole"
}
