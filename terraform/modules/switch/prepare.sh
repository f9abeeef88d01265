#!/bin/sh
# Runs before FreeSWITCH and the controller, as root, and ends: directories that both may write to, and what only a running
# task knows of itself: its address, and the one that carriers see of its zone.
#
#   ECS_CONTAINER_METADATA_URI_V4   from ECS
#   OWNER                           UID:GID of both
#   NAT_GATEWAYS, NAT_INSTANCES     "ZONE=ADDRESS ZONE=ADDRESS"; the second may be empty
#   ROUTES                          the routes file, or nothing
#   RUN, STATE, CACHE, TEMP         directories
set -eu

refuse() {
    echo "prepare: $*" >&2
    exit 1
}

# field NAME JSON: the first string of that name, in an array or not.
field() {
    printf '%s' "$2" | tr -d '\n ' | sed -n "s/.*\"$1\":\[*\"\([^\"]*\)\".*/\1/p"
}

# of ZONE LIST: that zone's address.
of() {
    for pair in $2; do
        [ "${pair%%=*}" != "$1" ] || echo "${pair#*=}"
    done
}

task=$(timeout 5 wget -q -O - "$ECS_CONTAINER_METADATA_URI_V4/task") || refuse 'no answer from the task metadata endpoint'
zone=$(field AvailabilityZone "$task")
[ -n "$zone" ] || refuse 'expected an AvailabilityZone in the task metadata, found none'
address=$(field IPv4Addresses "$task")
[ -n "$address" ] || refuse 'expected an IPv4 address in the task metadata, found none'
id=$(field TaskARN "$task")
id=${id##*/}
[ -n "$id" ] || refuse 'expected a TaskARN in the task metadata, found none'
nat_gateway=$(of "$zone" "$NAT_GATEWAYS")
[ -n "$nat_gateway" ] || refuse "expected a NAT gateway of $zone, found $NAT_GATEWAYS"
nat_instance=$(of "$zone" "$NAT_INSTANCES")

umask 027
{
    echo "export FREESWITCH_IP=$address"
    echo "export FREESWITCH_NAT_GATEWAY_IP=$nat_gateway"
    # Without one, calls of those profiles leave by the NAT gateway too.
    echo "export FREESWITCH_NAT_INSTANCE_IP=${nat_instance:-$nat_gateway}"
} >"$RUN/freeswitch.env"
cat >"$RUN/controller.toml" <<TOML
[api]
host = "$address:8081"
[fleet]
id = "$id"
[recordings]
url = "http://$address:8081/recordings"
TOML
[ -z "${ROUTES-}" ] || printf '%s\n' "$ROUTES" >"$RUN/routes.toml"

mkdir -p "$STATE/freeswitch" "$STATE/recordings" "$CACHE/sounds"
chown -R "$OWNER" "$RUN" "$STATE" "$CACHE" "$TEMP"
echo "prepare: $address in $zone, seen as $nat_gateway${nat_instance:+ and $nat_instance}"
