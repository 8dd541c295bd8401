#!/usr/bin/env bash
# Builds RGTP and shows its main job: one process exposes files, others pull them by packets; the bytes are compared.
#   scripts/demo.sh [MIB]     size of the large file, 1024 by default
set -euo pipefail
cd "$(dirname "$0")/.."
mib=${1:-1024}

scripts/deps.sh build
cmake --preset release -DRGTP_BUILD_TESTS=OFF -DRGTP_BUILD_BENCHMARKS=OFF -DRGTP_BUILD_EXAMPLES=OFF -B build/demo >/dev/null
cmake --build build/demo | tail -n 1
rgtp=$PWD/build/demo/src/cli/rgtp

work=$(mktemp -d)
exposer=
cleanup() {
  [ -z "$exposer" ] || kill "$exposer" 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT

echo "making a file of $mib MiB"
head -c "${mib}M" /dev/urandom >"$work/large.bin"
cp build/demo/src/librgtp.a "$work/library.a"

"$rgtp" expose "$work/library.a" "$work/large.bin" >"$work/locators" &
exposer=$!
for _ in $(seq 600); do
  [ "$(wc -l <"$work/locators")" = 2 ] && break
  kill -0 "$exposer" 2>/dev/null || exit 1
  sleep 0.1
done

mkdir "$work/pulled"
failed=0
while read -r name locator; do
  "$rgtp" pull "$locator" -o "$work/pulled/$name" --verbose
  if [ "$(sha256sum <"$work/$name")" = "$(sha256sum <"$work/pulled/$name")" ]; then
    echo "$name: SHA-256 is the same on both sides"
  else
    echo "$name: SHA-256 DIFFERS" >&2
    failed=1
  fi
done < <(paste -d ' ' <(printf 'library.a\nlarge.bin\n') "$work/locators")

kill -INT "$exposer"
wait "$exposer"
exposer=
exit "$failed"
