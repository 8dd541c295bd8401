# What sealing costs by packets: 1 GiB, sealed beside not, by the same veth and in turns. What both need by themselves
# is the time of the pull that is not sealed and the time of the cipher for as many bytes.

row_sealed() {
  local what round rounds cipher
  rounds=$(seconds 7 2)
  cipher=$(openssl speed -seconds 1 -evp aes-256-gcm -bytes 65536 2>/dev/null | awk '/^AES-256-GCM/ {print $2 / 1000}')
  rm -f "$work"/sealed-*
  serve_memory plain 9001
  serve_memory sealed 9002 --seal
  for ((round = 0; round < rounds; ++round)); do
    for what in plain sealed; do
      pull_memory $what --stream --window 8 >>"$work/sealed-window-$what"
      pull_memory $what --into "$work/out" >>"$work/sealed-file-$what"
    done
  done
  echo "1 GiB by veth, real MTU-1500 frames, medians of $rounds rounds in turns; AES-256-GCM by openssl speed: $cipher MB/s"
  echo
  echo "| | checksum | sealed | sealed / checksum | of what both apart allow | bar |"
  echo "|---|---|---|---|---|---|"
  for what in window file; do
    compare_sealed "$what" "$(median <"$work/sealed-$what-plain")" "$(median <"$work/sealed-$what-sealed")" "$cipher"
  done
  { kill "$plain" "$sealed" && wait "$plain" "$sealed"; } 2>/dev/null || true
}

serve_memory() { # serve_memory VARIABLE PORT OPTION...
  : >"$work/memory-$1"
  (in_namespace "$a" "$build/bench/memory_exposer" 1024 --bind "$veth_address:$2" "${@:3}" >"$work/memory-$1") &
  printf -v "$1" %s $!
  started+=($!)
  await 60 has_lines "$work/memory-$1" 1 || fail "memory_exposer does not start"
}

pull_memory() { # pull_memory WHAT OPTION...: MB/s
  meter 120 "$(<"$work/memory-$1")" "${@:2}" | jq -r '.bytes / .seconds / 1e6'
}

compare_sealed() { # compare_sealed WHAT PLAIN SEALED CIPHER
  local title="by a window of 8 MiB"
  [ "$1" = window ] || title="into a file on tmpfs"
  echo "| $title | $(number '%.0f MB/s' "$2") | $(number '%.0f MB/s' "$3") | $(number %.2f "$3 / $2")" \
    "| $(number %.2f "$3 * (1 / $2 + 1 / $4)") | 0.8, or 0.9 of both apart |"
}
