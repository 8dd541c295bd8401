# Many pullers of one surface, each a process of its own, beside as many receivers of one file from one TCP server.
# What arrives is kept by neither: rgtp verifies it in memory, TCP's goes to /dev/null.

row_fanout() {
  local length count
  length=$(seconds 10 4)
  count=$(seconds 64 16)
  echo "Receivers of 1 GiB by the veth pair, real MTU-1500 frames, $((length - 1)) s after the first one:"
  echo
  echo "| | one alone, MB/s | $count together, MB/s | together / alone | bar | Jain | bar |"
  echo "|---|---|---|---|---|---|---|"
  fanout_of "rgtp, BBR-like" pull_discarding "$length" "$count" 0.9 0.9
  serve_file "$veth_address"
  fanout_of "TCP cubic" fetch_discarding "$length" "$count" - -
  stop_serving
}

pull_discarding() { meter "$1" "$(locator 1024 "$veth_address")" --stream --window 8 "${@:2}"; }
fetch_discarding() {
  (in_namespace "$b" timeout "$1" setpriv --pdeathsig KILL "$build/bench/peers/tcp_copy" fetch "$veth_address" 7000 \
    /dev/null "${@:2}") || true
}

fanout_of() { # fanout_of TITLE RECEIVER LENGTH_S COUNT BAR BAR_JAIN: RECEIVER PATIENCE_S OPTION... prints a meter's JSON
  local one i sum receiving=() got
  one=$(for i in 1 2 3; do "$2" 60; done | jq .goodput | median)
  for ((i = 0; i < $4; ++i)); do
    "$2" $(($3 + 60)) --seconds $(($3 + 1)) >"$work/received-$i" &
    receiving+=($!)
  done
  wait "${receiving[@]}"
  got=$(for ((i = 0; i < $4; ++i)); do bytes_between 1 "$3" <"$work/received-$i"; done)
  sum=$(awk '{s += $1} END {printf "%.0f", s}' <<<"$got")
  echo "| $1 | $(number %.0f "$one / 1e6") | $(number %.0f "$sum / ($3 - 1) / 1e6")" \
    "| $(number %.2f "$sum / ($3 - 1) / $one") | $5 | $(jain <<<"$got") | $6 |"
}
