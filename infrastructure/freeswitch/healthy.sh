#!/bin/sh
# Exits with 0 if the FreeSWITCH that start.sh started on this machine takes commands and all its SIP profiles run; else
# says what is wrong. The same variables as start.sh's.
set -eu

directory=${FREESWITCH_DIRECTORY:-/var/lib/switchyard/freeswitch}
binary=$(command -v "${SWITCHYARD_FREESWITCH:-freeswitch}") ||
    { echo "expected ${SWITCHYARD_FREESWITCH:-freeswitch}, found no such program: set SWITCHYARD_FREESWITCH" >&2 && exit 1; }

ask() {
    "$(dirname "$binary")/fs_cli" -H 127.0.0.1 -P "${FREESWITCH_ESL_PORT:-8021}" -t 2000 \
        -p "$(cat "$directory/run/esl-password")" -x "$1"
}

# A profile that could not bind is not in the list.
running=$(ask 'sofia status' | grep -c 'profile.*RUNNING') || true
[ "$running" -eq 4 ] || { echo "expected four SIP profiles to run, got $running" >&2 && exit 1; }
