#!/usr/bin/env bash
# Who may include whom (include <- core <- {packet, shm} <- transport <- cli), where foreign headers may stand, and
# that no file has more than 600 lines.
#   check_tree.sh ROOT
set -euo pipefail
cd "$1"
failures=0
complain() {
  echo "$*"
  failures=$((failures + 1))
}

# allow FOLDER PATTERN: every include below FOLDER of a file of this tree, be it in quotes or in angle brackets, matches
# the pattern.
allow() {
  local folder=$1 pattern=$2 line
  while IFS= read -r line; do
    complain "$line: $folder may not include that"
  done < <(grep -rnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*("|<(core|packet|shm|transport|cli|capi)/)' "$folder" --include='*.h' --include='*.cc' 2>/dev/null |
    grep -vE "include[[:space:]]*[\"<]($pattern)" || true)
}
allow include '$^'
allow src/core 'core/'
allow src/packet '(core|packet)/'
allow src/shm '(core|shm)/'
allow src/transport '(core|packet|shm|transport)/'
allow src/cli 'cli/'

# only HEADER_PATTERN WHERE_PATTERN: the system header is included only in files that match.
only() {
  local header=$1 where=$2 line
  while IFS= read -r line; do
    complain "$line: <$header> stands only in $where"
  done < <(grep -rnE "^[[:space:]]*#[[:space:]]*include[[:space:]]*<($header)" include src --include='*.h' --include='*.cc' |
    grep -vE "^($where)" || true)
}
only 'uv\.h' 'src/transport/'
only 'openssl/' 'src/core/crypto\.cc'
only 'xxhash\.h' 'src/(core/digest|cli/bench/content)\.cc'
only 'boost/' 'src/shm/'
only 'CLI/' 'src/cli/'
only 'fmt/' 'src/cli/'

while IFS= read -r file; do
  lines=$(wc -l <"$file")
  [ "$lines" -le 600 ] || complain "$file: $lines lines, 600 are the limit: it holds more than one idea"
done < <(find include src tests bench examples scripts -type f \( -name '*.h' -o -name '*.cc' -o -name '*.sh' \) 2>/dev/null)

[ "$failures" = 0 ] || exit 1
echo "the tree keeps its rules"
