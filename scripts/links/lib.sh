# What the rows of scripts/bench_links.sh share: two namespaces, an emulated link between them, a veth pair beside it,
# one exposer, and programs that are measured. To be sourced by it, in the project's folder.
#
# $a is the exposer's namespace: 10.80.0.1 on the emulated link, 10.81.0.1 on the veth pair. $b is the pullers': .2.

build=$PWD/build/release
link_address=10.80.0.1
veth_address=10.81.0.1
# Debian's net.core.rmem_max; the setting itself belongs to the whole machine, so that it is asked for instead.
receive_buffer=212992

a=rgtp-links-a-$$
b=rgtp-links-b-$$
work=
emulator=
exposer=
serving=
started=()

fail() { echo "bench_links: $*" >&2; exit 1; }

cleanup() {
  local pid
  for pid in "${started[@]}"; do
    { kill -KILL "$pid" && wait "$pid"; } 2>/dev/null || true
  done
  ip netns del "$a" 2>/dev/null || true
  ip netns del "$b" 2>/dev/null || true
  if [ -n "$work" ]; then rm -rf "$work"; fi
}

begin() {
  [ "$(id -u)" = 0 ] || fail "network namespaces need root"
  [ -e /dev/net/tun ] || fail "no /dev/net/tun here"
  scripts/deps.sh
  cmake --preset release >/dev/null
  cmake --build --preset release --target rgtp_command link_emulator pull_meter small_pulls growth_bench \
    echo_probe memory_exposer tcp_copy udp_pump | tail -n 1
  trap cleanup EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  # Files on both sides are on a tmpfs, so that no disk is measured.
  work=$(mktemp -d /dev/shm/rgtp-links-XXXXXX)
  make_namespaces
  make_surfaces
}

make_namespaces() {
  local ns
  for ns in "$a" "$b"; do
    ip netns add "$ns"
    ip -n "$ns" link set lo up
    ip -n "$ns" tuntap add dev link0 mode tun
    # Short enough a queue here would drop what the emulated one is to count.
    ip -n "$ns" link set link0 mtu 1500 txqueuelen 10000 up
    # Room for TCP to fill the longest link.
    ip netns exec "$ns" sysctl -qw net.ipv4.tcp_rmem="4096 131072 33554432" net.ipv4.tcp_wmem="4096 65536 33554432"
  done
  ip -n "$a" addr add "$link_address" peer 10.80.0.2 dev link0
  ip -n "$b" addr add 10.80.0.2 peer "$link_address" dev link0
  ip link add veth0 netns "$a" mtu 1500 type veth peer name veth0 netns "$b" mtu 1500
  ip -n "$a" addr add "$veth_address/24" dev veth0
  ip -n "$b" addr add 10.81.0.2/24 dev veth0
  for ns in "$a" "$b"; do
    ip -n "$ns" link set veth0 up
    # Frames are really cut to the MTU and put together again, as by a network card.
    ip netns exec "$ns" ethtool -K veth0 tso off gso off tx-udp-segmentation off gro on >/dev/null 2>&1
  done
}

# in_namespace NAME COMMAND...: takes the place of the shell that calls it, so that with & behind it $! is the
# command's own pid. It ends with this script, also where that is killed.
in_namespace() { exec ip netns exec "$1" setpriv --pdeathsig KILL "${@:2}"; }

# await SECONDS COMMAND...: until the command succeeds; fails where that takes longer.
await() {
  local tries=$(($1 * 20))
  shift
  while ! "$@"; do
    ((--tries > 0)) || return 1
    sleep 0.05
  done
}

has_lines() { [ "$(wc -l <"$1")" -ge "$2" ]; }

# One exposer for all rows: 1 GiB, which no timed run gets through, 64 MiB and 8 MiB.
make_surfaces() {
  local mib
  for mib in 1024 64 8; do head -c "${mib}M" /dev/urandom >"$work/$mib"; done
  (in_namespace "$a" "$build/src/cli/rgtp" expose "$work/1024" "$work/64" "$work/8" --route udp --bind 0.0.0.0:9000 \
    >"$work/locators" 2>"$work/exposer.log") &
  exposer=$!
  started+=("$exposer")
  await 60 has_lines "$work/locators" 3 || fail "the exposer did not start: $(cat "$work/exposer.log")"
}

