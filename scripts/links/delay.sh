# What a pull at full rate adds to the delay of a path that is otherwise idle.

row_delay() {
  local length answering idle controller
  length=$(seconds 5 2)
  (in_namespace "$a" "$build/bench/peers/echo_probe" answer "$veth_address" 7002 2>/dev/null) &
  answering=$!
  started+=("$answering")
  sleep 0.2
  idle=$(probe "$length")
  echo "Delay of an echo over the veth pair beside pulls of 1 GiB, in ms (bar: at most 2 more), and what the"
  echo "puller itself saw last:"
  echo
  echo "| | median | 90 % below | 99 % below | round trip of the pull | service delay |"
  echo "|---|---|---|---|---|---|"
  echo "| idle $(quantiles "$idle") | | |"
  for controller in bbr cubic; do delay_beside $controller; done
  { kill "$answering" && wait "$answering"; } 2>/dev/null || true
}

probe() { (in_namespace "$b" timeout 60 "$build/bench/peers/echo_probe" ask "$veth_address" 7002 --seconds "$1") || true; }
quantiles() { jq -r '[.median, .p90, .p99] | map("| " + (. * 1000 | round / 1000 | tostring)) | join(" ")' <<<"$1"; }

delay_beside() { # delay_beside CONTROLLER
  local pulling probed
  # One behind another, so that the fastest ones take longer than the probe.
  meter 90 "$(locator 1024 "$veth_address")" --stream --repeat 3 --warm --congestion "$1" >"$work/pulled" &
  pulling=$!
  sleep 0.3
  probed=$(probe 1)
  wait "$pulling"
  echo "| $1 $(quantiles "$probed") $(tail -n 1 "$work/pulled" |
    jq -r '.stats | [.rtt, .service_delay] | map("| " + (. * 1e6 | round / 1000 | tostring)) | join(" ")') |"
}
