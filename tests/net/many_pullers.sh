#!/bin/bash
# An exposer keeps nothing of those who pull: a thousand at once cost it no more memory than one.
. "$(dirname "$0")/lib.sh"
many_pullers=${2:?usage: $0 PATH_OF_RGTP PATH_OF_MANY_PULLERS}
begin
pullers=1000
most_growth_kib=1024

make_namespace here
head -c 262144 /dev/urandom >"$scratch/in"
start_exposer "$here" 127.0.0.1 in

# pull_together PULLERS: the most that the exposer had of memory meanwhile, and afterwards, goes into $peak_kib.
pull_together() {
  local puller now
  peak_kib=0
  samples=0
  milliseconds began
  in_namespace "$here" "$many_pullers" "$locator" "$1" "$scratch/in" >"$scratch/said" &
  puller=$!
  started+=("$puller")
  while kill -0 "$puller" 2>/dev/null; do
    anonymous_kib "$exposer" peak_kib
    samples=$((samples + 1))
    milliseconds now
    ((now - began < 60000)) || fail "the pulls do not end"
    sleep 0.01
  done
  wait "$puller" || fail "the pulls ended with $?"
  milliseconds now
  took_ms=$((now - began))
  anonymous_kib "$exposer" peak_kib
}

pull_together 1
one_kib=$peak_kib
pull_together "$pullers"
said '([0-9]+) of' together
echo "$pullers pulls of 256 KiB in $took_ms ms, $together at once: the exposer had $one_kib KiB of memory after one" \
  "pull, and at most $peak_kib in $samples samples"
((one_kib > 0 && samples >= 10)) || fail "too few samples"
((together == pullers)) || fail "only $together were pulling at the same time"
((peak_kib <= one_kib + most_growth_kib)) || fail "the exposer's memory grew by $((peak_kib - one_kib)) KiB"
stop_exposer
