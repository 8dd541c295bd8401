# Round trips from pull() to the first chunk: from a Puller that never met the exposer, and from one that did.

row_first_byte() {
  local rtt_ms=50 pulls cold warm
  pulls=$(seconds 20 5)
  link_up --rate 200 --delay 25
  cold=$(meter 60 "$(locator 8 "$link_address")" --repeat "$pulls" | jq .stats.time_to_first_chunk | median)
  warm=$(meter 60 "$(locator 8 "$link_address")" --repeat $((pulls + 1)) --warm | tail -n +2 |
    jq .stats.time_to_first_chunk | median)
  echo "Time to the first chunk, verified, in round trips; 200 Mbit/s, $rtt_ms ms, medians of $pulls pulls:"
  echo
  echo "| | rgtp | bar |"
  echo "|---|---|---|"
  echo "| a Puller's first pull | $(number %.2f "$cold * 1e3 / $rtt_ms") | 2.2 |"
  echo "| a Puller that was there before | $(number %.2f "$warm * 1e3 / $rtt_ms") | 1.2 |"
}
