# Small surfaces a second: what a pull costs beside its bytes. Two processes on loopback, one Puller.

row_small() {
  local rounds length how round
  rounds=$(seconds 5 1)
  length=$(seconds 5 1)
  echo "1 KiB surfaces by loopback, 64 pulls at a time, medians of $rounds runs of $length s:"
  echo
  echo "| views taken | pulls a second | bar | latency, median / 99 %, ms | CPU us per pull, puller / exposer |"
  echo "|---|---|---|---|---|"
  for how in "" --blocking; do
    for ((round = 0; round < rounds; ++round)); do
      (in_namespace "$a" timeout 60 setpriv --pdeathsig KILL "$build/bench/small_pulls" --seconds "$length" $how) || true
    done >"$work/small"
    echo "| $(small_title "$how") | $(small_figure %.0f .pulls_per_second) | 10000" \
      "| $(small_figure %.2f '.latency_p50 * 1e3') / $(small_figure %.2f '.latency_p99 * 1e3')" \
      "| $(small_figure %.1f '.puller_cpu_seconds / .pulls * 1e6') /" \
      "$(small_figure %.1f '.exposer_cpu_seconds / .pulls * 1e6') |"
  done
}

small_title() { if [ -n "$1" ]; then echo "by get(), oldest first"; else echo "in callbacks"; fi; }

small_figure() { # small_figure FORMAT EXPRESSION: its median over the runs
  number "$1" "$(jq "$2" "$work/small" | median)"
}
