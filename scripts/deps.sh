#!/usr/bin/env bash
# Installs what building and testing RGTP needs on Debian 12 and is missing. Prints nothing where nothing is.
#   scripts/deps.sh          what building, demo.sh and test.sh need
#   scripts/deps.sh build    what building the library and the command needs
set -euo pipefail

build=(g++ cmake ninja-build pkg-config libuv1-dev libacl1-dev libboost-dev libxxhash-dev libssl-dev libexpected-dev libcli11-dev
  libfmt-dev nlohmann-json3-dev)
test=(git clang clang-format clang-tidy libclang-rt-14-dev libgtest-dev libgmock-dev libbenchmark-dev
  iproute2 nftables ethtool iperf3 jq xxhash procps strace gdb openssl libzmq3-dev libsrt-openssl-dev libudt-dev)

case ${1:-all} in
build) wanted=("${build[@]}") ;;
all) wanted=("${build[@]}" "${test[@]}") ;;
*)
  sed -n '2,4p' "$0" >&2
  exit 2
  ;;
esac

missing=()
for package in "${wanted[@]}"; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || {
    echo "deps.sh: not root and no sudo; install these first: ${missing[*]}" >&2
    exit 1
  }
  as_root=(sudo)
fi
echo "installing: ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { "${as_root[@]}" apt-get update -q && "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q \
  --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
  tail -n 20 "$log" >&2
  exit 1
fi
