# How soon a chunk of a surface that is being written is in the hands of a puller beyond a link.

row_growth() {
  local mib writer locator delays
  mib=$(seconds 256 32)
  link_up --rate 400 --delay 10
  (in_namespace "$a" "$build/bench/growth_bench" --write "$link_address:7005" --mib "$mib" --rate 20 >"$work/written") &
  writer=$!
  started+=("$writer")
  await 10 test -s "$work/written"
  read -r locator <"$work/written"
  delays=$(in_namespace "$b" timeout 120 "$build/bench/growth_bench" --read "$locator" --mib "$mib")
  { kill "$writer" && wait "$writer"; } 2>/dev/null || true
  echo "From publish() to a consumer beyond 400 Mbit/s and 20 ms, $mib MiB written at 20 MB/s, every byte compared:"
  echo
  echo "| median | bar | 99 % |"
  echo "|---|---|---|"
  echo "| $(jq -r .median <<<"$delays") ms | 41 ms | $(jq -r .p99 <<<"$delays") ms |"
}
