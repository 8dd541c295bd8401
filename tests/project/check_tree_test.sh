#!/usr/bin/env bash
# The tree check finds what it is there to find.
set -euo pipefail
check=$(cd "$(dirname "$0")" && pwd)/check_tree.sh
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

fresh() {
  rm -rf "${root:?}"/*
  mkdir -p "$root"/include/rgtp "$root"/src/{core,packet,shm,transport,cli} "$root"/{tests,bench,examples,scripts}
  echo '#include "core/a.h"' >"$root/src/packet/good.cc"
  echo '#include <uv.h>' >"$root/src/transport/good.cc"
  echo '#include <rgtp/error.h>' >"$root/src/core/good.h"
}
expect_failure() { # expect_failure NAME
  if "$check" "$root" >/dev/null; then
    echo "not found: $1"
    exit 1
  fi
}

fresh
"$check" "$root" >/dev/null
fresh && echo '#include "shm/x.h"' >"$root/src/packet/bad.cc" && expect_failure "packet includes shm"
fresh && echo '#include "packet/x.h"' >"$root/src/core/bad.h" && expect_failure "core includes packet"
fresh && echo '#include <packet/x.h>' >"$root/src/core/bad.h" && expect_failure "core includes packet in brackets"
fresh && echo '#include <core/x.h>' >"$root/include/rgtp/bad.h" && expect_failure "the public API includes core in brackets"
fresh && echo '#include "core/x.h"' >"$root/include/rgtp/bad.h" && expect_failure "the public API includes core"
fresh && echo '#include "core/x.h"' >"$root/src/cli/bad.cc" && expect_failure "the command includes core"
fresh && echo '#include <uv.h>' >"$root/src/packet/bad.cc" && expect_failure "uv.h in packet"
fresh && echo '#include <openssl/evp.h>' >"$root/src/packet/bad.cc" && expect_failure "OpenSSL in packet"
fresh && echo '#include <boost/version.hpp>' >"$root/src/core/bad.cc" && expect_failure "Boost in core"
fresh && seq 601 >"$root/src/core/long.cc" && expect_failure "a file of 601 lines"
echo "every violation was found"
