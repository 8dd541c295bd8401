#!/usr/bin/env bash
# Runs every fuzz target, under ASan and UBSan, from its seeds: in turns, for so many seconds in all.
#   scripts/fuzz.sh [SECONDS] [TARGET...]     an hour by default, of every target; what is found stays in build/fuzz-found
#   RGTP_FUZZ_BUILD=build/asan                a build that is there already; by default one is made (preset fuzz)
set -euo pipefail
cd "$(dirname "$0")/.."

case ${1:-} in
'' | [0-9]*) ;;
*)
  sed -n '2,5p' "$0" >&2
  exit 2
  ;;
esac
seconds=${1:-3600}
shift $(($# > 0 ? 1 : 0))
build=${RGTP_FUZZ_BUILD:-}
if [ -z "$build" ]; then
  build=build/fuzz
  cmake --preset fuzz >/dev/null
  cmake --build --preset fuzz -j "$(nproc)"
fi
targets=("$@")
if [ ${#targets[@]} = 0 ]; then
  mapfile -t targets < <(find "$build/tests/fuzz" -maxdepth 1 -type f -name '*_fuzz' -perm -u+x -printf '%f\n' | sort)
fi
[ ${#targets[@]} -gt 0 ] || { echo "no fuzz target was built" >&2; exit 1; }
found=build/fuzz-found
for target in "${targets[@]}"; do
  # What was found before is where the next run begins; the seeds are left as they are.
  mkdir -p "$found/$target"
  seeds=tests/fuzz/corpus/$target
  [ -d "$seeds" ] || seeds=
  log=$(mktemp)
  if ! "$build/tests/fuzz/$target" -max_total_time=$((seconds / ${#targets[@]})) -rss_limit_mb=2048 -timeout=10 \
    -artifact_prefix="$found/$target." "$found/$target" $seeds >"$log" 2>&1; then
    tail -n 40 "$log"
    echo "$target: what it failed on is $found/$target.*" >&2
    rm -f "$log"
    exit 1
  fi
  echo "$target: $(grep -oE 'Done [0-9]+ runs' "$log")"
  rm -f "$log"
done
