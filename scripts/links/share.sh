# What one pull takes of a link that one TCP flow uses too.

row_share() {
  local skip length queue controller bar
  skip=$(seconds 10 3)
  length=$(seconds 60 10)
  echo "Share of one pull against one TCP cubic flow; 100 Mbit/s, 40 ms, $length s after the first $skip:"
  echo
  echo "| queue, bandwidth-delay products | controller | rgtp | bar | both together |"
  echo "|---|---|---|---|---|"
  for queue in 1 0.25; do
    for controller in bbr cubic; do
      bar="40 to 60 %"
      [ $controller = cubic ] || bar="35 to $([ $queue = 1 ] && echo 65 || echo 80) %"
      share_of "$queue" $controller "$bar" "$skip" "$length"
    done
  done
}

share_of() { # share_of QUEUE_BDP CONTROLLER BAR SKIP_S LENGTH_S
  local pulled other pulling
  link_up --rate 100 --delay 20 --queue "$(number %d "$1 * 500000")"
  meter $(($4 + $5 + 20)) "$(locator 1024 "$link_address")" --stream --seconds $(($4 + $5 + 1)) --congestion "$2" \
    --receive-buffer "$receive_buffer" >"$work/share" &
  pulling=$!
  other=$(tcp "$5" cubic -O "$4" | jq .end.sum_received.bytes)
  wait "$pulling"
  pulled=$(bytes_between "$4" $(($4 + $5)) <"$work/share")
  echo "| $1 | $2 | $(number '%.1f %%' "100 * $pulled / ($pulled + $other)") | $3" \
    "| $(share "$((${pulled:-0} + ${other:-0}))" "$5" 100) |"
}
