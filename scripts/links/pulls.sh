# Pulls against one another, each a process of its own.

row_pulls() {
  local skip length
  skip=$(seconds 10 3)
  length=$(seconds 60 10)
  echo "Pulls side by side, BBR-like, 40 ms; Jain's index and drops at the queue over $length s after the first $skip:"
  echo
  echo "| | Jain | bar | dropped at the queue | bar | all together |"
  echo "|---|---|---|---|---|---|"
  pulls_together 2 100 500000 "1 BDP" 0.95 - "$skip" "$length"
  pulls_together 8 20 25000 "0.25 BDP" 0.9 "5 %" "$skip" "$length"
}

pulls_together() { # pulls_together PULLS MBIT_PER_S QUEUE_BYTES QUEUE_TEXT BAR_JAIN BAR_DROPS SKIP_S LENGTH_S
  local i pulling=() got before after
  link_up --rate "$2" --delay 20 --queue "$3"
  for ((i = 0; i < $1; ++i)); do
    meter $(($7 + $8 + 20)) "$(locator 1024 "$link_address")" --stream --seconds $(($7 + $8 + 1)) \
      --receive-buffer "$receive_buffer" >"$work/pull-$i" &
    pulling+=($!)
  done
  sleep "$7"
  before=$(packets_over_link)
  sleep "$8"
  after=$(packets_over_link)
  wait "${pulling[@]}"
  link_down
  got=$(for ((i = 0; i < $1; ++i)); do bytes_between "$7" $(($7 + $8)) <"$work/pull-$i"; done)
  echo "| $1 on $2 Mbit/s, queue $4 | $(jain <<<"$got") | $5" \
    "| $(dropped_between $before $after) | $6" \
    "| $(share "$(awk '{s += $1} END {printf "%.0f", s}' <<<"$got")" "$8" "$2") |"
}

# Packets that went into the link on the exposer's side, and that came out on the pullers'.
packets_over_link() {
  ip netns exec "$a" cat /sys/class/net/link0/statistics/tx_packets
  ip netns exec "$b" cat /sys/class/net/link0/statistics/rx_packets
}
# dropped_between IN OUT IN_LATER OUT_LATER: what is on its way at both times is about the same.
dropped_between() { number '%.1f %%' "100 * (1 - ($4 - $2) / ($3 - $1))"; }