# locator MIB ADDRESS: of the surface of that size.
locator() { sed -En "s|.*(rgtp://)[^/]*(:9000/[0-9a-f]*).*|\\1$2\\2|p" "$work/locators" | sed -n "$(line_of "$1")p"; }
line_of() { case $1 in 1024) echo 1 ;; 64) echo 2 ;; 8) echo 3 ;; esac }

# link_up OPTION...: of the emulator; what was up before goes.
link_up() {
  link_down
  "$build/src/cli/bench-peers/link_emulator" "$a" link0 "$b" link0 "$@" >"$work/counters" 2>"$work/emulator.log" &
  emulator=$!
  started+=("$emulator")
  await 5 link_is_up || fail "the emulator did not start: $(cat "$work/emulator.log")"
}
link_is_up() {
  [[ $(ip -n "$a" link show link0) = *LOWER_UP* && $(ip -n "$b" link show link0) = *LOWER_UP* ]]
}
# Counters of the link that was up are in $work/counters then.
link_down() {
  [ -n "$emulator" ] || return 0
  kill -TERM "$emulator" 2>/dev/null || true
  wait "$emulator" || true
  emulator=
}
# counter DIRECTION NAME: of the link that was taken down last; ab is from the exposer to the pullers.
counter() { jq -r "select(.direction == \"$1\") | .$2" "$work/counters"; }

# meter PATIENCE_S LOCATOR OPTION...: one run of the meter in $b; its JSON goes to stdout.
meter() {
  local patience=$1
  shift
  (in_namespace "$b" timeout "$patience" setpriv --pdeathsig KILL "$build/bench/pull_meter" "$@") ||
    echo "bench_links: a pull failed: $*" >&2
}

# serve_file ADDRESS: the 1 GiB by tcp_copy at port 7000, with TCP cubic; a line for each transfer goes to $work/served.
serve_file() {
  (in_namespace "$a" "$build/bench/peers/tcp_copy" serve "$1" 7000 "$work/1024" >"$work/served" 2>/dev/null) &
  serving=$!
  started+=("$serving")
  await 5 listens "$a" 7000 || fail "tcp_copy does not listen"
}
stop_serving() { { kill "$serving" && wait "$serving"; } 2>/dev/null || true; }

# tcp SECONDS CONTROLLER OPTION...: what iperf3 moves from $a to $b over the link, as its JSON.
tcp() {
  local seconds=$1 controller=$2 server
  shift 2
  (in_namespace "$a" iperf3 -s -1 -B "$link_address" >/dev/null 2>&1) &
  server=$!
  started+=("$server")
  await 5 listens "$a" 5201 || fail "iperf3 does not listen"
  (in_namespace "$b" timeout $((seconds + 20)) iperf3 -c "$link_address" -R -t "$seconds" -C "$controller" -J "$@") ||
    true
  { kill "$server" && wait "$server"; } 2>/dev/null || true
}
listens() { [[ $(ip netns exec "$1" ss -Hltn "sport = :$2") != "" ]]; }

# number FORMAT EXPRESSION: arithmetic by awk; a dash where a figure is missing.
number() { awk "BEGIN { printf \"$1\", $2 }" 2>/dev/null || printf -- -; }
# share BYTES SECONDS MBIT_PER_S: in per cent of the link.
share() { number '%.1f %%' "${1:-0} * 8e-4 / ($2) / ($3)"; }
# Of numbers, one a line.
median() { sort -g | awk '{v[NR] = $1} END {if (NR) print v[int((NR + 1) / 2)]; else print "nan"}'; }
# bytes_between FROM_S TO_S: what a meter's pull got in that interval, from its samples each 100 ms.
bytes_between() { jq --argjson from $(($1 * 10 - 1)) --argjson to $(($2 * 10 - 1)) '.samples | .[$to] - .[$from]'; }
# Jain's index of fairness (1 is perfectly fair).
jain() { awk '{s += $1; q += $1 * $1} END {if (q > 0) printf "%.3f", s * s / NR / q; else printf "-"}'; }
# seconds LONG SHORT: how long a run is, and with --quick.
seconds() { if [ -n "$quick" ]; then echo "$2"; else echo "$1"; fi; }
