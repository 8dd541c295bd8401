# The README's table of parts, of the JSON of the Google Benchmark programs: of the many cases those that tell most.
def wanted: [
  ["chunk_tags/bytes:65536", "tag of a chunk of 64 KiB (XXH3-128)"],
  ["datagram_checks/bytes:1426", "check of a datagram of 1,426 bytes"],
  ["gap_scans/bits:1048576", "the only gap in a bitmap of 2^20 chunks"],
  ["seal_a_chunk/aes_256_gcm/bytes:65536", "64 KiB sealed, AES-256-GCM"],
  ["open_a_chunk/aes_256_gcm/bytes:65536", "64 KiB opened and verified, AES-256-GCM"],
  ["open_a_chunk/chacha20_poly1305/bytes:65536", "the same, ChaCha20-Poly1305"],
  ["check_a_proof/leaves:16384", "proof of one of 16,384 chunks checked"],
  ["parsing/pull", "a PULL parsed"],
  ["parsing_data", "a DATA of 1,426 bytes parsed and checked"],
  ["answer_a_pull/mtu:1500/slices:44", "44 slices asked for and answered, without a socket"],
  ["take_a_train_of_data/mtu:1500", "44 slices taken in and verified, without a socket"],
  ["open_a_segment/bytes:67108864/chunk_bytes:65536", "a segment opened and mapped"],
  ["publish_a_chunk", "a chunk published, nobody waiting"],
  ["publish_to_seen/spin", "published until seen by a process that spins"],
  ["publish_to_seen/block", "published until seen by a process that blocks"]];
def nanoseconds: .real_time * {ns: 1, us: 1e3, ms: 1e6, s: 1e9}[.time_unit];
def short: if . >= 1e6 then "\(. / 1e4 | round / 100) ms" elif . >= 1e3 then "\(. / 10 | round / 100) us" else "\(. | round) ns" end;
def rate: if .bytes_per_second then "\(.bytes_per_second / 1e7 | round / 100) GB/s" else "" end;
map(.benchmarks[]) as $all
| "Parts, by `build/release/bench/{core,cipher,packet,engine,shm}_bench`:", "",
  "| | time | rate |", "|---|---:|---:|",
  (wanted[] as [$name, $text]
    | ($all | map(select(.name == $name or (.name | startswith($name + "/")))) | first) as $case
    | if $case == null or $case.error_occurred then "\($name) was not measured" | halt_error
      else $case | "| \($text) | \(if .median_us then .median_us * 1000 else nanoseconds end | short) | \(rate) |" end)
