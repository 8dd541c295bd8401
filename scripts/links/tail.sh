# How long a pull takes once everything was asked for, and what it asks for in vain.

row_tail() {
  local pulls
  pulls=$(seconds 20 3)
  echo "From the last new ask to the end, in round trips; 200 Mbit/s, 50 ms, medians of $pulls pulls of 64 MiB. In vain is"
  echo "what the link delivered beyond one datagram a slice:"
  echo
  echo "| loss each way | rgtp | bar | asked in vain | bar |"
  echo "|---|---|---|---|---|"
  tail_at 0 1.3 "$pulls"
  tail_at 0.01 2.5 "$pulls"
  tail_at 0.05 4.5 "$pulls"
}

tail_at() { # tail_at LOSS BAR PULLS
  local tail needed
  link_up --rate 200 --delay 25 --loss "$1"
  meter $((30 * $3)) "$(locator 64 "$link_address")" --repeat "$3" --receive-buffer "$receive_buffer" >"$work/tails"
  # What still travels was asked for too; a pull that has all does not count it any more.
  sleep 0.3
  link_down
  tail=$(jq '.seconds - .stats.time_to_last_new_ask' "$work/tails" | median)
  needed=$(jq -s 'map(.stats | .slices_asked - .slices_asked_again) | add' "$work/tails")
  echo "| $(number '%g %%' "100 * $1") | $(number %.2f "$tail / 0.05") | $2" \
    "| $(number '%.2f %%' "100 * ($(counter ab packets_out) - $needed) / $needed") | 2 % |"
}
