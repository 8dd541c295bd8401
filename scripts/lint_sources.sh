#!/usr/bin/env bash
# Lists the files to lint, of the git tree that it is called in: those that the newest commit changed, and those that
# include a header that it changed. All of them where there is no earlier commit.
#   scripts/lint_sources.sh [--full]     with --full all of them anyway
set -euo pipefail
sources=('src/*.cc' 'tests/*.cc' 'bench/*.cc' 'examples/*.cc')

if [ "${1:-}" = --full ] || ! git rev-parse -q --verify HEAD~1 >/dev/null; then
  git ls-files "${sources[@]}"
  exit
fi
{
  git diff --name-only --diff-filter=d HEAD~1 HEAD -- "${sources[@]}"
  git diff --name-only --diff-filter=d HEAD~1 HEAD -- '*.h' | while IFS= read -r header; do
    # Includes name a header as it is called below src, include or tests.
    git grep -lF -e "\"${header#*/}\"" -e "<${header#*/}>" -- "${sources[@]}" || true
  done
} | sort -u
