# Links that change the order of packets, or their delay.

row_disorder() {
  local length
  length=$(seconds 20 5)
  echo "Order and delay that change; 100 Mbit/s, 40 ms, queue of one bandwidth-delay product, $length s:"
  echo
  echo "| | rgtp, share of the link | bar | asked for twice | bar |"
  echo "|---|---|---|---|---|"
  disorder_of "3 % held back for 20 ms" "$length" --reorder 0.03 --held-back 20
  disorder_of "up to 10 ms of jitter" "$length" --jitter 10
}

disorder_of() { # disorder_of TITLE SECONDS OPTION...
  local pulled
  link_up --rate 100 --delay 20 "${@:3}"
  pulled=$(meter $(($2 + 20)) "$(locator 1024 "$link_address")" --stream --seconds "$2" \
    --receive-buffer "$receive_buffer")
  echo "| $1 | $(share "$(jq .bytes <<<"$pulled")" "$2" 100) | 85 %" \
    "| $(number '%.2f %%' "100 * $(jq '.stats.slices_asked_again / .stats.slices_asked' <<<"$pulled")") | 2 % |"
}
