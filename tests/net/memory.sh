#!/bin/bash
# Beside the mapped output, which is the page cache's, neither side's memory grows with the file.
. "$(dirname "$0")/lib.sh"
begin
mib=${RGTP_NET_MIB:-256}
most_kib=65536

make_namespace here
make_file in "$mib"
start_exposer "$here" 127.0.0.1 in

exposer_kib=0
puller_kib=0
samples=0
in_namespace "$here" "$command" pull "$locator" --route udp -o "$scratch/out" --mtu 1500 &
puller=$!
started+=("$puller")
milliseconds began
while kill -0 "$puller" 2>/dev/null; do
  anonymous_kib "$puller" puller_kib
  anonymous_kib "$exposer" exposer_kib
  samples=$((samples + 1))
  milliseconds now
  ((now - began < (20 + mib / 4) * 1000)) || fail "the pull does not end"
  sleep 0.01
done
wait "$puller" || fail "the pull ended with $?"
cmp "$scratch/in" "$scratch/out" || fail "other bytes came out"
echo "$mib MiB: puller $puller_kib KiB, exposer $exposer_kib KiB of memory, in $samples samples"
((samples >= 10 && puller_kib > 0 && exposer_kib > 0)) || fail "too few samples"
((puller_kib < most_kib)) || fail "the puller holds $puller_kib KiB"
((exposer_kib < most_kib)) || fail "the exposer holds $exposer_kib KiB"
stop_exposer
