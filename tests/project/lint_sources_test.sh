#!/usr/bin/env bash
# A commit's files to lint are those that it changed and those that include a header that it changed.
set -euo pipefail
lint_sources=$(cd "$(dirname "$0")/../.." && pwd)/scripts/lint_sources.sh
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
cd "$root"
# Run from a hook, git would work on the hook's repository.
unset $(git rev-parse --local-env-vars)

commit() {
  git add -A
  git -c user.name=test -c user.email=test@example.org commit -q -m "$1"
}
expect() { # expect NAME WORDS [OPTION]
  local found
  found=$("$lint_sources" ${3:+"$3"} | tr '\n' ' ')
  [ "${found% }" = "$2" ] || {
    echo "$1: '${found% }' instead of '$2'"
    exit 1
  }
}

git init -q
mkdir -p include/rgtp src/core tests/support bench examples
echo '#include "core/a.h"' >src/core/a.cc
echo '#include <rgtp/b.h>' >src/core/b.cc
echo '#include "support/c.h"' >tests/c_test.cc
echo '#include <rgtp/b.h>' >bench/b_bench.cc
echo '#include "core/xa.h"' >examples/other.cc
touch src/core/a.h src/core/xa.h include/rgtp/b.h tests/support/c.h README.md
everything="bench/b_bench.cc examples/other.cc src/core/a.cc src/core/b.cc tests/c_test.cc"
commit first
expect "the first commit" "$everything"
echo >>src/core/a.h && commit header && expect "a header of a layer" "src/core/a.cc"
echo >>include/rgtp/b.h && commit header && expect "a public header" "bench/b_bench.cc src/core/b.cc"
echo >>tests/support/c.h && commit header && expect "a header of the tests" "tests/c_test.cc"
echo >>src/core/a.h && echo >>src/core/a.cc && echo >>examples/other.cc && commit both &&
  expect "a file and its header" "examples/other.cc src/core/a.cc"
echo >>README.md && commit text && expect "a text" ""
expect "--full" "$everything" --full
git rm -q src/core/a.cc && commit removal && expect "a file that is gone" ""
echo "every file to lint was found"
