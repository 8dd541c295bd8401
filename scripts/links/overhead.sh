# What travels for the bytes that are pulled.

row_overhead() {
  local loss
  echo "IP bytes from the exposer, as a multiple of size / (1 - loss); 200 Mbit/s, 50 ms, loss each way:"
  echo
  echo "| loss | 8 MiB | 64 MiB | bar |"
  echo "|---|---|---|---|"
  for loss in 0 0.01 0.05 0.1; do
    echo "| $(number '%g %%' "100 * $loss") | $(overhead_of 8 $loss) | $(overhead_of 64 $loss) | 1.15 |"
  done
}

overhead_of() { # overhead_of MIB LOSS
  link_up --rate 200 --delay 25 --loss "$2"
  meter 60 "$(locator "$1" "$link_address")" --receive-buffer "$receive_buffer" >"$work/pulled"
  link_down
  number %.3f "$(jq -e .bytes "$work/pulled" >/dev/null && counter ab bytes_in) * (1 - $2) / ($1 * 1048576)"
}
