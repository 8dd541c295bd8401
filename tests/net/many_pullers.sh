#!/bin/bash
# An exposer keeps nothing of those who pull: a thousand at once cost it no more memory than one. Of those who wait
# for chunks that are not written yet it keeps little: a thousand cost it a MiB at most.
. "$(dirname "$0")/lib.sh"
many_pullers=${2:?usage: $0 PATH_OF_RGTP PATH_OF_MANY_PULLERS pulling|waiting}
what=${3:?pulling or waiting}
begin
pullers=1000
most_growth_kib=1024
chunk_bytes=65536

make_namespace here
head -c $((4 * chunk_bytes)) /dev/urandom >"$scratch/in"
[ "$what" = waiting ] || start_exposer "$here" 127.0.0.1 in

# pull_together PULLERS: the most that the exposer had of memory meanwhile, and afterwards, goes into $peak_kib. Where
# they are to wait, the surface has its first chunk, and gets the others once all of them have waited.
pull_together() {
  local puller now fed=
  peak_kib=0
  samples=0
  if [ "$what" = waiting ]; then
    make_pipe
    start_exposer "$here" 127.0.0.1 - --size $((4 * chunk_bytes))
    head -c $chunk_bytes "$scratch/in" >&9
  fi
  : >"$scratch/said"
  milliseconds began
  in_namespace "$here" "$many_pullers" "$locator" "$1" "$scratch/in" >"$scratch/said" 9>&- &
  puller=$!
  started+=("$puller")
  while kill -0 "$puller" 2>/dev/null; do
    anonymous_kib "$exposer" peak_kib
    samples=$((samples + 1))
    milliseconds now
    ((now - began < 60000)) || fail "the pulls do not end"
    if [ "$what" = waiting ] && [ -z "$fed" ] && [ -s "$scratch/said" ]; then
      fed=yes
      sleep 1
      anonymous_kib "$exposer" peak_kib
      tail -c +$((chunk_bytes + 1)) "$scratch/in" >&9
    fi
    sleep 0.01
  done
  wait "$puller" || fail "the pulls ended with $?"
  milliseconds now
  took_ms=$((now - began))
  anonymous_kib "$exposer" peak_kib
  if [ "$what" = waiting ]; then
    end_pipe
    sleep 0.5 # or it may be told to end before it has seen the end of its input
    stop_exposer
  fi
}

pull_together 1
one_kib=$peak_kib
pull_together "$pullers"
said '([0-9]+) of' together
echo "$pullers pulls of 256 KiB in $took_ms ms, $together at once, $what: the exposer had $one_kib KiB of memory with" \
  "one pull, and at most $peak_kib in $samples samples"
((one_kib > 0 && samples >= 10)) || fail "too few samples"
((together == pullers)) || fail "only $together were pulling at the same time"
((peak_kib <= one_kib + most_growth_kib)) || fail "the exposer's memory grew by $((peak_kib - one_kib)) KiB"
[ "$what" = waiting ] || stop_exposer
