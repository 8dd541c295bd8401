#!/usr/bin/env bash
# Measures pulls by packets over emulated links and between namespaces, beside TCP in the same run, and prints a table
# a row with the bar that the row is to reach. Needs root; makes network namespaces of its own and removes them.
#   scripts/bench_links.sh [--quick] [ROW...]     every row by default; --quick shortens runs: to see that they work
#
#   goodput     share of the link under loss                     first_byte  round trips to the first byte
#   tail        from the last new ask to the end                 share       against one TCP cubic flow
#   pulls       2 and 8 pulls against one another                disorder    reordering and jitter
#   overhead    IP bytes sent for the bytes pulled               delay       added to an idle path at full rate
#   fanout      64 pullers of one surface                        bulk        1 GiB by veth and loopback, CPU
#   small       surfaces of 1 KiB a second, by loopback          growth      of a chunk that is written meanwhile
#   sealed      1 GiB by veth, sealed beside not
set -euo pipefail
cd "$(dirname "$0")/.."

all_rows=(goodput first_byte tail share pulls disorder overhead delay fanout bulk small growth sealed)
quick=
rows=()
for argument in "$@"; do
  if [ "$argument" = --quick ]; then
    quick=yes
  elif [[ " ${all_rows[*]} " = *" $argument "* ]]; then
    rows+=("$argument")
  else
    sed -n '2,12p' "$0" >&2
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
