# Many pullers of one surface, each a process of its own.

row_fanout() {
  local length count one i pulling=() got
  length=$(seconds 10 4)
  count=$(seconds 64 16)
  one=$(for i in 1 2 3; do meter 60 "$(locator 1024 "$veth_address")" --stream --window 8; done | jq .goodput | median)
  for ((i = 0; i < count; ++i)); do
    meter $((length + 60)) "$(locator 1024 "$veth_address")" --stream --window 8 --seconds $((length + 1)) \
      >"$work/pull-$i" &
    pulling+=($!)
  done
  wait "${pulling[@]}"
  got=$(for ((i = 0; i < count; ++i)); do bytes_between 1 "$length" <"$work/pull-$i"; done)
  echo "Pullers of one surface by the veth pair, BBR-like, $((length - 1)) s after the first one:"
  echo
  echo "| one alone, MB/s | $count together, MB/s | together / alone | bar | Jain | bar |"
  echo "|---|---|---|---|---|---|"
  awk '{s += $1} END {printf "%d", s}' <<<"$got" >"$work/sum"
  echo "| $(number %.0f "$one / 1e6") | $(number %.0f "$(cat "$work/sum") / ($length - 1) / 1e6")" \
    "| $(number %.2f "$(cat "$work/sum") / ($length - 1) / $one") | 0.9 | $(jain <<<"$got") | 0.9 |"
}
