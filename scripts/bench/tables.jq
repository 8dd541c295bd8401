# A table of the README, of a report of `rgtp bench --json`: $table is sizes, pullers or links.
def megabytes: . / 1e6 | if . >= 100 then round elif . >= 10 then . * 10 | round / 10 else . * 100 | round / 100 end | tostring;
def bytes:
  if . >= 1073741824 then "\(. / 1073741824) GiB" elif . >= 1048576 then "\(. / 1048576) MiB"
  elif . >= 1024 then "\(. / 1024) KiB" else "\(.) B" end;
def microseconds: if . >= 0.01 then "\(. * 1000 | round) ms" else "\(. * 1e6 | round) us" end;
def row: "| " + join(" | ") + " |";
def rule: map(if . == 0 then "---" else "---:" end) | row;
# Cases in the order of the report, each name once.
def names: reduce .[].by as $by ([]; if index($by) then . else . + [$by] end);
def at($name; filter): (map(select(.by == $name) | select(filter)) | first) // null;
def rate: if . then .figures.bytes_per_s.median | megabytes else "-" end;

.cases as $cases
| "By `\(.command | sub("^[^ ]*/"; "build/release/src/cli/") | sub(" --svg [^ ]*"; "") | sub(" --html [^ ]*"; ""))`, rgtp \(.version), on \(.machine.processors) processors (\(.machine.processor)), TCP by \(.machine.tcp_controller) unless named, \(.made_at[:10]):" as $head
| if $table == "sizes" then
    ($cases | map(select(.path.name == "loopback" and .pullers == 1 and .state == "warm"))) as $warm
    | ($warm | map(.size) | unique) as $sizes
    | ($sizes | max) as $largest | ($sizes | min) as $smallest
    | $head, "",
      (["MB/s, pulled again by one puller"] + ($sizes | map(bytes)) + ["\($smallest | bytes), median / 99 %", "CPU s/GB, both sides"] | row),
      ([0] + ($sizes | map(1)) + [1, 1] | rule),
      ($warm | names[] as $name
        | ($warm | at($name; .size == $smallest)) as $small | ($warm | at($name; .size == $largest)) as $large
        | ["`\($name)`"] + ($sizes | map(. as $size | $warm | at($name; .size == $size) | rate))
          + [if $small then "\($small.figures.last_byte_s.p50 | microseconds) / \($small.figures.last_byte_s["p99"] | if . then microseconds else "-" end)" else "-" end,
             if $large then $large.figures | .exposer_cpu_s_per_gb.median + .pullers_cpu_s_per_gb.median | . * 100 | round / 100 | tostring else "-" end]
        | row)
  elif $table == "pullers" then
    ($cases | map(select(.path.name == "loopback" and .state == "warm"))) as $warm
    # The size that was measured with most numbers of pullers.
    | ($warm | group_by(.size) | max_by(map(.pullers) | unique | length) | first.size) as $size
    | ($warm | map(select(.size == $size))) as $warm
    | ($warm | map(.pullers) | unique) as $pullers
    | (["MB/s, all pullers of \($size | bytes) together"] + ($pullers | map("\(.)")) | row),
      ([0] + ($pullers | map(1)) | rule),
      ($warm | names[] as $name
        | ["`\($name)`"] + ($pullers | map(. as $n | $warm | at($name; .pullers == $n) | rate)) | row)
  else
    ($cases | map(select(.path.name != "loopback" and .state == "warm"))) as $links
    | ($links | map(.path.name) | reduce .[] as $path ([]; if index($path) then . else . + [$path] end)) as $paths
    | (["MB/s over a link"] + ($paths | map(. as $path | "\($path): \($links | map(select(.path.name == $path)) | first.size | bytes)")) | row),
      ([0] + ($paths | map(1)) | rule),
      ($links | names[] as $name
        | ["`\($name)`"] + ($paths | map(. as $path | $links | at($name; .path.name == $path)
            | rate)) | row)
  end
