#!/usr/bin/env bash
# Measures everything that the README tells in tables, and writes them, the picture beside them and the page that they
# are taken from. As root also over links; 9 minutes on two cores, which nothing else should use.
#   scripts/bench.sh            writes README.md's tables, docs/bench.svg and docs/bench.html
#   scripts/bench.sh --check    writes nothing, and says which ratio is worse than bench/ratios.json keeps it, or was not
#                               measured (exit code 3)
#   scripts/bench.sh --keep     writes, and keeps the ratios of this run there
set -euo pipefail
cd "$(dirname "$0")/.."

mode=${1:-write}
case $mode in
write | --check | --keep) ;;
*)
  sed -n '2,7p' "$0" >&2
  exit 2
  ;;
esac

scripts/deps.sh
cmake --preset release >/dev/null
cmake --build --preset release -j "$(nproc)" --target benchmarks | tail -n 1
build=build/release
results=$build/bench-results
mkdir -p "$results"

$build/src/cli/rgtp bench --json --html "$results/bench.html" --svg "$results/bench.svg" >"$results/bench.json"
jq -r '.skipped[] | "skipped \(.what): \(.why)"' "$results/bench.json" >&2

if [ "$mode" != --check ]; then
  jq -e '[.cases[].path.name] | contains(["loopback", "veth", "Mbit/s"])' "$results/bench.json" >/dev/null || {
    echo "bench.sh: nothing was measured over links, so that nothing is written: run it as root" >&2
    exit 1
  }
fi
if [ "$mode" != write ]; then
  jq -s -f scripts/bench/ratios.jq "$results/bench.json" bench/ratios.json >"$results/ratios.json"
  jq -r '.[] | "\(.verdict)  \(.name): \(.now // "not measured"), kept \(.kept // "nothing"), at least \(.least // "-")"' \
    "$results/ratios.json"
fi
if [ "$mode" = --check ]; then
  jq -e 'all(.verdict == "ok")' "$results/ratios.json" >/dev/null || exit 3
  exit
fi

for program in core cipher packet engine shm; do
  $build/bench/"${program}_bench" --benchmark_format=json --benchmark_min_time=0.2 >"$results/$program.json" 2>"$results/$program.log" || {
    cat "$results/$program.log" >&2
    exit 1
  }
done

# between NAME FILE: the file's text takes the place of what stands between the README's marks of that name.
between() {
  awk -v begin="<!-- $1: by scripts/bench.sh -->" -v end="<!-- end of $1 -->" -v file="$2" '
    $0 == begin { print; print ""; while ((getline line <file) > 0) print line; skipping = 1; found = 1 }
    $0 == end && skipping { print ""; skipping = 0; ended = 1 }
    !skipping
    END { if (!found || !ended) exit 1 }' README.md >"$results/README.md" || {
    echo "bench.sh: README.md has no marks of $1" >&2
    exit 1
  }
  cat "$results/README.md" >README.md
}
for table in sizes pullers links; do
  jq -r --arg table "$table" -f scripts/bench/tables.jq "$results/bench.json" >"$results/$table.md"
  between "$table" "$results/$table.md"
done
jq -rs -f scripts/bench/parts.jq "$results"/{core,cipher,packet,engine,shm}.json >"$results/parts.md"
between parts "$results/parts.md"
cp "$results/bench.html" "$results/bench.svg" docs/
if [ "$mode" = --keep ]; then
  jq 'map(if .now then .kept = .now else . end | del(.now, .least, .verdict))' "$results/ratios.json" >bench/ratios.json
fi
