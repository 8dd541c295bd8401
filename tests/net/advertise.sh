#!/bin/bash
# A host tells a group on its network what it exposes, and another one there lists it, over IPv4 and IPv6: with an id
# where it is told to give ids away, which is enough to pull then.
. "$(dirname "$0")/lib.sh"
begin

make_namespace exposing
make_namespace pulling
join "$exposing" "$pulling"
make_file in 1

# check ADDRESS GROUP...: the group is the default one where none is named.
check() {
  local address=$1 address_and_port id_told name size id _
  for id_told in '' --advertise-ids; do
    start_exposer "$exposing" "$address" in --advertise-group "${2:-239.255.71.82:7182}" ${id_told:+"$id_told"}
    in_namespace "$pulling" timeout 20 "$command" ls --network "${@:2}" >"$scratch/heard" &
    wait $! || fail "nothing can be listed of $2"
    read -r address_and_port name size _ id <<<"$(tail -n +2 "$scratch/heard")"
    echo "$address_and_port $name $size"
    [ "$address_and_port $name $size" = "$address:9000 in 1.0" ] || fail "heard: $(<"$scratch/heard")"
    if [ -z "$id_told" ]; then
      [ "$id" = - ] || fail "an id was given away"
    else
      locator=rgtp://$address_and_port/$id
      pull_all "$pulling" in
    fi
    stop_exposer
  done
}

check 10.77.0.1

ip -n "$exposing" addr add fd77::1/64 dev rgtp0 nodad 2>/dev/null || skip "no IPv6 here"
ip -n "$pulling" addr add fd77::2/64 dev rgtp0 nodad
check '[fd77::1]' '[ff05::4752]:7182'
