#!/usr/bin/env bash
# Every test that docs/SECURITY.md names is in the suite.
#   check_security.sh ROOT
set -euo pipefail
cd "$1"
missing=0
names=$(grep -oE '`[A-Za-z_]+\.[A-Za-z_0-9]+`' docs/SECURITY.md | tr -d '`' | grep -vE '\.(h|cc|sh|md)$' | sort -u)
[ "$(wc -l <<<"$names")" -ge 20 ] || { echo "docs/SECURITY.md names hardly any test"; exit 1; }
for name in $names; do
  suite=${name%%.*} test=${name#*.}
  if [ "$suite" = net ]; then
    # Some are made in a loop over their last words.
    grep -qE "rgtp_net_test\((${test}|${test%_*}_\\$)" tests/net/CMakeLists.txt && continue
  else
    grep -rqzE "TEST(_F|_P)?\($suite,[[:space:]]*$test\)" tests --include='*.cc' && continue
  fi
  echo "docs/SECURITY.md names $name, which is no test here"
  missing=$((missing + 1))
done
[ "$missing" = 0 ] || exit 1
echo "every test that docs/SECURITY.md names is there"
