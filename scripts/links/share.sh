# What one pull takes of a link that one TCP flow uses too. Who comes first fills the queue, in which the other one's start
# ends early, and CUBIC takes minutes to make that even: both orders are measured.

row_share() {
  local skip length queue controller bar
  skip=$(seconds 10 3)
  length=$(seconds 60 10)
  echo "Share of one pull against one TCP cubic flow; 100 Mbit/s, 40 ms, $length s after the first $skip:"
  echo
  echo "| queue, bandwidth-delay products | controller | rgtp comes first | TCP comes first | mean | bar | both together |"
  echo "|---|---|---|---|---|---|---|"
  for queue in 1 0.25; do
    for controller in bbr cubic; do
      bar="40 to 60 %"
      [ $controller = cubic ] || bar="35 to $([ $queue = 1 ] && echo 65 || echo 80) %"
      share_of "$queue" $controller "$bar" "$skip" "$length"
    done
  done
}

share_of() { # share_of QUEUE_BDP CONTROLLER BAR SKIP_S LENGTH_S
  local first second
  first=$(bytes_side_by_side 0 0.5 "$@")
  second=$(bytes_side_by_side 0.5 0 "$@")
  echo "| $1 | $2 | $(share_in $first) | $(share_in $second) | $(share_in $first $second) | $3" \
    "| $(share "$(awk '{print ($1 + $2 + $3 + $4) / 2}' <<<"$first $second")" "$5" 100) |"
}

# bytes_side_by_side PULL_AT_S TCP_AT_S QUEUE_BDP CONTROLLER BAR SKIP_S LENGTH_S: of the pull, and of TCP.
bytes_side_by_side() {
  local other pulling
  link_up --rate 100 --delay 20 --queue "$(number %d "$3 * 500000")"
  (sleep "$1"; meter $(($6 + $7 + 20)) "$(locator 1024 "$link_address")" --stream --seconds $(($6 + $7 + 1)) \
    --congestion "$4" --receive-buffer "$receive_buffer" >"$work/share") &
  pulling=$!
  sleep "$2"
  other=$(tcp "$7" cubic -O "$6" | jq .end.sum_received.bytes)
  wait "$pulling"
  link_down >&2
  echo "$(bytes_between "$6" $(($6 + $7)) <"$work/share") $other"
}

# share_in PULL TCP [PULL TCP]: of the pulls in all that both got.
share_in() { awk '{printf "%.1f %%", 100 * ($1 + $3) / ($1 + $2 + $3 + $4)}' <<<"$*"; }
