#!/bin/bash
# A reader of `rgtp pull -o -` that is slower than the writer of the surface holds the pull up: it keeps its window and
# no more, and fetches nothing twice for that.
. "$(dirname "$0")/lib.sh"
begin
mib=${RGTP_NET_MIB:-160}
window_kib=65536
slow_s=10

make_namespace here
make_namespace there
join "$here" "$there"
nft_in "$here" "$count_sent"
make_file in "$mib"
make_pipe
start_exposer "$here" 10.77.0.1 - --size $((mib * 1048576))
cat "$scratch/in" >&9 &
started+=($!)

# A megabyte a second at first.
mkfifo "$scratch/slow"
{
  for ((i = 0; i < slow_s * 10; ++i)); do
    head -c 100000
    sleep 0.1
  done
  cat
} <"$scratch/slow" >"$scratch/out" 9>&- &
reader=$!
started+=("$reader")
in_namespace "$there" "$command" pull "$locator" --route udp -o - --mtu 1500 --verbose >"$scratch/slow" 2>"$scratch/said" 9>&- &
puller=$!
started+=("$puller")
puller_kib=0
milliseconds began
while kill -0 "$puller" 2>/dev/null; do
  anonymous_kib "$puller" puller_kib
  milliseconds now
  ((now - began < (slow_s + 20 + mib / 4) * 1000)) || fail "the pull does not end"
  sleep 0.05
done
wait "$puller" || fail "the pull ended with $?"
wait "$reader"
cmp "$scratch/in" "$scratch/out" || fail "other bytes came out"
counter "$here" sent packets bytes
said '([0-9]+) slices asked for' asked
said 'asked for, ([0-9]+) of them again' again
said '([0-9]+) duplicates' twice
echo "$mib MiB, at first to a reader of 1 MB/s: the puller had $puller_kib KiB at most; of $asked slices $again were" \
  "asked for again and $twice came twice; sent $((bytes / (mib * 1049))) per mille of the size"
((puller_kib > window_kib / 2)) || fail "it did not use its window"
((puller_kib < window_kib + 16384)) || fail "the puller holds more than its window"
# Asked for again is no measure of it: an exposer that was kept from its processor drops the requests that are too old.
((twice * 100 <= asked)) || fail "more than one slice in a hundred came twice"
((bytes * 100 <= mib * 1048576 * 105)) || fail "the exposer sent more than a twentieth more than there is"
((now - began > slow_s * 1000)) || fail "nobody was slow"
end_pipe
sleep 0.5
stop_exposer
