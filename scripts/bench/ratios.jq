# [report, kept ratios] -> the kept ratios with "now" and "verdict". A ratio is of a figure of one case over that of
# another of the same run, the larger the better; "tolerance" is the share that it may lose.
def figure($case; $path): if $case then $case.figures | getpath($path / ".") else null end;
def one($cases; $wanted):
  $cases | map(select(.path.name == $wanted.path and .size == $wanted.size and .pullers == $wanted.pullers
    and .state == $wanted.state and .by == $wanted.by)) | first // null;
.[0].cases as $cases
| .[1] | map(
    . as $ratio
    | figure(one($cases; $ratio.case + {by: $ratio.of}); $ratio.figure) as $of
    | figure(one($cases; $ratio.case + {by: $ratio.beside}); $ratio.figure) as $beside
    | (if $of and $beside and $of > 0 and $beside > 0 then
        (if $ratio.better == "lower" then $beside / $of else $of / $beside end) * 1000 | round / 1000
      else null end) as $now
    | (if $ratio.kept then $ratio.kept * (1 - $ratio.tolerance) * 1000 | round / 1000 else null end) as $least
    | . + {now: $now, least: $least,
           verdict: (if $now == null then "not measured" elif $least == null then "nothing kept"
             elif $now < $least then "worse" else "ok" end)})
