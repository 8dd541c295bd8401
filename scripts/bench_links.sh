#!/usr/bin/env bash
# Measures pulls by packets over emulated links and between namespaces, beside TCP in the same run, and prints a table
# a row with the bar that the row is to reach. Needs root; makes network namespaces of its own and removes them.
#   scripts/bench_links.sh [--quick] [ROW...]     every row by default; --quick shortens runs: to see that they work
#
#   goodput     share of the link under loss
set -euo pipefail
cd "$(dirname "$0")/.."

all_rows=(goodput)
quick=
rows=()
for argument in "$@"; do
  if [ "$argument" = --quick ]; then
    quick=yes
  elif [[ " ${all_rows[*]} " = *" $argument "* ]]; then
    rows+=("$argument")
  else
    sed -n '2,6p' "$0" >&2
    exit 2
  fi
done
[ ${#rows[@]} -gt 0 ] || rows=("${all_rows[@]}")

. scripts/links/lib.sh
begin
for row in "${rows[@]}"; do
  . "scripts/links/$row.sh"
  echo
  "row_$row"
  link_down
done
