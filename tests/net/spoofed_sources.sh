#!/bin/bash
# Somebody sends an exposer all kinds of datagrams in the name of hosts that never asked for anything. Those hosts do
# not get more bytes than were sent in their name, neither by any kind of datagram nor by all of them; and a cookie
# that the exposer gave him is worth nothing in their hands.
. "$(dirname "$0")/lib.sh"
forge=${2:?usage: $0 PATH_OF_RGTP PATH_OF_FORGE_PACKETS}
begin
few=200
many=${RGTP_NET_FORGED:-10000}
kinds=(hello hello-cookie hello-unknown hello-range next-version next-version-short next-version-cut next-version-long
  pull pull-long poll cut-request long-request damaged-request answer noise noise-with-magic)

make_namespace exposing
make_namespace forging
make_namespace victim
join_by_router "$exposing" "$forging" "$victim"
# The victims are one host, and one in each of 256 networks more.
ip -n "$victim" route add local 10.66.0.0/16 dev lo
ip -n "$forging" route add 10.66.0.0/16 via 10.77.2.1
make_file in 1
start_exposer "$exposing" 10.77.1.1 in
id=${locator##*/}

# MANIFEST and REFUSE, which are the answers to those who have no cookie, are shorter than DATA.
count_answers="counter got { }
  counter data { }
  chain answered {
    type filter hook input priority 0;
    udp sport 9000 counter name got
    udp sport 9000 ip length > 1000 counter name data
  }"
nft_in "$exposing" "counter asked { }
  chain arriving {
    type filter hook input priority 0;
    udp dport 9000 counter name asked
  }"
nft_in "$victim" "$count_answers"
nft_in "$forging" "$count_answers"

# ip_bytes NAMESPACE NAME VARIABLE: what a counter of table t has, headers included.
ip_bytes() {
  local ip_packets ip_payload
  counter "$1" "$2" ip_packets ip_payload
  printf -v "$3" %s $((ip_payload + 28 * ip_packets))
}

# draw VARIABLE KIND FROM PER_SECOND COUNT [COOKIE]: sends that, and waits until no more answers come. What the victims
# got for what the exposer got, per mille of the bytes of IP, goes into VARIABLE; both are in $got and $asked.
draw() {
  local asked_before asked_after got_before got_after last
  ip_bytes "$exposing" asked asked_before
  ip_bytes "$victim" got got_before
  (in_namespace "$forging" "$forge" send "$2" "$3" 10.77.1.1:9000 "$4" "$5" "$id" "${@:6}") >"$scratch/forged" ||
    fail "the forger ended with $?"
  ip_bytes "$victim" got got_after
  for ((last = -1; last != got_after; )); do
    last=$got_after
    sleep 0.02
    ip_bytes "$victim" got got_after
  done
  ip_bytes "$exposing" asked asked_after
  asked=$((asked_after - asked_before))
  got=$((got_after - got_before))
  ((asked > 0)) || fail "nothing of $2 reached the exposer"
  printf -v "$1" %s $((got * 1000 / asked))
  ((got <= asked)) || fail "$2 from $3: $got bytes came for $asked that were sent"
}

# Few, which no budget withholds answers from, so that it is their own lengths that say what may be drawn.
all_asked=0
all_got=0
declare -A by_few
for kind in "${kinds[@]}"; do
  draw by_few["$kind"] "$kind" 10.66.0.0/16:1024-65535 900 $few
  ((all_asked += asked, all_got += got))
done
for kind in "${kinds[@]}"; do
  draw by_many "$kind" 10.77.2.1:1024-65535 0 "$many"
  ((all_asked += asked, all_got += got))
  echo "$kind: answered with ${by_few[$kind]} per mille of its bytes; a flood of $(<"$scratch/forged") with $by_many"
done
draw of_all "$(IFS=,; echo "${kinds[*]}")" 10.66.0.0/16:1024-65535 0 "$many"
((all_asked += asked, all_got += got))
echo "all kinds from many networks at once: $of_all per mille; of everything: $((all_got * 1000 / all_asked))"
# What nobody answers would pass for anything.
((by_few[hello] == 1000 && by_few[pull] > 700 && by_few[poll] > 700)) || fail "the exposer answered less than it does"

# A cookie is its address's and port's. In anybody else's hands it draws what none does.
cookie=$(in_namespace "$forging" "$forge" cookie 10.77.1.254:5000 10.77.1.1:9000 "$id") || fail "no cookie came"
draw own pull-given 10.77.1.254:5000 900 5 "$cookie"
counter "$forging" data drawn _
((drawn > 0)) || fail "its own cookie drew nothing"
for kind in pull-given poll-given hello-given; do
  draw stolen $kind 10.77.2.1:5000 900 5 "$cookie"
  draw port_stolen $kind 10.77.1.254:5001 900 5 "$cookie"
  echo "$kind with somebody else's cookie: answered with $stolen per mille of its bytes"
done
counter "$forging" data drawn_later _
counter "$victim" data drawn_by_victim _
((drawn_later == drawn)) || fail "a cookie was worth something at another port"
((drawn_by_victim == 0)) || fail "a cookie was worth something at another address"
echo "5 PULL with a cookie of the forger's own drew $drawn DATA; at another address and at another port none"

pull_all "$victim" in
stop_exposer
