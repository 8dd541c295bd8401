# 1 GiB as fast as it goes, and what it costs both ends. Files on both sides are on a tmpfs. The receive buffer is what
# the library asks for, as far as net.core.rmem_max allows.

bulk_bytes=$((1024 * 1048576))

row_bulk() {
  local rounds
  rounds=$(seconds 5 1)
  echo "1 GiB, medians of $rounds rounds in turns; files on tmpfs; net.core.rmem_max is $(sysctl -n net.core.rmem_max):"
  echo
  echo "| path | what | MB/s | CPU s per GB, both ends |"
  echo "|---|---|---|---|"
  bulk_on "veth, real MTU-1500 frames" "$b" "$veth_address" "$rounds"
  echo "| | *bars* | *1.0 x TCP file to file, 0.75 x the pump* | *1.3 x TCP file to file* |"
  bulk_on loopback "$a" 127.0.0.1 "$rounds"
  echo "| | *bars, into memory* | *0.6 x the pump, more than iperf3* | |"
}

bulk_on() { # bulk_on TITLE PULLERS_NAMESPACE ADDRESS ROUNDS
  local what round source
  rm -f "$work"/bulk-*
  (in_namespace "$a" "$build/bench/memory_exposer" 1024 --bind "$3:9001" >"$work/source") &
  source=$!
  started+=("$source")
  await 30 has_lines "$work/source" 1 || fail "memory_exposer does not start"
  (in_namespace "$a" "$build/bench/peers/tcp_copy" serve "$3" 7000 "$work/1024" >"$work/served") &
  local serving=$!
  started+=("$serving")
  await 5 listens "$a" 7000 || fail "tcp_copy does not listen"
  for ((round = 0; round < $4; ++round)); do
    pull_bulk "$exposer" "$2" "$(locator 1024 "$3")" --into "$work/out" >>"$work/bulk-file"
    pull_bulk "$source" "$2" "$(<"$work/source")" --stream --window 8 >>"$work/bulk-window"
    pull_bulk "$source" "$2" "$(<"$work/source")" >>"$work/bulk-memory"
    fetch_bulk "$2" "$3" >>"$work/bulk-copy"
    fetch_bulk "$2" "$3" --splice >>"$work/bulk-splice"
    iperf_bulk "$2" "$3" >>"$work/bulk-iperf"
    pump_bulk "$2" "$3" >>"$work/bulk-pump"
  done
  { kill "$serving" "$source" && wait "$serving" "$source"; } 2>/dev/null || true
  for what in file window memory copy splice iperf pump; do
    echo "| $1 | $(bulk_title $what) | $(number %.0f "$(cut -d' ' -f1 "$work/bulk-$what" | median)")" \
      "| $(number %.2f "$(cut -d' ' -f2 "$work/bulk-$what" | median)") |"
  done
}

bulk_title() {
  case $1 in
  file) echo "rgtp file to file, verified" ;;
  window) echo "rgtp memory to memory, verified, by a window of 8 MiB" ;;
  memory) echo "rgtp memory to memory, verified, into fresh memory" ;;
  copy) echo "TCP cubic file to file: sendfile, read and write" ;;
  splice) echo "TCP cubic file to file: sendfile, splice" ;;
  iperf) echo "iperf3, TCP cubic" ;;
  pump) echo "bare pump: UDP_SEGMENT 44 x 1,400, UDP_GRO" ;;
  esac
}

# Each of these prints MB/s and CPU seconds per GB of one run.

# An exposer runs on; what it took of the processors, in ns, is summed over its threads.
cpu_ns_of() { cat /proc/"$1"/task/*/schedstat | awk '{s += $1} END {printf "%.0f", s}'; }

pull_bulk() { # pull_bulk EXPOSER NAMESPACE LOCATOR OPTION...
  local before pulled
  before=$(cpu_ns_of "$1")
  pulled=$( (in_namespace "$2" timeout 120 setpriv --pdeathsig KILL "$build/bench/pull_meter" "${@:3}") || true)
  jq -r --argjson ns $(($(cpu_ns_of "$1") - before)) \
    '"\(.bytes / .seconds / 1e6) \((.cpu_seconds + $ns / 1e9) / .bytes * 1e9)"' <<<"$pulled"
}

fetch_bulk() { # fetch_bulk NAMESPACE ADDRESS OPTION...
  : >"$work/served"
  (in_namespace "$1" timeout 120 "$build/bench/peers/tcp_copy" fetch "$2" 7000 "$work/out" "${@:3}") >"$work/fetched" || true
  await 5 has_lines "$work/served" 1 || true
  rm -f "$work/out"
  jq -rs '"\(.[0].bytes / .[0].seconds / 1e6) \((.[0].cpu_seconds + .[1].cpu_seconds) / .[0].bytes * 1e9)"' \
    "$work/fetched" <(tail -n 1 "$work/served" | tr -d '\0')
}

iperf_bulk() { # iperf_bulk NAMESPACE ADDRESS
  local server
  (in_namespace "$a" iperf3 -s -1 -B "$2" >/dev/null 2>&1) &
  server=$!
  started+=("$server")
  await 5 listens "$a" 5201 || fail "iperf3 does not listen"
  # Its own percentages are of one processor, over the time of the run.
  ( (in_namespace "$1" timeout 120 iperf3 -c "$2" -R -n $bulk_bytes -C cubic -J) || true) |
    jq -r '.end | .sum_received as $r | "\($r.bytes / $r.seconds / 1e6) \((.cpu_utilization_percent |
      .host_total + .remote_total) / 100 * $r.seconds / $r.bytes * 1e9)"'
  { kill "$server" && wait "$server"; } 2>/dev/null || true
}

pump_bulk() { # pump_bulk NAMESPACE ADDRESS: the receiver is the puller's side
  local receiving to=$2
  [ "$1" = "$a" ] || to=10.81.0.2
  (in_namespace "$1" timeout 30 "$build/bench/peers/udp_pump" receive "$to" 7001 >"$work/pumped") &
  receiving=$!
  sleep 0.2
  (in_namespace "$a" timeout 30 "$build/bench/peers/udp_pump" send "$to" 7001 --seconds 2) >"$work/pumping"
  wait "$receiving" || true
  jq -rs '"\(.[0].bytes / .[0].seconds / 1e6) \((.[0].cpu_seconds + .[1].cpu_seconds) / .[0].bytes * 1e9)"' \
    "$work/pumped" "$work/pumping"
}
