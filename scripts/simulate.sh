#!/usr/bin/env bash
# Walks the campaigns of the simulator through many seeds, on all cores, and names the seeds that fail: each of
# them becomes a test.
#   scripts/simulate.sh SEEDS [FIRST]     from seed FIRST on, 0 by default; needs the release build
set -euo pipefail
cd "$(dirname "$0")/.."

case ${1:-} in
'' | *[!0-9]*)
  sed -n '2,4p' "$0" >&2
  exit 2
  ;;
esac
seeds=$1
first=${2:-0}
shard=500 # short, so that all cores are busy to the end
program=build/release/tests/sim/sim_test
export program shard

end=$((first + seeds))
logs=$(mktemp -d)
export logs
trap 'rm -rf "$logs"' EXIT

one_shard() { # one_shard FIRST COUNT
  local log=$logs/$1
  RGTP_SIM_SEEDS=$1:$2 "$program" --gtest_filter='Campaign.*' --gtest_brief=1 >"$log" 2>&1 && return
  # A crash names no seed.
  grep -E '^seed |^Expected|Failure$' "$log" || echo "a crash between seeds $1 and $(($1 + $2 - 1))"
  return 1
}
export -f one_shard

failed=0
for ((from = first; from < end; from += shard)); do
  echo "$from $((end - from < shard ? end - from : shard))"
done | xargs -P "$(nproc)" -L 1 bash -c 'one_shard "$0" "$1"' || failed=1
[ "$failed" = 0 ] && echo "$seeds seeds from $first on passed"
exit "$failed"
