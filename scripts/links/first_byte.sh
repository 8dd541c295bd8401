# Round trips from pull() to the first data and to the first chunk of 64 KiB that is verified: from a Puller that never
# met the exposer, and from one that did.

row_first_byte() {
  local rtt_ms=50 pulls
  pulls=$(seconds 20 5)
  link_up --rate 200 --delay 25
  meter 60 "$(locator 8 "$link_address")" --repeat "$pulls" >"$work/cold"
  meter 60 "$(locator 8 "$link_address")" --repeat $((pulls + 1)) --warm | tail -n +2 >"$work/warm"
  echo "Round trips from pull() on, 8 MiB, 200 Mbit/s, $rtt_ms ms, medians of $pulls pulls:"
  echo
  echo "| | first byte | bar | first 64 KiB, verified |"
  echo "|---|---|---|---|"
  echo "| a Puller's first pull | $(round_trips_to byte cold) | 2.2 | $(round_trips_to chunk cold) |"
  echo "| a Puller that was there before | $(round_trips_to byte warm) | 1.2 | $(round_trips_to chunk warm) |"
}

round_trips_to() { # round_trips_to byte|chunk FILE
  number %.2f "$(jq ".stats.time_to_first_$1" "$work/$2" | median) * 1e3 / $rtt_ms"
}
