# How much of a link a pull gets, start included, beside TCP under the same loss.

row_goodput() {
  local length
  length=$(seconds 20 5)
  echo "Goodput in $length s, start included, in per cent of the link; loss each way, queue of one bandwidth-delay product:"
  echo
  echo "| link | rgtp, BBR-like | rgtp, CUBIC | TCP BBR | TCP cubic | bar, BBR-like |"
  echo "|---|---|---|---|---|---|"
  goodput_on 200 20 0 94 "$length"
  goodput_on 200 50 0.01 93 "$length"
  goodput_on 50 100 0.05 91 "$length"
  goodput_on 50 100 0.1 88 "$length"
}

goodput_on() { # goodput_on MBIT_PER_S RTT_MS LOSS BAR SECONDS
  local controller
  echo -n "| $1 Mbit/s, $2 ms, $(number '%g %%' "100 * $3") "
  for controller in bbr cubic; do
    link_up --rate "$1" --delay "$(number %g "$2 / 2")" --loss "$3"
    echo -n "| $(share "$(meter $(($5 + 20)) "$(locator 1024 "$link_address")" --stream --seconds "$5" \
      --receive-buffer "$receive_buffer" --congestion $controller | jq .bytes)" "$5" "$1") "
  done
  for controller in bbr cubic; do
    link_up --rate "$1" --delay "$(number %g "$2 / 2")" --loss "$3"
    echo -n "| $(share "$(tcp "$5" $controller | jq .end.sum_received.bytes)" "$5" "$1") "
  done
  echo "| $4 % |"
}
