#!/usr/bin/env bash
# Sets up and passes all tests: format, lint, ASan+UBSan with the fuzzers, TSan, an outside consumer, and last the
# plain suite. The first failure ends it. Four builds, each stage's time is printed.
#   scripts/test.sh           what every change must pass
#   scripts/test.sh --full    the long campaigns too: more seeds, 1 GiB under loss, lint of every file
set -euo pipefail
cd "$(dirname "$0")/.."

full_option=${1:-}
case $full_option in
'' | --full) ;;
*)
  sed -n '2,6p' "$0" >&2
  exit 2
  ;;
esac

jobs=$(nproc)
started=$SECONDS
stage_started=$SECONDS
stage=
end_stage() {
  [ -z "$stage" ] || echo "== $stage: $((SECONDS - stage_started)) s"
}
begin_stage() {
  end_stage
  stage=$1
  stage_started=$SECONDS
  echo "== $stage"
}
build() { # build PRESET [TARGET...]: quiet unless it fails
  local log
  log=$(mktemp)
  local preset=$1
  shift
  if ! { cmake --preset "$preset" && cmake --build --preset "$preset" -j "$jobs" ${1:+--target "$@"}; } >"$log" 2>&1; then
    grep -E 'error|warning|FAILED|CMake' -A 5 "$log" | head -n 60 || tail -n 40 "$log"
    rm -f "$log"
    return 1
  fi
  rm -f "$log"
}
run_tests() { # run_tests LINES PRESET OPTION...: the summary's last LINES, or all that a failure has to say
  local log lines=$1 preset=$2
  shift 2
  log=$(mktemp)
  if ! ctest --preset "$preset" -j "$jobs" --output-on-failure "$@" >"$log" 2>&1; then
    grep -vE '^ +Start +[0-9]+:|Test +#[0-9]+: .*(Passed|Skipped)' "$log" | head -n 300
    rm -f "$log"
    return 1
  fi
  tail -n "$lines" "$log"
  rm -f "$log"
}

begin_stage "dependencies"
scripts/deps.sh

begin_stage "clang-format"
git ls-files '*.h' '*.cc' | xargs clang-format --dry-run -Werror

begin_stage "ASan+UBSan: build"
build asan
begin_stage "ASan+UBSan: tests"
# Simulations of minutes at a full rate belong to the plain suite: the campaigns go the same ways through the code.
left_out='^(Sharing|Goodput|OverloadedExposer)\.'
[ -z "$full_option" ] || left_out='^$'
RGTP_SIM_SEEDS=${RGTP_SIM_SEEDS:-50} run_tests 25 asan -LE "net|project|fuzz" -E "$left_out"

begin_stage "clang-tidy"
# The ASan build's compile commands: made by clang, so clang-tidy understands every flag.
scripts/lint_sources.sh ${full_option:+"$full_option"} | xargs -r -P "$jobs" -n 4 clang-tidy -p build/asan --quiet 2>/dev/null

begin_stage "fuzzing, 60 s in all"
RGTP_FUZZ_BUILD=build/asan scripts/fuzz.sh 60

begin_stage "TSan: build"
build tsan threaded_tests
begin_stage "TSan: threaded tests"
run_tests 15 tsan -L threaded

begin_stage "outside consumer"
scripts/test_consumer.sh

begin_stage "release: build"
build release
if [ -n "$full_option" ]; then
  begin_stage "long campaigns"
  scripts/simulate.sh 20000
  RGTP_GENERATIONS=10 build/release/tests/transport/fork_test --gtest_brief=1
  RGTP_CRASH_KILLS=500 build/release/tests/crash/crash_test --gtest_brief=1
  RGTP_NET_MIB=1024 RGTP_NET_FORGED=1000000 ctest --preset release -L net -j 1 --verbose | grep -E 'MB/s|KiB of|FAILED|SKIP|tests passed'
fi

end_stage
echo "== release: the whole plain suite; all before took $((SECONDS - started)) s"
# Last, so that its summary ends the output.
exec ctest --preset release -j "$jobs" --output-on-failure
